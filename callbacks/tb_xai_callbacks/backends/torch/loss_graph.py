# SPDX-License-Identifier: Apache-2.0
"""What a loss does to the model's outputs, read from its autograd graph: no loss function is asked for.

`loss.grad_fn` still has its nodes after the backward pass; only the tensors that they saved are gone.
Walked once, in the first steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tb_xai_callbacks.measure.outcome import LossFacts

#: Nodes looked at before the walk gives up: losses are small, models are not.
MOST_NODES = 2000
#: Nodes that only move values: the operation that made them is further down.
MOVES = frozenset({
    "View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Slice", "Select", "Transpose", "Permute",
    "T", "Clone", "Alias", "ToCopy", "Contiguous", "Index", "Gather", "Expand", "AsStrided", "Flatten",
})  # fmt: skip
#: The nonlinearity that a node computes.
HEADS = {
    "LogSoftmax": "log_softmax", "Softmax": "softmax", "Sigmoid": "sigmoid", "Tanh": "tanh", "Relu": "relu",
    "LeakyRelu": "leaky_relu", "Gelu": "gelu", "Silu": "silu", "Softplus": "softplus", "Clamp": "clamp",
    "Hardtanh": "relu6", "Elu": "elu",
}  # fmt: skip
#: What a loss may apply to the outputs before it compares.
LINKS = {"LogSoftmax": "log_softmax", "Softmax": "softmax", "Sigmoid": "sigmoid", "Log": "log",
         "LogSigmoid": "log_sigmoid", "Exp": "exp"}  # fmt: skip
#: Losses that are one node.
LOSSES = {
    "BinaryCrossEntropyWithLogits": "bce_logits", "BinaryCrossEntropy": "bce", "MseLoss": "mse",
    "L1Loss": "l1", "SmoothL1Loss": "huber", "HuberLoss": "huber", "KlDiv": "kl",
}  # fmt: skip
COMPARED = frozenset({"mse", "l1", "huber", "bce", "bce_logits"})
SUM = 2


def read_loss(loss_node: Any, output_node: Any, output_shape: Sequence[int]) -> LossFacts:
    """The graph between a model's output and a loss -> what the loss is.

    Args:
        loss_node: `loss.grad_fn`.
        output_node: `output.grad_fn` of the same step; None where it is not known.
        output_shape: of the output, with the batch axis.
    """
    between = _between(loss_node, output_node)
    main = next((node for node in between if _is_loss(_name(node))), None)
    around = between
    if main is not None:  # what stands beside the loss, as a penalty on the entropy, is none of it
        between = _between(main, output_node)
    names = [_name(node) for node in between]
    links = [LINKS[name] for name in reversed(names) if name in LINKS]
    head = _head(output_node, output_shape)
    loss, links = _loss(between, names, links, head)
    beside = [_name(node) for node in around if node not in between]
    if "Sqrt" in (*names, *beside) or "Softmax" in beside or "Exp" in beside:
        loss = "other"  # a root of it, or something like an entropy added to it: not that loss any more
    return LossFacts(
        loss=loss,
        reduction=_reduction(around, [_name(node) for node in around]),
        head=head,
        link="+".join(links),
        broadcast_shape=_broadcast(between, output_node, output_shape) if loss in COMPARED else (),
        batch=int(output_shape[0]) if output_shape else 0,
    )


def _name(node: Any) -> str:
    """`NllLoss2DBackward0` → `NllLoss2D`."""
    return str(node.name()).rsplit("::", 1)[-1].split("Backward")[0]


def _children(node: Any) -> Iterator[Any]:
    return (child for child, _ in node.next_functions if child is not None)


def _is_loss(name: str) -> bool:
    return name.startswith("NllLoss") or name in LOSSES


def _between(loss_node: Any, output_node: Any) -> list[Any]:
    """The nodes on paths from the loss to the output, from the loss down, without the output's own."""
    order: list[Any] = []
    seen, waiting = {loss_node}, [loss_node]
    while waiting and len(order) < MOST_NODES:
        node = waiting.pop(0)
        order.append(node)
        if node is output_node:
            continue
        for child in _children(node):
            if child not in seen:
                seen.add(child)
                waiting.append(child)
    if output_node not in seen:
        return []
    reaches = {output_node}
    for node in reversed(order):  # breadth first, so parents may come late: repeat until nothing changes
        if any(child in reaches for child in _children(node)):
            reaches.add(node)
    grown = True
    while grown:
        grown = False
        for node in order:
            if node not in reaches and any(child in reaches for child in _children(node)):
                reaches.add(node)
                grown = True
    return [node for node in order if node in reaches and node is not output_node]


