# SPDX-License-Identifier: Apache-2.0
"""Attention probabilities of a probe pass, also where the model's own kernel never materialises them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

MHA_SIGNATURE = inspect.signature(nn.MultiheadAttention.forward)


def probabilities(
    query: Tensor,
    key: Tensor,
    attn_mask: Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(Q Kᵀ × scale + mask): query [… q d], key [… k d] -> [… q k] float32.

    The arguments mean what they mean in `scaled_dot_product_attention`: a bool mask is True where
    attention is allowed, a float mask is added, causal is top-left aligned, grouped keys are repeated.
    """
    return _logits(query.detach(), key.detach(), attn_mask, is_causal, scale, enable_gqa).softmax(-1)


def _logits(
    query: Tensor,
    key: Tensor,
    attn_mask: Tensor | None,
    is_causal: bool,
    scale: float | None,
    enable_gqa: bool,
) -> Tensor:
    query, key = query.float(), key.float()
    if enable_gqa and key.shape[-3] != query.shape[-3]:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
    logits = query @ key.transpose(-2, -1) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        allowed = torch.ones(logits.shape[-2:], dtype=torch.bool, device=logits.device).tril()
        logits = logits.masked_fill(~allowed, -math.inf)
    if attn_mask is not None:
        if attn_mask.dtype == torch.bool:
            logits = logits.masked_fill(~attn_mask, -math.inf)
        else:
            logits = logits + attn_mask.float()
    return logits


class _NoteAttention(TorchFunctionMode):
    """Recomputes the probabilities beside every fused attention and lets the original run."""

    def __init__(self, found: dict[str, Tensor], current: Callable[[], str]) -> None:
        super().__init__()
        self.found = found
        self.current = current

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is functional.scaled_dot_product_attention:
            self._note(*args, **kwargs)
        return func(*args, **kwargs)

    def _note(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> None:
        with torch.no_grad():
            weights = probabilities(query, key, attn_mask, is_causal, scale, enable_gqa)
        self.found[self.current()] = weights.unsqueeze(1) if weights.dim() == 3 else weights


@contextmanager
def tracked_module(model: nn.Module) -> Iterator[Callable[[], str]]:
    """A function that names the innermost module whose forward is running."""
    stack: list[str] = []
    handles = []
    for name, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(lambda *_, name=name: stack.append(name)))
        handles.append(module.register_forward_hook(lambda *_: _pop(stack), always_call=True))
    try:
        yield lambda: stack[-1] if stack else ""
    finally:
        for handle in handles:
            handle.remove()


def _pop(stack: list[str]) -> None:
    stack.pop()


def _noting_forward(module: nn.MultiheadAttention, name: str, found: dict[str, Tensor]) -> Callable[..., Any]:
    original = module.forward

    def forward(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor | None]:
        bound = MHA_SIGNATURE.bind(module, *args, **kwargs)
        bound.apply_defaults()
        wanted, averaged = bound.arguments["need_weights"], bound.arguments["average_attn_weights"]
        bound.arguments.update(need_weights=True, average_attn_weights=False)
        output, weights = original(*bound.args[1:], **bound.kwargs)
        assert weights is not None
        found[name] = weights.detach().float() if weights.dim() == 4 else weights.detach().float()[None]
        if not wanted:
            return output, None
        return output, weights.mean(dim=-3) if averaged else weights

    return forward


@contextmanager
def _shadowed(module: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """Shadow `forward` on the instance only; an own shadow of the user's is put back."""
    had = "forward" in vars(module)
    old = vars(module).get("forward")
    object.__setattr__(module, "forward", forward)
    try:
        yield
    finally:
        if had:
            object.__setattr__(module, "forward", old)
        else:
            object.__delattr__(module, "forward")


@contextmanager
def attending(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Collects attention probabilities [n heads queries keys] by module path while it is entered.

    Outputs are what they were, to rounding. The caller switches off the encoder's fast path, which would
    bypass the layers.
    """
    found: dict[str, Tensor] = {}
    with ExitStack() as stack:
        current = stack.enter_context(tracked_module(model))
        for name, module in model.named_modules():
            if isinstance(module, nn.MultiheadAttention):
                stack.enter_context(_shadowed(module, _noting_forward(module, name, found)))
        stack.enter_context(_NoteAttention(found, current))
        yield found


class _ExplicitAttention(TorchFunctionMode):
    """Takes the place of every fused attention, with probabilities that gradients can reach."""

    def __init__(self, found: dict[str, Tensor], current: Callable[[], str]) -> None:
        super().__init__()
        self.found = found
        self.current = current

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is functional.scaled_dot_product_attention:
            return self._explicit(*args, **kwargs)
        return func(*args, **kwargs)

    def _explicit(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        with torch.enable_grad():
            logits = _logits(query, key, attn_mask, is_causal, scale, enable_gqa)
            masked = torch.isneginf(logits).all(-1, keepdim=True)  # softmax would make NaN of such a row
            weights = _reachable(logits.masked_fill(masked, 0).softmax(-1) * ~masked)
            self.found[self.current()] = weights
            if enable_gqa and value.shape[-3] != query.shape[-3]:
                value = value.repeat_interleave(query.shape[-3] // value.shape[-3], dim=-3)
            return weights.to(value.dtype) @ value


def _reachable(tensor: Tensor) -> Tensor:
    return tensor if tensor.requires_grad else tensor.detach().requires_grad_()


def _explicit_forward(
    module: nn.MultiheadAttention, name: str, found: dict[str, Tensor]
) -> Callable[..., Any]:
    original = module.forward

    def forward(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor | None]:
        bound = MHA_SIGNATURE.bind(module, *args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        wanted, averaged, query = given["need_weights"], given["average_attn_weights"], given["query"]
        given.update(need_weights=True, average_attn_weights=False)
        reachable = _reachable(query)
        given.update({k: reachable for k in ("query", "key", "value") if given[k] is query})
        with torch.enable_grad():
            output, weights = original(*bound.args[1:], **bound.kwargs)
        assert weights is not None
        # what is returned is a view beside the path to the output: its base is on the path
        base = weights if weights._base is None else weights._base
        found[name] = base
        object.__setattr__(base, "heads_shape", (1,) * (4 - weights.dim()) + tuple(weights.shape))
        if not wanted:
            return output, None
        return output, weights.mean(dim=-3) if averaged else weights

    return forward


@contextmanager
def attending_in_graph(model: Any) -> Iterator[dict[str, Tensor]]:
    """Collects, by module path, attention probabilities that the output was computed from.

    Fused attention is computed explicitly meanwhile: outputs are the same to rounding. A gradient there
    goes through `by_heads` to be [n heads queries keys].
    """
    found: dict[str, Tensor] = {}
    with ExitStack() as stack:
        current = stack.enter_context(tracked_module(model))
        for name, module in model.named_modules():
            if isinstance(module, nn.MultiheadAttention):
                stack.enter_context(_shadowed(module, _explicit_forward(module, name, found)))
        stack.enter_context(_ExplicitAttention(found, current))
        yield found


def by_heads(weights: Tensor, values: Tensor) -> Tensor:
    """Values like the collected `weights` -> [n heads queries keys]."""
    shape = getattr(weights, "heads_shape", None)
    if shape is not None:
        return values.detach().reshape(shape)
    return values.detach().unsqueeze(1) if values.dim() == 3 else values.detach()
