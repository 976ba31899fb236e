# SPDX-License-Identifier: Apache-2.0
"""Hooks on one training step: outputs, their gradients, parameters' gradients and the update."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tb_xai_callbacks.backends.contract import Pending, Reduction, Reductions
from tb_xai_callbacks.backends.torch.layout import SMOOTH_TYPES, first_tensor
from tb_xai_callbacks.backends.torch.loss_scale import noting_loss_scale
from tb_xai_callbacks.backends.torch.moments import flattened, sampled
from tb_xai_callbacks.backends.torch.reduce import Buffer, later
from tb_xai_callbacks.backends.torch.units import Units, gram, live_counts, participation_ratio
from tb_xai_callbacks.backends.torch.untouched import full_precision
from tb_xai_plugin.format.records import TRAINING_BATCH, LayerTable


@contextmanager
def reducing() -> Iterator[None]:
    """Arithmetic of ours inside the user's forward or backward pass: no graph, no autocast."""
    casts = torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda")
    with torch.no_grad(), full_precision() if casts else nullcontext():  # leaving it out is 20 µs less
        yield


class ActivationTap:
    """Reduces the outputs of all rows as they are made, before an in-place operation can change them.

    Args:
        modules: by row of the table; None for a row that is not there.
        axes: the axis of the units, by row.
        table: the rows.
        source: what the outputs are of.
        keep: whether to copy the outputs themselves.
    """

    def __init__(
        self,
        modules: Sequence[nn.Module | None],
        axes: Sequence[int],
        table: LayerTable,
        source: str,
        keep: bool = False,
    ) -> None:
        self.modules = modules
        self.axes = axes
        self.layers = table.layers
        self.buffer = Buffer("activation", source, len(modules), keep)
        self.live: list[Tensor | None] = [None] * len(modules)

    def __call__(self, row: int, tensor: Tensor) -> None:
        """Reduce one output [n, …]; the last call of a layer counts."""
        layer, axis = self.layers[row], self.axes[row]
        whole = tensor.dim() <= max(axis, 1) or tensor.shape[axis] != layer.units or not tensor.numel()
        with reducing():
            self.buffer.num_samples = tensor.shape[0] if tensor.dim() else 1
            if whole:
                self.buffer.add(row, tensor)
                return
            units = Units(tensor, axis)
            self.buffer.add(row, tensor, units=units)
            gate = layer.activation or ("smooth" if layer.type in SMOOTH_TYPES else "")
            self.live[row] = live_counts(units, gate)
            if layer.units > 1 and tensor.shape[0] > 2:
                self.buffer.add_extra(
                    row, later(participation_ratio, gram(units.mean)), "participation_ratio"
                )

    def pending(self) -> Pending:
        """The activation reduction with its live units."""
        rectified = [row for row, layer in enumerate(self.layers) if layer.activation.startswith("relu")]
        return self.buffer.pending(self.live, [layer.units for layer in self.layers], rectified)


#: Called with a row and the tensor that its layer returned.
OnOutput = Callable[[int, Tensor], None]


@contextmanager
def watching_outputs(modules: Sequence[nn.Module | None], on_output: OnOutput) -> Iterator[None]:
    """Call `on_output` with every floating-point output of the rows' modules."""

    def hook_of(row: int) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            tensor = first_tensor(output)
            if tensor is not None and tensor.is_floating_point():
                on_output(row, tensor)

        return hook

    with ExitStack() as stack:
        for row, module in enumerate(modules):
            if module is not None:
                stack.callback(module.register_forward_hook(hook_of(row)).remove)
        yield


@dataclass(frozen=True)
class Watched:
    """What is trained.

    root: the module; what runs outside its training mode is ignored. optimizers: whose step is watched; none:
    there are no update ratios. select: from what the root returns to its output.
    """

    root: nn.Module
    optimizers: Sequence[torch.optim.Optimizer]
    select: Callable[[Any], Tensor]


