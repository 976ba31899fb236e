# SPDX-License-Identifier: Apache-2.0
"""The dry run: which layers a torch model executes, in which order, and which of them can be explained."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tb_xai_callbacks.backends import Layout, TargetLayer
from tb_xai_plugin.records import Layer, LayerTable, Parameter

#: Leaves that only move or drop values: they would repeat the row before them.
PASS_THROUGH = (nn.Identity, nn.Flatten, nn.Unflatten, nn.modules.dropout._DropoutNd)
#: Leaves whose units are axis 1.
CHANNELS_FIRST = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._BatchNorm,
    nn.GroupNorm,
    nn.modules.instancenorm._InstanceNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
)
#: Functional nonlinearities that make a layer's units dead or alive.
FUNCTIONAL = {
    "relu": "relu",
    "relu_": "relu",
    "relu6": "relu",
    "leaky_relu": "leaky_relu",
    "elu": "elu",
    "gelu": "gelu",
    "silu": "silu",
    "mish": "mish",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
}
#: Class tokens and registers before the patches: at most so many.
MOST_PREFIX_TOKENS = 5


def is_row(module: nn.Module) -> bool:
    """Whether a module is a row of the statistics: a leaf, or an attention layer taken as one."""
    if isinstance(module, nn.MultiheadAttention):
        return True
    return not any(True for _ in module.children()) and not isinstance(module, PASS_THROUGH)


def first_tensor(output: Any) -> Tensor | None:
    """The tensor of an output that may be a tensor, or a tuple, list or dict of such."""
    if isinstance(output, Tensor):
        return output
    values = output.values() if isinstance(output, dict) else output if isinstance(output, (tuple, list)) else ()
    return next((found for value in values if (found := first_tensor(value)) is not None), None)


@dataclass
class Execution:
    """One module's part in the dry run; `tensor` keeps the output alive so that its id stays its own."""

    name: str
    module: nn.Module
    tensor: Tensor
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    calls: int = 1


@dataclass
class DryRun:
    """What happened: executions in the order in which they ended, and who used what."""

    executions: dict[str, Execution] = field(default_factory=dict)
    activations: dict[int, str] = field(default_factory=dict)
    attention: list[str] = field(default_factory=list)
    kept: list[Tensor] = field(default_factory=list)

    def ended(self, name: str, module: nn.Module, args: Any, output: Any) -> None:
        """Note one call of a module."""
        tensor = first_tensor(output)
        if tensor is None:
            return
        calls = self.executions[name].calls + 1 if name in self.executions else 1
        self.executions.pop(name, None)  # the last call counts, also for the order
        inputs = tuple(id(value) for value in args if isinstance(value, Tensor))
        self.executions[name] = Execution(name, module, tensor, inputs, tuple(tensor.shape), calls)
        self.kept.append(tensor)


class _NoteActivations(TorchFunctionMode):
    """Notes which tensors a functional nonlinearity is applied to."""

    def __init__(self, run: DryRun) -> None:
        super().__init__()
        self.run = run

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = FUNCTIONAL.get(getattr(func, "__name__", ""))
        if name and args and isinstance(args[0], Tensor):
            self.run.activations.setdefault(id(args[0]), name)
        return func(*args, **(kwargs or {}))


def dry_run(model: nn.Module, forward: Callable[[], Any]) -> DryRun:
    """Run the probe once and note every module's call. The caller provides the probe context."""
    run = DryRun()
    handles = []
    for name, module in model.named_modules():
        if name:
            handles.append(module.register_forward_hook(_noting(run, name)))
    try:
        with _NoteActivations(run):
            forward()
    finally:
        for handle in handles:
            handle.remove()
    return run


def _noting(run: DryRun, name: str) -> Callable[[nn.Module, Any, Any], None]:
    return lambda module, args, output: run.ended(name, module, args, output)


def unit_axes(run: DryRun) -> dict[str, int]:
    """The axis of the units of each row: by kind of layer, or as in the input of an elementwise one."""
    axis_of: dict[int, int] = {}
    axes = {}
    for item in run.executions.values():
        if isinstance(item.module, CHANNELS_FIRST):
            axis = 1
        elif isinstance(item.module, (nn.Linear, nn.LayerNorm, nn.Embedding, nn.MultiheadAttention)):
            axis = len(item.shape) - 1
        else:
            known = [axis_of[i] for i in item.inputs if i in axis_of]
            axis = known[0] if known else (1 if len(item.shape) == 4 else len(item.shape) - 1)
        axis_of[id(item.tensor)] = axes[item.name] = min(axis, max(len(item.shape) - 1, 0))
    return axes


def _is_spatial(shape: Sequence[int]) -> bool:
    return len(shape) == 4 and _rows_columns(shape)[0] > 1 and _rows_columns(shape)[1] > 1


def channels_last(shape: Sequence[int]) -> bool:
    """Whether [n, a, b, c] is rows × columns × channels, as inside Swin: only the first two are alike."""
    return len(shape) == 4 and shape[1] == shape[2] != shape[3]


