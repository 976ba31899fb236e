# SPDX-License-Identifier: Apache-2.0
"""A torch module as the recorder sees it: probe passes with gradients to taps, and training steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tb_xai_callbacks.backends import Capture, CaptureRequest, Layout, Pending, Reduction
from tb_xai_callbacks.backends.torch_attention import attending
from tb_xai_callbacks.backends.torch_guard import is_compiled, kept_buffers, forked_rng, probing, uncompiled, unwrap
from tb_xai_callbacks.backends.torch_layout import (
    channels_last,
    dry_run,
    first_tensor,
    make_layout,
    parameter_device,
    unit_axes,
)
from tb_xai_callbacks.backends.torch_reduce import Buffer
from tb_xai_callbacks.backends.torch_taps import ActivationTap, StepTap, reducing
from tb_xai_callbacks.probe_set import map_arrays
from tb_xai_plugin.records import PROBE, TRAINING_BATCH

#: Selects the tensor to explain from what the model returns.
Output = str | int | Callable[[Any], Any] | None


def select_output(returned: Any, output: Output) -> Tensor:
    """The tensor to explain of what a model returned.

    Raises:
        TypeError: if there is none, with what was returned and how to select.
    """
    if callable(output):
        chosen = output(returned)
    elif output is not None:
        chosen = returned[output]
    elif isinstance(returned, Mapping) and "logits" in returned:
        chosen = returned["logits"]
    elif isinstance(returned, (tuple, list)) and returned:
        chosen = first_tensor(returned[0])
    else:
        chosen = returned
    if isinstance(chosen, Tensor):
        return chosen
    keys = f" with keys {sorted(map(str, returned))}" if isinstance(returned, Mapping) else ""
    raise TypeError(
        f"the model returned a {type(returned).__name__}{keys}, from which no tensor was selected; say which: "
        'output="logits", output=0 or output=lambda returned: …'
    )


def to_device(inputs: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Numpy arrays → fresh tensors on `device`; floats take the parameters' type."""

    def convert(array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array)).to(device, copy=True)
        return tensor.to(dtype) if tensor.is_floating_point() else tensor

    return map_arrays(inputs, convert)


def call(model: nn.Module, inputs: Any) -> Any:
    """Call a model with one input, a tuple of inputs, or keywords."""
    if isinstance(inputs, dict):
        return model(**inputs)
    return model(*inputs) if isinstance(inputs, (tuple, list)) else model(inputs)


