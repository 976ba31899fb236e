# SPDX-License-Identifier: Apache-2.0
"""Keras models as the recorder sees them: everything is observed on the probe, in an eager pass of its own.

Keras hands its callbacks neither activations nor gradients, and its train step is compiled; so this never
looks into training, except on the torch backend, where the last step's weight gradients are left lying.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from tb_xai_callbacks.backends import Capture, CaptureRequest, Choice, Layout, Pending, Reduction
from tb_xai_callbacks.backends import keras_statistics as statistics
from tb_xai_callbacks.backends.keras_engine import Pull, Watch, engine_for, to_numpy, untouched
from tb_xai_callbacks.backends.keras_layout import Call, ModelMap, read_calls, without_probe
from tb_xai_callbacks.backends.keras_taps import (
    ATTENTION_TYPES,
    NamedLayer,
    attention_shadows,
    first_tensor,
    named_layers,
    replace_first,
    shadowed,
    tapped_call,
)
from tb_xai_callbacks.guard import sentence
from tb_xai_callbacks.options import SIGNALS
from tb_xai_callbacks.probe_set import ProbeSet, map_arrays
from tb_xai_plugin.records import PROBE, TRAINING_BATCH

NO_PROBE = "there is no probe: give ExplainCallback(validation_data=(x_val, y_val))"


@dataclass
class ProbePass:
    """One eager forward pass: the selected output, its logits, the loss, and what the taps caught."""

    output: Any = None
    loss: Any = None
    loss_scale: float = 1.0
    calls: list[Call] = field(default_factory=list)
    tensors: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)

    @property
    def logits(self) -> Any:
        """The output before its softmax or sigmoid, where there is one: Keras notes it on the tensor."""
        return getattr(self.output, "_keras_logits", self.output)


def is_built(model: Any) -> bool:
    """Whether all weights are there."""
    return all(layer.built for layer in model._flatten_layers())


def build(model: Any, inputs: Any) -> None:
    """Make the weights of a model that has not seen its input's shape, just as `fit` would a moment later.

    Symbolic and with an open batch size, so that a Sequential model is not tied to the probe's size.
    """
    from keras.src.backend import compute_output_spec

    def symbol(array: np.ndarray) -> Any:
        return keras.KerasTensor((None, *array.shape[1:]), keras.backend.standardize_dtype(array.dtype))

    compute_output_spec(model, map_arrays(_model_inputs(inputs), symbol), training=False)


def _model_inputs(inputs: Any) -> Any:
    """float64 → the float type of Keras, as `fit` does with what it is given."""
    return map_arrays(inputs, lambda a: a.astype(keras.config.floatx()) if a.dtype == np.float64 else a)


class KerasObserver:
    """A Keras model on TensorFlow or torch; fulfils `backends.Observer`.

    Args:
        model: built; compiled if gradients are wanted.
        probe: the fixed samples, None: only weights are observed.
        truth: what the compiled loss compares with, [n, …] as the user gives it; None: no gradients.
        output: selects the tensor to explain from what the model returns: a key, an index, a function.
        signals: what the user asked for; the rest is not computed.

    Raises:
        ValueError: if Keras runs on a backend that cannot be observed.
    """

    observes_training = False

    def __init__(
        self,
        model: Any,
        probe: ProbeSet | None,
        truth: Any = None,
        *,
        output: Any = None,
        signals: Sequence[str] = SIGNALS,
    ) -> None:
        self.engine = engine_for(keras.backend.backend())
        self.backend = self.engine.name
        self.versions = (f"keras {keras.__version__}", self.engine.version())
        #: Why there are no gradients of the loss; "" where there are.
        self.gradient_reason = "" if truth is not None else "the probe has no labels"
        self._model = model
        self._probe = probe
        self._inputs = None if probe is None else _model_inputs(probe.inputs)
        self._truth = truth
        self._select = output
        self._signals = frozenset(signals)
        self._layers: list[NamedLayer] = []
        self._map = ModelMap(Layout(table=without_probe([], model, NO_PROBE).layout.table))
        self._before: list[np.ndarray | None] | None = None
        self._loss_scale = 1.0
        self._ratios: tuple[int, np.ndarray] | None = None

    # ---- contract

    def layout(self) -> Layout:
        """Dry-run the probe once and say what there is."""
        self._layers = named_layers(self._model)
        if self._probe is None:
            self._map = without_probe(self._layers, self._model, NO_PROBE)
            return self._map.layout
        everything = [named.name for named in self._layers[1:]]
        with untouched(self.engine, self._model, self._all_layers()):
            passed, _ = self.engine.differentiate(
                lambda watch: self._forward(lambda tensor: tensor, everything, loss=True), []
            )
        self._map = read_calls(self._layers, passed.calls, passed.output, self._model)
        return self._map.layout

    def capture(self, request: CaptureRequest) -> Capture:
        """One pass over the probe in inference mode, differentiated for the layers of the request."""
        if self._probe is None:
            raise ValueError(NO_PROBE)
        observed = [row.name for row in self._map.rows] if request.statistics else []
        wants_loss = request.statistics and self._wants_loss()
        variables = self._trainable() if wants_loss and not self.engine.has_training_gradients else []
        with untouched(self.engine, self._model, self._all_layers()):
            passed, pull = self.engine.differentiate(
                lambda watch: self._forward(
                    watch, [*request.layers, *observed], wants_loss, request.attention
                ),
                [variable for _, variable in variables],
            )
            outputs = _channels_first(to_numpy(passed.logits), self._output_is_channels_last())
            choice, gradients = None, {}
            if request.layers and request.choose is not None:
                choice = request.choose(outputs)
                gradients = self._explained(passed, pull, choice, request.layers)
            reductions = self._reductions(passed, pull, variables) if request.statistics else None
        return Capture(
            outputs=outputs,
            choice=choice,
            activations={name: self._as_map(name, passed.tensors[name]) for name in request.layers},
            gradients=gradients,
            attention={name: _four_axes(to_numpy(scores)) for name, scores in passed.scores.items()},
            statistics=reductions,
        )

    def parameters(self) -> Pending:
        """Statistics of the weights now, with the last known update ratio if no step came after it."""
        weights = [to_numpy(variable) for variable in self._map.variables]
        ratios = np.full(len(weights), np.nan, dtype=np.float32)
        if self._ratios is not None and self._ratios[0] == self._iterations():
            ratios = self._ratios[1]
        return lambda: [statistics.reduce_weights(weights, ratios)]

    def arm(self) -> None:
        """Keep the weights before the next step, for its update ratio."""
        self._before = [
            to_numpy(variable) if parameter.in_optimizer and "weights" in self._signals else None
            for parameter, variable in zip(
                self._map.layout.table.parameters, self._map.variables, strict=True
            )
        ]
        # The scale may change with the step, and the gradients that it leaves carry the old one.
        self._loss_scale = self._current_loss_scale()

    def disarm(self) -> None:
        """Forget the weights."""
        self._before = None

    def collect(self) -> Pending | None:
        """One probe pass: activations, gradients of the compiled loss; and the weights with their update."""
        if self._before is None:
            return None
        before, self._before = self._before, None
        found: list[Pending] = []
        if "weights" in self._signals:
            found.append(self._updated_weights(before))
        if "gradients" in self._signals and (left := self._training_gradients()) is not None:
            found.append(left)
        if self._probe is not None and self._signals & {"activations", "gradients"}:
            probed = self.capture(CaptureRequest(statistics=True)).statistics
            found += [probed] if probed is not None else []
        return lambda: [reduction for pending in found for reduction in pending()]

    def last_batch(self) -> Pending | None:
        """None: training batches cannot be seen."""
        return None

    # ---- running the model

    def _forward(
        self, watch: Watch, wanted: Sequence[str], loss: bool = False, attention: bool = False
    ) -> ProbePass:
        """Run the probe with `wanted` layers tapped; `watch` marks what is to be differentiated."""
        passed = ProbePass()

        def on_call(named: NamedLayer, inputs: tuple[Any, ...], output: Any) -> Any:
            tensor = first_tensor(output)
            if tensor is None:
                return output
            watched = watch(tensor)
            passed.calls.append(Call(named, inputs, watched))
            passed.tensors[named.name] = watched
            return replace_first(output, tensor, watched)

        names = set(wanted)
        tapped = [named for named in self._layers if named.name in names and named.name]
        shadows = [(named.layer, "call", tapped_call(named, on_call)) for named in tapped]
        if attention:
            sources = [named for named in self._layers if isinstance(named.layer, ATTENTION_TYPES)]
            shadows += attention_shadows(sources, passed.scores.__setitem__)
        inputs = map_arrays(self._inputs, keras.ops.convert_to_tensor)
        with ExitStack() as stack:
            for owner, attribute, value in shadows:
                stack.enter_context(shadowed(owner, attribute, value))
            outputs = self._call(inputs)
        passed.output = self._selected(outputs)
        if loss and not self.gradient_reason:
            passed.loss_scale = self._current_loss_scale()
            passed.loss = self._loss(inputs, outputs, passed.loss_scale)
        return passed

    def _call(self, inputs: Any) -> Any:
        if self._model._call_has_training_arg:
            return self._model(inputs, training=False)
        return self._model(inputs)

    def _selected(self, outputs: Any) -> Any:
        """The tensor to explain among the model's outputs."""
        if callable(self._select):
            outputs = self._select(outputs)
        elif self._select is not None:
            outputs = outputs[self._select]
        if keras.ops.is_tensor(outputs):
            return outputs
        keys = list(outputs) if isinstance(outputs, dict) else list(range(len(outputs)))
        raise ValueError(
            f"the model returns a {type(outputs).__name__}; say what to explain with output=…, one of {keys}"
        )

    def _loss(self, inputs: Any, outputs: Any, scale: float) -> Any | None:
        """The compiled loss on the probe; if that cannot be computed, the reason is kept instead."""
        arguments = {"x": inputs, "y": self._truth, "y_pred": outputs, "sample_weight": None}
        if "training" in inspect.signature(self._model.compute_loss).parameters:
            arguments["training"] = False
        try:
            return self._model.compute_loss(**arguments) * scale
        except Exception as error:  # noqa: BLE001 — user code (their loss, their labels); the host reports it
            self.gradient_reason = f"the compiled loss cannot be computed on the probe: {sentence(error)}"
            return None

    def _current_loss_scale(self) -> float:
        """By what mixed-precision training multiplies its loss; gradients in float16 vanish without it."""
        optimizer = getattr(self._model, "optimizer", None)
        if optimizer is None:
            return 1.0
        return float(to_numpy(keras.ops.convert_to_tensor(optimizer.scale_loss(1.0))))

    # ---- from tensors to arrays

    def _explained(
        self, passed: ProbePass, pull: Pull, choice: Choice, layers: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """Gradients of the chosen scores at the layers: one vector-Jacobian product for all."""
        cotangent = choice.cotangent
        if self._output_is_channels_last() and cotangent.ndim == 4:
            cotangent = cotangent.transpose(0, 2, 3, 1)
        found = pull(passed.logits, [passed.tensors[name] for name in layers], cotangent)
        return {
            name: np.zeros_like(self._as_map(name, passed.tensors[name]))
            if gradient is None
            else self._as_map(name, gradient)
            for name, gradient in zip(layers, found, strict=True)
        }

    def _as_map(self, name: str, tensor: Any) -> np.ndarray:
        return _channels_first(to_numpy(tensor).astype(np.float32), name in self._map.channels_last)

    def _output_is_channels_last(self) -> bool:
        return self._map.output in self._map.channels_last

    def _reductions(self, passed: ProbePass, pull: Pull, variables: Sequence[tuple[int, Any]]) -> Pending:
        """Everything is copied now, because training goes on; it is reduced on the sink's thread."""
        rows, size = self._map.rows, len(passed.output)
        names = [row.name for row in rows if row.name in passed.tensors]
        arrays = {name: to_numpy(passed.tensors[name]) for name in names}
        gradients: dict[str, np.ndarray] = {}
        weight_gradients: list[np.ndarray | None] | None = None
        if passed.loss is not None:
            sources = [passed.tensors[name] for name in names]
            sources += [self.engine.variable_source(variable) for _, variable in variables]
            found = [_unscaled(gradient, passed.loss_scale) for gradient in pull(passed.loss, sources, None)]
            gradients = {n: g for n, g in zip(names, found, strict=False) if g is not None}
            if variables:
                weight_gradients = [None] * len(self._map.variables)
                for (index, _), gradient in zip(variables, found[len(names) :], strict=True):
                    weight_gradients[index] = gradient

        def reduce() -> list[Reduction]:
            made = [statistics.reduce_layers("activation", rows, arrays, size)]
            if gradients:
                made.append(statistics.reduce_layers("gradient", rows, gradients, size))
            if weight_gradients is not None:
                made.append(statistics.reduce_weight_gradients(weight_gradients, PROBE, size))
            return made

        return reduce

    def _updated_weights(self, before: list[np.ndarray | None]) -> Pending:
        weights = [to_numpy(variable) for variable in self._map.variables]
        ratios = statistics.update_ratios(before, weights)
        self._ratios = (self._iterations(), ratios)
        return lambda: [statistics.reduce_weights(weights, ratios)]

    def _training_gradients(self) -> Pending | None:
        """What the last training step left at the weights; None where it leaves nothing."""
        left = [self.engine.training_gradient(variable) for variable in self._map.variables]
        if all(gradient is None for gradient in left):
            return None
        arrays = [_unscaled(gradient, self._loss_scale) for gradient in left]
        # The size of a training batch is not told to callbacks: 0 is "not known".
        return lambda: [statistics.reduce_weight_gradients(arrays, TRAINING_BATCH, 0)]

    # ---- small facts

    def _all_layers(self) -> list[Any]:
        return list(self._model._flatten_layers())

    def _wants_loss(self) -> bool:
        return "gradients" in self._signals and not self.gradient_reason

    def _trainable(self) -> list[tuple[int, Any]]:
        """(row, variable) of the weights that training updates."""
        parameters = self._map.layout.table.parameters
        return [(i, v) for i, v in enumerate(self._map.variables) if parameters[i].trainable]

    def _iterations(self) -> int:
        optimizer = getattr(self._model, "optimizer", None)
        return -1 if optimizer is None else int(to_numpy(optimizer.iterations))


def _unscaled(gradient: Any | None, scale: float) -> np.ndarray | None:
    return None if gradient is None else to_numpy(gradient) / np.float32(scale)


def _channels_first(array: np.ndarray, channels_last: bool) -> np.ndarray:
    """[n h w c] -> [n c h w]; other arrays as they are."""
    return array.transpose(0, 3, 1, 2) if channels_last and array.ndim == 4 else array


def _four_axes(scores: np.ndarray) -> np.ndarray:
    """Attention over several axes [n, heads, q…, k…] -> [n, heads, queries, keys]."""
    half = (scores.ndim - 2) // 2
    queries = int(np.prod(scores.shape[2 : 2 + half]))
    return scores.reshape(*scores.shape[:2], queries, -1)