class StepTap:
    """Everything that is observed of one training step.

    Args:
        watched: what is trained.
        tap: reduces the outputs.
        wanted: the reductions to make.
        keeping: those of them whose values are kept.
    """

    def __init__(
        self,
        watched: Watched,
        tap: ActivationTap,
        wanted: frozenset[str],
        keeping: frozenset[str] = frozenset(),
    ) -> None:
        self.root, self.optimizers = watched.root, watched.optimizers
        self.tap = tap
        self.wanted = wanted
        self.parameters = list(self.root.parameters())
        rows = {"gradient": len(tap.modules), "weight": len(self.parameters)}
        self.gradients, self.weights, self.weight_gradients = (
            Buffer(name, TRAINING_BATCH, rows.get(name, len(self.parameters)), name in keeping)
            for name in ("gradient", "weight", "weight_gradient")
        )
        self.errors: dict[str, Exception] = {}
        self.output_node: Any = None
        self.output_shape: tuple[int, ...] = ()
        self._select = watched.select
        self._samples = 0
        self._row_of = {id(parameter): row for row, parameter in enumerate(self.parameters)}
        self._latest: dict[int, object] = {}
        self._scale: Tensor | None = None
        self._before: dict[int, Tensor] = {}
        self._stack = ExitStack()

    def attach(self) -> None:
        """Register every hook."""
        if self.wanted & {"activation", "gradient"}:
            self._stack.enter_context(watching_outputs(self.tap.modules, self._on_output))
        self._stack.enter_context(noting_loss_scale(self._note_scale))
        self._stack.callback(self.root.register_forward_hook(self._note_output).remove)
        for optimizer in self.optimizers:
            before = optimizer.register_step_pre_hook(self._safe("weight", self._before_update))
            after = optimizer.register_step_post_hook(self._safe("weight", self._after_update))
            self._stack.callback(before.remove)
            self._stack.callback(after.remove)
            if "weight_gradient" in self.wanted:
                self._watch_weight_gradients(optimizer)
        if not self.optimizers:
            self._attach_to_parameters()

    def _watch_weight_gradients(self, optimizer: torch.optim.Optimizer) -> None:
        def before(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
            if not _has_closure(args, kwargs):
                self._reduce_weight_gradients(optimizer)

        def after(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
            if _has_closure(args, kwargs):  # which ran forward and backward: the gradients are there only now
                self._reduce_weight_gradients(optimizer)

        self._stack.callback(optimizer.register_step_pre_hook(self._safe("weight_gradient", before)).remove)
        self._stack.callback(optimizer.register_step_post_hook(self._safe("weight_gradient", after)).remove)

    def _attach_to_parameters(self) -> None:
        """The weights that the batch will see, and gradients as they come: nobody says when it is over."""
        self._reduce_weights()
        for row, parameter in enumerate(self.parameters):
            if parameter.requires_grad and "weight_gradient" in self.wanted:
                hook = self._safe("weight_gradient", self._accumulated_in(row))
                self._stack.callback(parameter.register_post_accumulate_grad_hook(hook).remove)

    def detach(self) -> None:
        """Remove every hook; may be called twice."""
        self._stack.close()
        self._before = {}
        self._latest = {}

    # ---- in the forward and backward pass

    def _safe(self, signal: str, hook: Callable[..., None]) -> Callable[..., None]:
        """An error in a hook must not reach the user's pass: `pending` has it, in what `signal` brought."""

        def guarded(*args: Any, **kwargs: Any) -> None:
            if signal not in self.errors:
                try:
                    hook(*args, **kwargs)
                except Exception as error:  # noqa: BLE001 — raised again where the recorder guards
                    self.errors[signal] = error

        return guarded

    def _note_scale(self, scale: Tensor) -> None:
        self._scale = scale

    def _note_output(self, module: nn.Module, args: Any, output: Any) -> None:
        """Where the model ends in the graph of the loss."""
        if module.training and torch.is_grad_enabled():
            try:
                tensor = self._select(output)
            except Exception:  # noqa: BLE001 — there may be none; explanations tell the user
                return
            self.output_node, self.output_shape = tensor.grad_fn, tuple(tensor.shape)

    def _on_output(self, row: int, tensor: Tensor) -> None:
        if not (self.root.training and torch.is_grad_enabled()):
            return
        if row in self._latest and _in_backward():
            return  # checkpointing runs the layer again, for the graph that has our hook already
        self._samples = tensor.shape[0] if tensor.dim() else 1
        if "activation" in self.wanted:
            self._safe("activation", self.tap)(row, tensor)
        if "gradient" in self.wanted and tensor.requires_grad:
            self._safe("gradient", self._await_gradient)(row, tensor)

    def _await_gradient(self, row: int, tensor: Tensor) -> None:
        call = self._latest[row] = object()
        hook = self._safe("gradient", lambda gradient: self._on_gradient(row, call, gradient))
        tensor.register_hook(hook)

    def _on_gradient(self, row: int, call: object, gradient: Tensor) -> None:
        if self._latest.get(row) is not call:  # an earlier call of the layer, or the step is over
            return
        with reducing():
            self.gradients.add(row, gradient, self._scale)
            self.gradients.num_samples = gradient.shape[0] if gradient.dim() else 1

    # ---- around the update

    def _before_update(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        self._reduce_weights()
        if "weight" in self.wanted:
            rows = self._rows_of(optimizer)
            self._before.update({row: _some_of(self.parameters[row]).clone() for row in rows})

    def _after_update(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        rows = [row for row in self._rows_of(optimizer) if row in self._before]
        before = [self._before.pop(row) for row in rows]
        if not rows:
            return
        with reducing():
            now = [_some_of(self.parameters[row]) for row in rows]
            moved = torch._foreach_norm(torch._foreach_sub(now, before))
            for row, ratio in zip(rows, _ratios(moved, torch._foreach_norm(before)), strict=True):
                self.weights.add_extra(row, ratio, "update_ratio")

    def _rows_of(self, optimizer: torch.optim.Optimizer) -> list[int]:
        found = [self._row_of.get(id(p)) for group in optimizer.param_groups for p in group["params"]]
        return sorted(row for row in found if row is not None)

    def _reduce_weights(self) -> None:
        if "weight" not in self.wanted:
            return
        with reducing():
            for row, parameter in enumerate(self.parameters):
                if row not in self.weights and parameter.is_floating_point():
                    self.weights.add(row, parameter)

    def _reduce_weight_gradients(self, optimizer: torch.optim.Optimizer) -> None:
        scale = getattr(optimizer, "grad_scale", None)  # set where a fused optimizer unscales by itself
        with reducing():
            for row in self._rows_of(optimizer):
                self._reduce_weight_gradient(row, self.parameters[row].grad, scale)

    def _accumulated_in(self, row: int) -> Callable[[Tensor], None]:
        def accumulated(parameter: Tensor) -> None:
            with reducing():
                self._reduce_weight_gradient(row, parameter.grad, self._scale)

        return accumulated

    def _reduce_weight_gradient(self, row: int, gradient: Tensor | None, scale: Tensor | None) -> None:
        if gradient is not None and not gradient.is_sparse:
            self.weight_gradients.add(row, gradient, scale)

    # ---- when the step is over

    def pending(self) -> Reductions:
        """Start the copies to the host; what was seen, each with the error that a hook of its own raised."""
        if not self.weights:
            self._safe("weight", self._reduce_weights)()  # no optimizer took a step
        self.weights.num_samples = self.weight_gradients.num_samples = self._samples
        found: dict[str, Pending] = {}
        if self.tap.buffer:
            found["activation"] = self.tap.pending()
        for buffer in (self.gradients, self.weights, self.weight_gradients):
            if buffer:
                found[buffer.signal] = buffer.pending()
        return found | {signal: _raising(error) for signal, error in self.errors.items()}


def _raising(error: Exception) -> Pending:
    def resolve() -> Sequence[Reduction]:
        raise error

    return resolve


def _in_backward() -> bool:
    # Private, but there is no public way to ask; without it, as before: the last call counts.
    task = getattr(torch._C, "_current_graph_task_id", None)
    return task is not None and task() != -1


def _some_of(parameter: Tensor) -> Tensor:
    """The values that a ratio of norms is taken of: all, or an even sample of a large parameter."""
    return sampled(flattened(parameter))


def _ratios(norms: Sequence[Tensor], to: Sequence[Tensor]) -> Sequence[Tensor]:
    """Norm by norm, float64 0-d; NaN where there is nothing to divide by. All may lie on several devices."""
    places: dict[torch.device, list[int]] = {}
    for number, norm in enumerate(norms):
        places.setdefault(norm.device, []).append(number)
    found: dict[int, Tensor] = {}
    for numbers in places.values():
        above, below = (torch.stack([part[n] for n in numbers]).double() for part in (norms, to))
        found.update(zip(numbers, torch.where(below == 0, torch.nan, above / below).unbind(), strict=True))
    return [found[number] for number in range(len(norms))]


def _has_closure(args: Any, kwargs: Any) -> bool:
    """Whether an optimizer's step was given one. `args` may start with the optimizer itself."""
    given = [*args, *(kwargs or {}).values()]
    return any(callable(value) and not isinstance(value, torch.optim.Optimizer) for value in given)