class TorchObserver:
    """Watches one module.

    Args:
        model: the user's model, possibly wrapped or compiled.
        inputs: the probe's inputs as numpy arrays.
        optimizer: for update ratios and unscaled gradients; optional.
        output: which of the model's outputs to explain.
    """

    backend = "torch"

    def __init__(
        self, model: nn.Module, inputs: Any, optimizer: torch.optim.Optimizer | None = None, output: Output = None
    ) -> None:
        self.model = unwrap(model)
        self.inputs = inputs
        self.optimizer = optimizer
        self.output = output
        self.versions: tuple[str, ...] = (f"torch {torch.__version__}",)
        self.observes_training = not (is_compiled(model) or is_compiled(self.model))
        self._layout: Layout | None = None
        self._rows: list[nn.Module | None] = []
        self._axes: list[int] = []
        self._step: StepTap | None = None
        self._batch: tuple[Any, Any] | None = None
        self._batch_hook = (
            self.model.register_forward_pre_hook(self._remember, with_kwargs=True) if self.observes_training else None
        )

    def _remember(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        if module.training and torch.is_grad_enabled() and not torch.jit.is_tracing():
            self._batch = (args, kwargs)

    # ---- the probe

    @contextmanager
    def _probing(self) -> Iterator[Callable[[], Any]]:
        """The probe context and a function that runs the model on the probe."""
        device = parameter_device(self.model)
        dtype = next((p.dtype for p in self.model.parameters() if p.is_floating_point()), torch.float32)
        remembered = self._batch
        try:
            with probing(self.model, device):
                inputs = to_device(self.inputs, device, dtype)
                yield lambda: call(self.model, inputs)
        finally:
            self._batch = remembered

    def layout(self) -> Layout:
        """See `Observer.layout`."""
        with self._probing() as forward, torch.no_grad():
            with attending(self.model) as attention:
                returned: list[Any] = []
                run = dry_run(self.model, lambda: returned.append(forward()))
            output = select_output(returned[0], self.output)
            updated = (
                {id(p) for group in self.optimizer.param_groups for p in group["params"]} if self.optimizer else None
            )
            self._layout = make_layout(self.model, run, output, attention, updated)
            axes = unit_axes(run)
        modules = dict(self.model.named_modules())
        self._rows = [modules.get(layer.name) for layer in self._layout.table.layers]
        self._axes = [axes[layer.name] for layer in self._layout.table.layers]
        return self._layout

    def capture(self, request: CaptureRequest) -> Capture:
        """See `Observer.capture`."""
        with self._probing() as forward, torch.set_grad_enabled(bool(request.layers)):
            taps: dict[str, Tensor] = {}
            statistics = self._activation_tap(PROBE) if request.statistics else None
            with self._tapping(request.layers, taps), self._reducing_outputs(statistics):
                attention, returned = self._forward(forward, request.attention)
            output = select_output(returned, self.output)
            outputs = _numpy(output)
            choice = request.choose(outputs) if request.choose and request.layers else None
            gradients = self._pull_back(output, taps, choice.cotangent) if choice else {}
            return Capture(
                outputs=outputs,
                choice=choice,
                activations={name: _numpy(_channels_first(tap)) for name, tap in taps.items()},
                gradients={name: _numpy(_channels_first(g)) for name, g in gradients.items()},
                attention={name: _numpy(weights) for name, weights in attention.items()},
                statistics=statistics.pending() if statistics else None,
            )

    def _forward(self, forward: Callable[[], Any], attention: bool) -> tuple[dict[str, Tensor], Any]:
        if not attention:
            return {}, forward()
        with attending(self.model) as found:
            returned = forward()
        return dict(found), returned

    @contextmanager
    def _tapping(self, layers: tuple[str, ...], taps: dict[str, Tensor]) -> Iterator[None]:
        """Keep the named layers' outputs in `taps`, as ends of the graph that gradients can reach."""
        modules = dict(self.model.named_modules())
        handles = [modules[name].register_forward_hook(_tap(name, taps)) for name in layers]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def _reducing_outputs(self, tap: ActivationTap | None) -> Iterator[None]:
        rows = enumerate(self._rows) if tap else ()
        handles = [m.register_forward_hook(tap.hook(row)) for row, m in rows if m is not None and tap]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _pull_back(self, output: Tensor, taps: dict[str, Tensor], cotangent: np.ndarray) -> dict[str, Tensor]:
        """Gradients of the score at the taps; zero where the score does not depend on one."""
        if not output.requires_grad:
            return {name: torch.zeros_like(tap) for name, tap in taps.items()}
        seed = torch.from_numpy(cotangent).to(output.device, output.dtype).reshape(output.shape)
        found = torch.autograd.grad(output, list(taps.values()), grad_outputs=seed, allow_unused=True)
        return {
            name: torch.zeros_like(tap) if gradient is None else gradient
            for (name, tap), gradient in zip(taps.items(), found, strict=True)
        }

    # ---- training

    def _activation_tap(self, source: str) -> ActivationTap:
        assert self._layout is not None, "layout() comes first"
        return ActivationTap(self._rows, self._axes, self._layout.table, source)

    def arm(self) -> None:
        """See `Observer.arm`."""
        self.disarm()
        if self.observes_training and self._layout is not None:
            tap = self._activation_tap(TRAINING_BATCH)
            self._step = StepTap(self.model, tap, list(self.model.parameters()), self.optimizer)
            self._step.attach()

    def disarm(self) -> None:
        """See `Observer.disarm`."""
        if self._step is not None:
            self._step.detach()

    def collect(self) -> Pending | None:
        """See `Observer.collect`."""
        if not self.observes_training:
            return self._probe_statistics()
        step, self._step = self._step, None
        if step is None:
            return None
        step.detach()
        return step.pending()

    def _probe_statistics(self) -> Pending:
        activations = self.capture(CaptureRequest(statistics=True)).statistics
        weights = self.parameters()

        def resolve() -> list[Reduction]:
            return [*(activations() if activations else ()), *weights()]

        return resolve

    def parameters(self) -> Pending:
        """See `Observer.parameters`."""
        values = list(self.model.parameters())
        buffer = Buffer("weight", TRAINING_BATCH if self.observes_training else PROBE, len(values), extra=1)
        with reducing():
            for row, parameter in enumerate(values):
                buffer.add(row, parameter)
        return buffer.pending()

    def last_batch(self) -> Pending | None:
        """See `Observer.last_batch`: replays the batch in its own mode, leaving buffers and RNG alone."""
        if self._batch is None or self._layout is None:
            return None
        args, kwargs = self._batch
        tap = self._activation_tap(TRAINING_BATCH)
        device = parameter_device(self.model)
        with (
            forked_rng(device),
            kept_buffers(self.model),
            uncompiled(self.model),
            torch.no_grad(),
            self._reducing_outputs(tap),
        ):
            self.model(*args, **kwargs)
        return tap.pending()

    def close(self) -> None:
        """Remove the one hook that stays between steps."""
        self.disarm()
        self._batch = None
        if self._batch_hook is not None:
            self._batch_hook.remove()


def _tap(name: str, taps: dict[str, Tensor]) -> Callable[..., Any]:
    """A forward hook that keeps the output and hands a clone on, which in-place operations may change."""

    def hook(module: nn.Module, args: Any, output: Any) -> Any:
        tensor = first_tensor(output)
        if tensor is None:
            return None
        tap = tensor if tensor.requires_grad or not torch.is_grad_enabled() else tensor.detach().requires_grad_()
        taps[name] = tap
        return _replaced(output, tensor, tap.clone())

    return hook


def _replaced(output: Any, old: Tensor, new: Tensor) -> Any:
    """The output with one tensor exchanged."""
    if output is old:
        return new
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        return type(output)(*(_replaced(value, old, new) for value in output))
    if isinstance(output, (tuple, list)):
        return type(output)(_replaced(value, old, new) for value in output)
    if isinstance(output, dict):
        return type(output)({key: _replaced(value, old, new) for key, value in output.items()})
    return output


def _channels_first(tensor: Tensor) -> Tensor:
    return tensor.permute(0, 3, 1, 2) if channels_last(tensor.shape) else tensor


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().cpu().numpy()