def _head(output_node: Any, output_shape: Sequence[int]) -> str:
    """The last operation of the model that is not a mere move of values."""
    node = output_node
    for _ in range(20):
        if node is None:
            return ""
        name = _name(node)
        if name in HEADS:
            return _softmax_axis(node, HEADS[name], len(output_shape))
        if name not in MOVES:
            return "linear"
        node = next(_children(node), None)
    return "linear"


def _softmax_axis(node: Any, head: str, dims: int) -> str:
    """A softmax over the batch is none over classes."""
    axis = getattr(node, "_saved_dim", None)
    if head in ("softmax", "log_softmax") and axis == 0 and dims > 1:
        return f"{head}_over_batch"
    return head


def _loss(between: Sequence[Any], names: Sequence[str], links: list[str], head: str) -> tuple[str, list[str]]:
    """(kind of loss, what it applies to the outputs before it)."""
    if "Softplus" in names:
        return "other", links
    if any(name.startswith("NllLoss") for name in names):
        return ("cross_entropy" if "log_softmax" in links else "nll"), links
    for name in names:
        if name in LOSSES:
            return LOSSES[name], links
    within = {*between}
    squares = any(
        _name(node) == "Mul" and sum(child in within for child in _children(node)) == 2 for node in between
    )
    return _loss_by_hand(names, links, head, squares)


def _loss_by_hand(names: Sequence[str], links: list[str], head: str, squares: bool) -> tuple[str, list[str]]:
    """Losses written out; `squares`: something is multiplied by itself.

    What is weighted, or not negated, may be anything: a policy gradient, say.
    """
    weighted = "Mul" in names and ("Gather" in names or "Index" in names)
    if "log_softmax" in links:
        return ("cross_entropy" if "Neg" in names and not weighted else "other"), links
    if "log" in links and ("softmax" in links or head == "softmax"):
        return ("nll" if "Neg" in names and not weighted else "other"), links
    if "log" in links or "log_sigmoid" in links:
        binary = "sigmoid" in links or head == "sigmoid"
        return ("bce" if binary else "other"), [name for name in links if name == "sigmoid"][
            :1
        ] if binary else links
    if ("Sub" in names or "Rsub" in names) and "Clamp" not in names:
        squared = "Pow" in names or squares
        return ("mse" if squared else "l1" if "Abs" in names else "other"), links
    return ("other" if names else ""), links


def _reduction(nodes: Sequence[Any], names: Sequence[str]) -> str:
    for node in nodes:
        saved = getattr(node, "_saved_reduction", 0)
        if saved:
            return "sum" if saved == SUM and "Div" not in names else "mean"
    if "Mean" in names or "Div" in names:
        return "mean"
    summed = any(name == "Sum" and _shape(node) == () for node, name in zip(nodes, names, strict=True))
    return "sum" if summed else ("mean" if names else "")


def _shape(node: Any) -> tuple[int, ...] | None:
    """Shape of what the node's operation made."""
    described = getattr(node, "_input_metadata", None)
    return tuple(described[0].shape) if described else None


def _broadcast(nodes: Sequence[Any], output_node: Any, output_shape: Sequence[int]) -> tuple[int, ...]:
    """The shape [B, B] in which outputs [B, 1] meet targets [B] by mistake; () if they do not.

    Where outputs meet one another as [B, B], as in a loss over pairs, it is meant.
    """
    batch = output_shape[0] if output_shape else 0
    if not (batch > 1 and all(size == 1 for size in output_shape[1:])):
        return ()
    square = {node for node in nodes if _shape(node) == (batch, batch)}
    within = {*nodes, output_node}
    for node in square:
        below = [child for child in _children(node) if child in within]
        if not any(child in square for child in below) and len(below) == 1:
            return (batch, batch)
    return ()