def _rows_columns(shape: Sequence[int]) -> tuple[int, int]:
    return (shape[1], shape[2]) if channels_last(shape) else (shape[2], shape[3])


def rows(run: DryRun) -> list[Execution]:
    """The executions that are rows of the statistics, in execution order."""
    return [item for item in run.executions.values() if is_row(item.module)]


def layer_table(model: nn.Module, run: DryRun, axes: dict[str, int], in_optimizer: set[int] | None) -> LayerTable:
    """Rows, parameters and what never ran. `in_optimizer`: ids of the tensors that some optimizer updates."""
    executed = rows(run)
    layers = tuple(
        Layer(
            name=item.name,
            type=type(item.module).__name__,
            output_shape=item.shape[1:],
            units=item.shape[axes[item.name]] if len(item.shape) > 1 else 0,
            activation=run.activations.get(id(item.tensor), ""),
            calls=item.calls,
            spatial=_is_spatial(item.shape),
            is_output=item is executed[-1],
        )
        for item in executed
    )
    parameters = tuple(
        Parameter(
            name=name,
            layer=name.rpartition(".")[0],
            shape=tuple(parameter.shape),
            trainable=parameter.requires_grad,
            in_optimizer=in_optimizer is None or id(parameter) in in_optimizer,
        )
        for name, parameter in model.named_parameters()
    )
    never = tuple(
        name
        for name, module in model.named_modules()
        if name
        and name not in run.executions
        and any(True for _ in module.parameters(recurse=False))
        and not any(isinstance(run.executions[up].module, nn.MultiheadAttention) for up in _ancestors(name) if up in run.executions)
    )  # fmt: skip
    names = "\n".join([*(f"{x.name}:{x.units}" for x in layers), *(p.name for p in parameters)])
    return LayerTable(hashlib.sha256(names.encode()).hexdigest()[:16], layers, parameters, never)


def _ancestors(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:size]) for size in range(len(parts) - 1, 0, -1)]


def candidates(run: DryRun, output: Tensor | None) -> list[TargetLayer]:
    """Every module with rows and columns in its output, but for the model's own output and attention's."""
    found = []
    for item in run.executions.values():
        inside = any(up in run.attention for up in [item.name, *_ancestors(item.name)])
        if _is_spatial(item.shape) and not inside and item.tensor is not output:
            found.append(TargetLayer(item.name))
    return found


def token_target(run: DryRun, tokens: Sequence[tuple[str, int]]) -> TargetLayer | None:
    """For a model that attends over picture patches: the layer that feeds the last attention.

    `tokens` are (attention layer, number of keys). A model that classifies from its class token has no
    gradient at the patches of the last block's output, so the input of its attention is explained.
    """
    for name, count in reversed(tokens):
        grid = _grid(run, count)
        if grid is None:
            continue
        item = run.executions.get(name)
        feeding = [e for e in run.executions.values() if item and id(e.tensor) in item.inputs and is_row(e.module)]
        if feeding and len(feeding[-1].shape) == 3 and feeding[-1].shape[1] == count:
            return TargetLayer(feeding[-1].name, grid[0], grid[1])
    return None


def _grid(run: DryRun, count: int) -> tuple[tuple[int, int], int] | None:
    """(rows, columns) and prefix of `count` tokens: the grid of a convolution, or else a square one."""
    shapes = [_rows_columns(e.shape) for e in run.executions.values() if _is_spatial(e.shape)]
    for prefix in range(min(MOST_PREFIX_TOKENS, count - 4) + 1):
        match = [shape for shape in shapes if shape[0] * shape[1] == count - prefix]
        if match:
            return match[-1], prefix
    for prefix in range(min(MOST_PREFIX_TOKENS, count - 4) + 1):
        side = math.isqrt(count - prefix)
        if shapes and side * side == count - prefix and side > 1:
            return (side, side), prefix
    return None


def make_layout(
    model: nn.Module,
    run: DryRun,
    output: Tensor | None,
    attention: dict[str, Tensor],
    in_optimizer: set[int] | None,
) -> Layout:
    """Everything the recorder wants to know, from one dry run and its attention probabilities."""
    run.attention = list(attention)
    axes = unit_axes(run)
    maps = candidates(run, output)
    square = [(name, weights.shape[-1]) for name, weights in attention.items() if weights.shape[-1] == weights.shape[-2]]
    auto = token_target(run, square) or (maps[-1] if maps else None)
    return Layout(
        table=layer_table(model, run, axes, in_optimizer),
        candidates=(*maps, *([auto] if auto and auto not in maps else [])),
        auto=auto,
        no_target_reason="" if auto else "no layer's output has rows and columns, so there is no map to draw",
        attention_layers=tuple(attention),
        no_attention_reason="" if attention else "no attention was seen: neither scaled_dot_product_attention nor nn.MultiheadAttention ran",
        call_counts={item.name: item.calls for item in run.executions.values()},
    )  # fmt: skip


def parameter_device(model: nn.Module) -> torch.device:
    """Where the model lives; the CPU for one without parameters."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))
