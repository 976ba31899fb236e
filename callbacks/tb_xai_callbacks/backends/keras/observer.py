# SPDX-License-Identifier: Apache-2.0
"""Keras models as the recorder sees them: everything is observed on the probe, in an eager pass of its own.

Keras hands its callbacks neither activations nor gradients, and its train step is compiled; so this never
looks into training, except on the torch backend, where the last step's weight gradients are left lying.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from typing import Any

import keras
import numpy as np

from tb_xai_callbacks.backends.contract import Absence, Capture, CaptureRequest, Layout, Pending, Reductions
from tb_xai_callbacks.backends.keras import reduce as statistics
from tb_xai_callbacks.backends.keras.axes import Axes, four_axes
from tb_xai_callbacks.backends.keras.engines.choose import engine_for
from tb_xai_callbacks.backends.keras.engines.engine import Pull, to_numpy
from tb_xai_callbacks.backends.keras.explainer import KerasExplainer, scoring_of, shuffled_weights
from tb_xai_callbacks.backends.keras.facts import loss_facts, optimizer_facts
from tb_xai_callbacks.backends.keras.forward import ProbePass, ProbeRunner
from tb_xai_callbacks.backends.keras.guided import guided_relus
from tb_xai_callbacks.backends.keras.layout import ModelMap, explainable, read_calls, without_probe
from tb_xai_callbacks.backends.keras.taps import named_layers
from tb_xai_callbacks.measure.outcome import LossFacts
from tb_xai_callbacks.measure.scores import Scoring, Selection
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.probe.trees import arrays_of
from tb_xai_plugin.format.records import PROBE, TRAINING_BATCH

NO_PROBE = (
    "there is no probe, so only weights are logged: give ExplainCallback(validation_data=(x_val, y_val))"
)

REMEDY = "give validation_data=(x_val, y_val) and compile the model with its loss"


class KerasObserver:
    """A Keras model on TensorFlow, torch or JAX; fulfils `contract.Observer`.

    Args:
        model: built; compiled if gradients are wanted.
        probe: the fixed samples, None: only weights are observed.
        truth: what the compiled loss compares with, [n, …] as the user gives it; None: no gradients.
        output: selects the tensor to explain from what the model returns: a key, an index, a function.
        no_probe: why there is no probe, and what to do.

    Raises:
        ValueError: if Keras runs on a backend that cannot be observed.
    """

    observes_training = False

    def __init__(
        self,
        model: Any,
        probe: ProbeSet | None,
        truth: Any = None,
        output: Any = None,
        no_probe: str = NO_PROBE,
    ) -> None:
        self.engine = engine_for(keras.backend.backend())
        self.backend = self.engine.name
        self.versions: tuple[str, ...] = (f"keras {keras.__version__}", self.engine.version())
        self._model = model
        self._probe = probe
        self._runner = ProbeRunner(self.engine, model, probe.inputs if probe else (), truth, output)
        self.keeping: frozenset[str] = frozenset()
        self.num_outputs = 0
        self._wanted: frozenset[str] = frozenset()
        self._no_probe = no_probe
        self._before: list[np.ndarray | None] | None = None
        self._loss_scale = 1.0
        self._ratios: tuple[int, np.ndarray] | None = None

    @property
    def _gradient_reason(self) -> str:
        """Why there are no gradients of the loss; "" where there are."""
        return self._runner.loss_reason if self._probe is not None else self._no_probe

    @property
    def missing(self) -> Mapping[str, Absence]:
        """See `Facts.missing`."""
        found: dict[str, Absence] = {}
        if self._probe is None:
            absence = Absence(self._no_probe, REMEDY)
            found = {"activations": Absence(self._no_probe, REMEDY, "warning")}
            found |= dict.fromkeys(("explanations", "attention"), absence)
        if self._gradient_reason:
            name = "gradients/layers" if self.engine.has_training_gradients else "gradients"
            level = "info" if self._probe is None else "warning"
            found[name] = Absence(self._gradient_reason, REMEDY, level)
        return found

    def layout(self) -> Layout:
        """Dry-run the probe once and say what there is."""
        return self._known.layout

    @cached_property
    def _known(self) -> ModelMap:
        layers = named_layers(self._model)
        if self._probe is None:
            return without_probe(layers, self._model, self._no_probe)
        self._runner.layers = layers[1:]
        everything = [named.name for named in layers[1:]]
        with self._runner.quietly():
            started = time.perf_counter()
            passed = self.engine.run(lambda watch: self._runner.forward(watch, everything, loss=True))
            seconds = time.perf_counter() - started
        found = read_calls(layers, passed.calls, passed.output, self._model)
        found = replace(found, layout=replace(found.layout, seconds=seconds))
        return explainable(found, self._runner.output_reason)

    def capture(self, request: CaptureRequest) -> Capture:
        """One pass over the probe in inference mode, differentiated for the layers of the request."""
        if self._probe is None:
            raise ValueError(self._no_probe)
        observed = [row.name for row in self._known.rows] if request.statistics else []
        wanted = [*request.layers, *observed]
        loss = bool(request.statistics & {"gradient", "weight_gradient"}) and not self._gradient_reason
        at_weights = loss and "weight_gradient" in request.statistics
        variables = self._trainable() if at_weights and not self.engine.has_training_gradients else []
        with self._runner.quietly():
            passed, pull = self.engine.differentiate(
                lambda watch: self._runner.forward(watch, wanted, loss, request.attention),
                [variable for _, variable in variables],
            )
            outputs = self._outputs(passed)
            choice, gradients = None, {}
            if request.choose is not None:
                choice = request.choose(outputs)
                gradients = self._explained(passed, pull, choice, request.layers) if request.layers else {}
            reductions = self._reductions(passed, pull, variables, request.statistics)
        return Capture(
            outputs=outputs,
            choice=choice,
            activations={name: self._axes.as_map(name, passed.tensors[name]) for name in request.layers},
            gradients=gradients,
            attention={name: four_axes(scores) for name, scores in passed.scores.items()},
            statistics=reductions,
        )

    def outputs(self, inputs: Any) -> np.ndarray:
        """Outputs [n, …] for other samples than the probe; (n, 0) if it is not known which output."""
        with self._runner.quietly():
            found = self._runner.outputs(inputs)
        return np.zeros((len(arrays_of(inputs)[0]), 0)) if found is None else to_numpy(found)

    def weights(self) -> Iterator[tuple[str, np.ndarray]]:
        """See `Model.weights`."""
        self.engine.settle(self._model)
        for parameter, variable in zip(
            self._known.layout.table.parameters, self._known.variables, strict=True
        ):
            yield parameter.name, to_numpy(variable)

    def scoring(self, function: Callable[[Any], Any]) -> Scoring:
        """See `Model.scoring`."""
        return scoring_of(self.engine, self._axes, function)

    @contextmanager
    def explaining(self, guided: bool = False, randomised: bool = False) -> Iterator[KerasExplainer]:
        """See `Model.explaining`."""
        if self._probe is None:
            raise ValueError(self._no_probe)
        shuffle = shuffled_weights(self._known.variables) if randomised else nullcontext()
        clip = guided_relus() if guided else nullcontext()
        with self._runner.quietly(), shuffle, clip as relus:
            yield KerasExplainer(self.engine, self._runner, self._probe.inputs, self._axes, relus)

    @cached_property
    def loss_facts(self) -> LossFacts | None:
        """What the compiled loss is."""
        return loss_facts(self._model, self._known.layout.table.layers)

    def optimizer_facts(self) -> tuple[str, dict[str, float]]:
        """The optimizer's name and its options now."""
        self.engine.settle(self._model)
        return optimizer_facts(self._model)

    def numbers(self, values: Sequence[Any]) -> Callable[[], np.ndarray]:
        """Numbers as an array: Keras hands them over on the host."""
        array = np.array(values, dtype=np.float32)
        return lambda: array

    def note_loss(self, loss: Any) -> None:
        """Nothing: Keras hands over no graph, and the compiled loss is known."""

    def parameters(self, wanted: frozenset[str]) -> Reductions:
        """See `Training.parameters`, with the last known update ratio if no step came after it."""
        if "weight" not in wanted:
            return {}
        self.engine.settle(self._model)
        weights = [to_numpy(variable) for variable in self._known.variables]
        ratios = np.full(len(weights), np.nan, dtype=np.float32)
        if self._ratios is not None and self._ratios[0] == self._iterations():
            ratios = self._ratios[1]
        return {"weight": self._weights_reduced(weights, ratios)}

    def arm(self, wanted: frozenset[str]) -> None:
        """Keep the weights before the next step, for its update ratio."""
        self.engine.settle(self._model)
        pairs = zip(self._known.layout.table.parameters, self._known.variables, strict=True)
        self._before = [to_numpy(v) if "weight" in wanted and p.in_optimizer else None for p, v in pairs]
        self._wanted = wanted
        # The scale may change with the step, and the gradients that it leaves carry the old one.
        self._loss_scale = self._runner.loss_scale()

    def disarm(self) -> None:
        """Forget the weights."""
        self._before = None

    def collect(self) -> Reductions:
        """The weights with their update, and what the step left of their gradients. Layers: see `capture`."""
        if self._before is None:
            return {}
        before, self._before = self._before, None
        self.engine.settle(self._model)
        found: dict[str, Pending] = {}
        if "weight" in self._wanted:
            found["weight"] = self._updated_weights(before)
        if "weight_gradient" in self._wanted and (left := self._training_gradients()) is not None:
            found["weight_gradient"] = left
        return found

    def last_batch(self, wanted: frozenset[str]) -> Reductions:
        """Nothing: training batches cannot be seen."""
        return {}

    def close(self) -> None:
        """Nothing of ours stays at the model."""
        self.disarm()

    # ---- from tensors to arrays

    @cached_property
    def _axes(self) -> Axes:
        known = self._known
        return Axes(known.channels_last, known.output, known.series, known.layout.features_first)

    def _outputs(self, passed: ProbePass) -> np.ndarray:
        """The logits; nothing if it is not known which output."""
        if passed.output is None:
            return np.zeros((self._size(), 0), dtype=np.float32)
        return self._axes.as_outputs(passed.logits)

    def _explained(
        self, passed: ProbePass, pull: Pull, choice: Selection, layers: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """Gradients of the chosen scores at the layers: one vector-Jacobian product for all."""
        if passed.output is None:
            raise ValueError(self._runner.output_reason)
        cotangent = self._axes.as_cotangent(choice.cotangent)
        found = pull(passed.logits, [passed.tensors[name] for name in layers], cotangent)
        maps = {}
        for name, gradient in zip(layers, found, strict=True):
            # No path from the layer to the score is a gradient of zero.
            tensor = keras.ops.zeros_like(passed.tensors[name]) if gradient is None else gradient
            maps[name] = self._axes.as_map(name, tensor)
        return maps

    def _reductions(
        self, passed: ProbePass, pull: Pull, variables: Sequence[tuple[int, Any]], wanted: frozenset[str]
    ) -> Reductions:
        """Everything is copied now, because training goes on; it is reduced on the sink's thread."""
        if not wanted:
            return {}
        rows, size = self._known.rows, self._size()
        names = [row.name for row in rows if row.name in passed.tensors]
        found: dict[str, Pending] = {}
        if "activation" in wanted:
            arrays = {name: to_numpy(passed.tensors[name]) for name in names}
            found["activation"] = self._layers_reduced("activation", arrays)
        gradients, weight_gradients = self._loss_gradients(passed, pull, names, variables)
        if gradients and "gradient" in wanted:
            found["gradient"] = self._layers_reduced("gradient", gradients)
        if weight_gradients:
            keep = "weight_gradient" in self.keeping
            found["weight_gradient"] = lambda: [
                statistics.reduce_weight_gradients(weight_gradients, PROBE, size, keep)
            ]
        return found

    def _layers_reduced(self, signal: str, arrays: Mapping[str, np.ndarray]) -> Pending:
        rows, size, keep = self._known.rows, self._size(), signal in self.keeping
        return lambda: [statistics.reduce_layers(signal, rows, arrays, size, keep)]

    def _weights_reduced(self, weights: Sequence[np.ndarray], ratios: np.ndarray) -> Pending:
        keep = "weight" in self.keeping
        return lambda: [statistics.reduce_weights(weights, ratios, keep)]

    def _loss_gradients(
        self, passed: ProbePass, pull: Pull, names: Sequence[str], variables: Sequence[tuple[int, Any]]
    ) -> tuple[dict[str, np.ndarray], list[np.ndarray | None]]:
        """Gradients of the loss: (by layer, by row of the weights; both empty where there is no loss).

        At a softmax or sigmoid output it is that at the logits: TensorFlow's losses start from there.
        """
        if passed.loss is None:
            return {}, []
        sources = [passed.layer_logits[name] for name in names]
        sources += [self.engine.variable_source(variable) for _, variable in variables]
        found = [_unscaled(gradient, passed.loss_scale) for gradient in pull(passed.loss, sources, None)]
        at_layers = {n: g for n, g in zip(names, found[: len(names)], strict=True) if g is not None}
        at_weights: list[np.ndarray | None] = [None] * len(self._known.variables) if variables else []
        for (index, _), gradient in zip(variables, found[len(names) :], strict=True):
            at_weights[index] = gradient
        return at_layers, at_weights

    def _updated_weights(self, before: list[np.ndarray | None]) -> Pending:
        weights = [to_numpy(variable) for variable in self._known.variables]
        ratios = statistics.update_ratios(before, weights)
        self._ratios = (self._iterations(), ratios)
        return self._weights_reduced(weights, ratios)

    def _training_gradients(self) -> Pending | None:
        """What the last training step left at the weights; None where it leaves nothing."""
        left = [self.engine.training_gradient(variable) for variable in self._known.variables]
        if all(gradient is None for gradient in left):
            return None
        arrays = [_unscaled(gradient, self._loss_scale) for gradient in left]
        # The size of a training batch is not told to callbacks: 0 is "not known".
        keep = "weight_gradient" in self.keeping
        return lambda: [statistics.reduce_weight_gradients(arrays, TRAINING_BATCH, 0, keep)]

    # ---- small facts

    def _size(self) -> int:
        return self._probe.size if self._probe is not None else 0

    def _trainable(self) -> list[tuple[int, Any]]:
        """(row, variable) of the weights that training updates."""
        parameters = self._known.layout.table.parameters
        return [(i, v) for i, v in enumerate(self._known.variables) if parameters[i].trainable]

    def _iterations(self) -> int:
        optimizer = getattr(self._model, "optimizer", None)
        return -1 if optimizer is None else int(to_numpy(optimizer.iterations))


def _unscaled(gradient: Any | None, scale: float) -> np.ndarray | None:
    return None if gradient is None else to_numpy(gradient) / np.float32(scale)
