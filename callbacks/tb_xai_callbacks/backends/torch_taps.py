# SPDX-License-Identifier: Apache-2.0
"""Hooks on one training step: outputs, their gradients, parameters' gradients and the update."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from tb_xai_callbacks.backends import Pending, Reduction
from tb_xai_callbacks.backends.torch_layout import first_tensor
from tb_xai_callbacks.backends.torch_reduce import Buffer, live_counts
from tb_xai_plugin.records import TRAINING_BATCH, LayerTable


@contextmanager
def reducing() -> Iterator[None]:
    """Arithmetic of ours inside the user's forward or backward pass: no graph, no autocast."""
    with torch.no_grad(), torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield


class ActivationTap:
    """Reduces the outputs of all rows as they are made, before an in-place operation can change them."""

    def __init__(self, modules: Sequence[nn.Module | None], axes: Sequence[int], table: LayerTable, source: str) -> None:
        self.table = table
        self.axes = axes
        self.buffer = Buffer("activation", source, len(modules), extra=1)
        self.live: list[Tensor | None] = [None] * len(modules)
        self.modules = modules

    def hook(self, row: int, on_output: Callable[[int, Tensor], None] | None = None) -> Callable[..., None]:
        """A forward hook for one row; `on_output` may attach itself to the output."""

        def observe(module: nn.Module, args: Any, output: Any) -> None:
            tensor = first_tensor(output)
            if tensor is None or not tensor.is_floating_point():
                return
            with reducing():
                self.reduce(row, tensor)
            if on_output is not None:
                on_output(row, tensor)

        return observe

    def reduce(self, row: int, tensor: Tensor) -> None:
        """Reduce one output [n, …]."""
        layer = self.table.layers[row]
        self.buffer.add(row, tensor)
        self.buffer.num_samples = tensor.shape[0] if tensor.dim() else 1
        if layer.activation.startswith("relu"):
            self.buffer.zero_fraction(row, (tensor <= 0).double().mean())
        units = tensor.shape[self.axes[row]] if tensor.dim() > 1 else 0
        self.live[row] = live_counts(tensor, self.axes[row], layer.activation) if units == layer.units and units else None

    def pending(self) -> Pending:
        """The activation reduction with its live units."""
        return self.buffer.pending(self.live, [layer.units for layer in self.table.layers])


class StepTap:
    """Everything that is observed of one training step.

    Args:
        root: the module that the user calls; batches outside its training mode are ignored.
        tap: reduces the outputs.
        parameters: in the table's order.
        optimizer: whose step is watched; None: gradients are read when the step is over.
    """

    def __init__(
        self, root: nn.Module, tap: ActivationTap, parameters: Sequence[Tensor], optimizer: torch.optim.Optimizer | None
    ) -> None:
        self.root = root
        self.tap = tap
        self.parameters = list(parameters)
        self.optimizer = optimizer
        self.gradients = Buffer("gradient", TRAINING_BATCH, len(tap.modules), extra=1)
        self.weights = Buffer("weight", TRAINING_BATCH, len(self.parameters), extra=1)
        self.weight_gradients = Buffer("weight_gradient", TRAINING_BATCH, len(self.parameters))
        self.error: Exception | None = None
        self._scale: Tensor | None = None
        self._before: list[Tensor] = []
        self._stack = ExitStack()

    def attach(self) -> None:
        """Register every hook."""
        for row, module in enumerate(self.tap.modules):
            if module is not None:
                hook = module.register_forward_hook(self._safe(self._in_training(self.tap.hook(row, self._on_output))))
                self._stack.callback(hook.remove)
        if self.optimizer is not None:
            before = self.optimizer.register_step_pre_hook(self._safe(self._before_update))
            after = self.optimizer.register_step_post_hook(self._safe(self._after_update))
            self._stack.callback(before.remove)
            self._stack.callback(after.remove)
        self._stack.enter_context(self._noting_loss_scale())

    def detach(self) -> None:
        """Remove every hook; may be called twice."""
        self._stack.close()

    def _safe(self, hook: Callable[..., None]) -> Callable[..., None]:
        """An error in a hook must not reach the user's forward pass: it is told in `pending`."""

        def guarded(*args: Any, **kwargs: Any) -> None:
            if self.error is None:
                try:
                    hook(*args, **kwargs)
                except Exception as error:  # noqa: BLE001 — raised again where the recorder guards
                    self.error = error

        return guarded

    def _in_training(self, hook: Callable[..., None]) -> Callable[..., None]:
        def observe(*args: Any) -> None:
            if self.root.training and torch.is_grad_enabled():
                hook(*args)

        return observe

    def _on_output(self, row: int, tensor: Tensor) -> None:
        if tensor.requires_grad:
            tensor.register_hook(self._safe(lambda gradient: self._reduce_gradient(row, gradient)))

    def _reduce_gradient(self, row: int, gradient: Tensor) -> None:
        with reducing():
            self.gradients.add(row, gradient, self._scale)
            self.gradients.num_samples = gradient.shape[0] if gradient.dim() else 1

    @contextmanager
    def _noting_loss_scale(self) -> Iterator[None]:
        """Note by what a GradScaler multiplies the loss, so that gradients can be divided by it."""
        original = torch.amp.GradScaler.scale
        tap = self

        def scale(scaler: Any, outputs: Any) -> Any:
            scaled = original(scaler, outputs)
            if scaler.is_enabled() and scaler._scale is not None:
                tap._scale = scaler._scale.detach().clone()
            return scaled

        torch.amp.GradScaler.scale = scale
        try:
            yield
        finally:
            torch.amp.GradScaler.scale = original

    def _before_update(self, *_: Any) -> None:
        with reducing():
            self._reduce_parameters()
            self._before = [parameter.detach().clone() for parameter in self.parameters]

    def _reduce_parameters(self) -> None:
        for row, parameter in enumerate(self.parameters):
            self.weights.add(row, parameter)
            if parameter.grad is not None and not parameter.grad.is_sparse:
                self.weight_gradients.add(row, parameter.grad)

    def _after_update(self, *_: Any) -> None:
        if not self._before:
            return
        with reducing():
            now = [parameter.detach() for parameter in self.parameters]
            change = torch._foreach_norm(torch._foreach_sub(now, self._before))
            size = torch._foreach_norm(self._before)
            for row, (moved, norm) in enumerate(zip(change, size, strict=True)):
                self.weights.add_extra(row, moved.double() / norm.double().clamp_min(1e-30))
        self._before = []

    def pending(self) -> Pending:
        """Start the copies to the host; the reductions that were seen.

        Raises:
            Exception: what a hook raised.
        """
        if self.error is not None:
            raise self.error
        if self.tap.buffer and not self.weights:
            with reducing():
                self._reduce_parameters()
        samples = self.tap.buffer.num_samples
        self.weights.num_samples = self.weight_gradients.num_samples = samples
        parts = [self.tap.pending()] if self.tap.buffer else []
        parts += [b.pending() for b in (self.gradients, self.weights, self.weight_gradients) if b]

        def resolve() -> list[Reduction]:
            return [reduction for part in parts for reduction in part()]

        return resolve
