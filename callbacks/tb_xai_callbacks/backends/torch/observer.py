# SPDX-License-Identifier: Apache-2.0
"""A torch module as the recorder sees it: probe passes with gradients to taps, and training steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tb_xai_callbacks.backends.contract import Absence, Capture, CaptureRequest, Layout, Reductions
from tb_xai_callbacks.backends.torch.attention import attending
from tb_xai_callbacks.backends.torch.call import (
    Call,
    Output,
    call,
    detached,
    model_place,
    scoring_of,
    select_output,
    shapes_of,
    to_device,
    to_numpy,
)
from tb_xai_callbacks.backends.torch.explainer import Shuffled, TorchExplainer
from tb_xai_callbacks.backends.torch.facts import group_of, optimizer_facts, stack_numbers
from tb_xai_callbacks.backends.torch.graph import pull_back, tap_hook
from tb_xai_callbacks.backends.torch.layout import DryRun, channels_last_names, dry_run, unit_axes
from tb_xai_callbacks.backends.torch.loss_graph import read_loss
from tb_xai_callbacks.backends.torch.map_layers import make_layout, series_names, takes_series
from tb_xai_callbacks.backends.torch.reduce import Buffer
from tb_xai_callbacks.backends.torch.taps import ActivationTap, StepTap, Watched, reducing, watching_outputs
from tb_xai_callbacks.backends.torch.untouched import (
    every_layer_runs,
    forked_rng,
    has_lazy_parameters,
    is_compiled,
    kept_buffers,
    modes,
    probing,
    unwrap,
)
from tb_xai_callbacks.measure.outcome import LossFacts
from tb_xai_callbacks.measure.scores import Scoring
from tb_xai_callbacks.probe.trees import arrays_of
from tb_xai_plugin.format.records import PROBE, TRAINING_BATCH

COMPILED = Absence(
    "the model is compiled, so training cannot be observed: activations are taken on the probe, and there "
    "are no gradients",
    "train eagerly to see gradients",
)


class TorchObserver:
    """Watches one module; fulfils `contract.Observer`.

    Args:
        model: the user's model, possibly wrapped or compiled.
        inputs: the probe's inputs as numpy arrays, sample axis first.
        optimizers: for update ratios and unscaled gradients; may be empty.
        output: which of the model's outputs to explain.
        settings: keywords that every call of the model is given besides the inputs.
    """

    backend = "torch"

    def __init__(
        self,
        model: nn.Module,
        inputs: Any,
        optimizers: Sequence[torch.optim.Optimizer] = (),
        output: Output = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = unwrap(model)
        self.inputs = inputs
        self.optimizers = [item for item in optimizers if hasattr(item, "register_step_pre_hook")]
        self.output = output
        self.settings = dict(settings or {})
        self.versions: tuple[str, ...] = (f"torch {torch.__version__}",)
        self.observes_training = not is_compiled(model)
        self.keeping: frozenset[str] = frozenset()
        self.num_outputs = 0
        self.loss_facts: LossFacts | None = None
        self._layout: Layout | None = None
        self._rows: list[nn.Module | None] = []
        self._axes: list[int] = []
        self._channels_last: frozenset[str] = frozenset()
        self._series: frozenset[str] = frozenset()
        self._step: StepTap | None = None
        self._wanted: frozenset[str] = frozenset()
        self._batch: tuple[Any, Any] | None = None
        self._modes: dict[nn.Module, bool] = {}
        self._batch_hook = (
            self.model.register_forward_pre_hook(self._remember, with_kwargs=True)
            if self.observes_training
            else None
        )

    def _remember(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        """The only hook that stays between steps: references to the latest training batch."""
        if not (module.training and torch.is_grad_enabled()):
            return
        self._batch = (detached(args), detached(kwargs))
        if self._step is not None or not self._modes:
            self._modes = {part: part.training for part in module.modules()}

    # ---- the probe

    @contextmanager
    def _probing(self, samples: Any = None) -> Iterator[Callable[[], Any]]:
        """The probe context and a function that runs the model on the probe, or on other samples."""
        device, dtype = model_place(self.model)
        remembered = self._batch
        try:
            with probing(self.model):
                inputs = to_device(self.inputs if samples is None else samples, device, dtype)
                yield lambda: call(self.model, inputs, self.settings)
        finally:
            self._batch = remembered

    def layout(self) -> Layout:
        """See `Model.layout`.

        Raises:
            ValueError: if the model does not run on the probe; the message has the probe's shapes.
        """
        if self._layout is None:
            self._layout = self._find_layout()
        return self._layout

    def _find_layout(self) -> Layout:
        if has_lazy_parameters(self.model):
            raise ValueError("the model has lazy layers; run one batch through it before it is watched")
        returned: list[Any] = []
        trainable = {id(p) for p in self.model.parameters() if p.requires_grad}  # the probe freezes them
        with self._probing() as forward, torch.no_grad(), attending(self.model) as attention:
            started = time.perf_counter()
            try:
                run = dry_run(self.model, lambda: returned.append(forward()), len(arrays_of(self.inputs)[0]))
            except Exception as error:
                raise ValueError(
                    f"the model does not run on a probe of shape {shapes_of(self.inputs)}: {error}"
                ) from error
            seconds = time.perf_counter() - started
            return replace(self._read(run, returned[0], attention, trainable), seconds=seconds)

    def _read(self, run: DryRun, returned: Any, attention: dict[str, Tensor], trainable: set[int]) -> Layout:
        updated = group_of(self.optimizers) if self.optimizers else None
        output, reason = None, ""
        try:
            output = select_output(returned, self.output)
            self.num_outputs = output.shape[1] if output.dim() == 2 else 0
        except TypeError as error:
            reason = str(error)
        layout = make_layout(self.model, run, output, attention, updated, trainable)
        axes, modules = unit_axes(run), dict(self.model.named_modules())
        self._rows = [modules.get(layer.name) for layer in layout.table.layers]
        self._axes = [axes[layer.name] for layer in layout.table.layers]
        self._channels_last = channels_last_names(run, axes)
        self._series = series_names(run, axes)
        first = arrays_of(self.inputs)[0]
        layout = replace(layout, features_first=takes_series(self.model, first.shape))
        return (
            replace(layout, auto=None, no_target_reason=reason, no_output_reason=reason) if reason else layout
        )

    def capture(self, request: CaptureRequest) -> Capture:
        """See `Model.capture`."""
        taps: dict[str, Tensor] = {}
        statistics = self._activation_tap(PROBE) if "activation" in request.statistics else None
        watching: AbstractContextManager[None] = (
            watching_outputs(self._rows, statistics) if statistics else nullcontext()
        )
        attend: AbstractContextManager[dict[str, Tensor]] = (
            attending(self.model) if request.attention else nullcontext({})
        )
        with self._probing() as forward, torch.set_grad_enabled(bool(request.layers)):
            with self._tapping(request.layers, taps), watching, attend as attention:
                returned = forward()
            choice, outputs, gradients = None, np.zeros((0, 0), np.float32), {}
            if request.choose is not None:
                output = select_output(returned, self.output)
                outputs = to_numpy(output)
                choice = request.choose(outputs)
                gradients = pull_back(output, taps, choice.cotangent) if taps else {}
            return Capture(
                outputs=outputs,
                choice=choice,
                activations={name: self._as_map(name, tap) for name, tap in taps.items()},
                gradients={name: self._as_map(name, gradient) for name, gradient in gradients.items()},
                attention={name: to_numpy(weights) for name, weights in attention.items()},
                statistics={"activation": statistics.pending()} if statistics else {},
            )

    def _as_map(self, name: str, tensor: Tensor) -> np.ndarray:
        """[n c h w] as it is or turned, [n c t] as one row; anything else as it is."""
        if name in self._series:
            tensor = tensor.unsqueeze(2)
        return to_numpy(tensor.permute(0, 3, 1, 2) if name in self._channels_last else tensor)

    @contextmanager
    def _tapping(self, layers: Sequence[str], taps: dict[str, Tensor]) -> Iterator[None]:
        """Keep the named layers' outputs in `taps`, as ends of the graph that gradients can reach."""
        modules = dict(self.model.named_modules())
        with ExitStack() as stack:
            for name in layers:
                stack.callback(modules[name].register_forward_hook(tap_hook(name, taps)).remove)
            yield

    def outputs(self, inputs: Any) -> np.ndarray:
        """See `Model.outputs`."""
        with self._probing(inputs) as forward, torch.no_grad():
            return to_numpy(select_output(forward(), self.output))

    def weights(self) -> Iterator[tuple[str, np.ndarray]]:
        """See `Model.weights`."""
        for name, parameter in self.model.named_parameters():
            yield name, to_numpy(parameter).copy()

    def scoring(self, function: Callable[[Any], Any]) -> Scoring:
        """See `Model.scoring`."""
        return scoring_of(function, model_place(self.model)[0])

    @contextmanager
    def explaining(self, guided: bool = False, randomised: bool = False) -> Iterator[TorchExplainer]:
        """See `Model.explaining`."""
        place = model_place(self.model)
        remembered = self._batch
        try:
            with probing(self.model):
                model = Shuffled(self.model) if randomised else self.model
                how = Call(model, self.inputs, self.settings, self.output, place)
                yield TorchExplainer(how, self._tapping, self._as_map, guided)
        finally:
            self._batch = remembered

    # ---- training

    @property
    def missing(self) -> Mapping[str, Absence]:
        """See `Facts.missing`."""
        return {} if self.observes_training else {"gradients": COMPILED}

    def note_loss(self, loss: Any) -> None:
        """Read what the loss is from its graph, once; a loss without one tells nothing."""
        step = self._step
        if self.loss_facts is not None or step is None or step.output_node is None:
            return
        if isinstance(loss, Tensor) and loss.grad_fn is not None:
            self.loss_facts = read_loss(loss.grad_fn, step.output_node, step.output_shape)

    def optimizer_facts(self) -> tuple[str, dict[str, float]]:
        """See `Facts.optimizer_facts`."""
        return optimizer_facts(self.optimizers)

    def numbers(self, values: Sequence[Any]) -> Callable[[], np.ndarray]:
        """See `Facts.numbers`."""
        return stack_numbers(values)

    def _activation_tap(self, source: str) -> ActivationTap:
        keep = "activation" in self.keeping
        return ActivationTap(self._rows, self._axes, self.layout().table, source, keep)

    def arm(self, wanted: frozenset[str]) -> None:
        """See `Training.arm`."""
        self.disarm()
        if self.observes_training and self._layout is not None:
            watched = Watched(
                self.model, self.optimizers, lambda returned: select_output(returned, self.output)
            )
            self._step = StepTap(watched, self._activation_tap(TRAINING_BATCH), wanted, self.keeping)
            self._step.attach()
        elif not self.observes_training:
            self._wanted = wanted

    def disarm(self) -> None:
        """See `Training.disarm`."""
        self._wanted = frozenset()
        if self._step is not None:
            self._step.detach()
            self._step = None

    def collect(self) -> Reductions:
        """See `Training.collect`."""
        step, wanted = self._step, self._wanted
        self.disarm()
        return step.pending() if step is not None else self.parameters(wanted)

    def parameters(self, wanted: frozenset[str]) -> Reductions:
        """See `Training.parameters`."""
        if "weight" not in wanted:
            return {}
        values = list(self.model.parameters())
        source = TRAINING_BATCH if self.observes_training else PROBE
        buffer = Buffer("weight", source, len(values), "weight" in self.keeping)
        with reducing():
            for row, parameter in enumerate(values):
                if parameter.is_floating_point():
                    buffer.add(row, parameter)
        return {"weight": buffer.pending()}

    def last_batch(self, wanted: frozenset[str]) -> Reductions:
        """See `Training.last_batch`: replays the batch in its own mode, leaving buffers and RNG alone."""
        if self._batch is None or self._layout is None or "activation" not in wanted:
            return {}
        args, kwargs = self._batch
        tap = self._activation_tap(TRAINING_BATCH)
        with (
            torch.inference_mode(False),
            forked_rng(self.model),
            kept_buffers(self.model),
            modes(self.model, self._modes),
            every_layer_runs(),
            torch.no_grad(),
            watching_outputs(self._rows, tap),
        ):
            self.model(*args, **kwargs)
        return {"activation": tap.pending()}

    def close(self) -> None:
        """Remove the one hook that stays between steps."""
        self.disarm()
        self._batch = None
        if self._batch_hook is not None:
            self._batch_hook.remove()
