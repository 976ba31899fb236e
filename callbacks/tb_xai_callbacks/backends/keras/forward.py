# SPDX-License-Identifier: Apache-2.0
"""One eager pass of a Keras model over the probe: tapped layers, attention in the open, the compiled loss."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from tb_xai_callbacks.backends.keras.calls import Call
from tb_xai_callbacks.backends.keras.engines.engine import Engine, Watch, to_numpy, untouched
from tb_xai_callbacks.backends.keras.taps import (
    ATTENTION_TYPES,
    NamedLayer,
    attention_shadows,
    first_tensor,
    replace_first,
    shadowed,
    tapped_call,
)
from tb_xai_callbacks.console import sentence
from tb_xai_callbacks.probe.trees import map_arrays, with_first


@dataclass
class ProbePass:
    """One forward pass: the output to explain (None: not said which), the loss, what the taps caught.

    `start` is the input or embedding that stood in for the probe's, where there was one. `logits` and
    `layer_logits` are the output and the layers' outputs before a softmax or sigmoid, where there is one.
    """

    start: Any = None
    output: Any = None
    logits: Any = None
    loss: Any = None
    loss_scale: float = 1.0
    calls: list[Call] = field(default_factory=list)
    tensors: dict[str, Any] = field(default_factory=dict)
    layer_logits: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)

    def targets(self) -> list[Any]:
        """See `keras_engine.Outcome`."""
        return [self.logits, self.loss, *self.tensors.values()]


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

    compute_output_spec(model, map_arrays(model_inputs(inputs), symbol), training=False)


def model_inputs(inputs: Any) -> Any:
    """float64 → the float type of Keras, as `fit` does with what it is given."""
    return map_arrays(inputs, lambda a: a.astype(keras.config.floatx()) if a.dtype == np.float64 else a)


class ProbeRunner:
    """Runs one model on fixed inputs.

    Args:
        inputs: numpy arrays, structured as the model takes them.
        truth: what the compiled loss compares with; None: there is no loss.
        select: which output to explain: a key, an index, a function, or None.
    """

    def __init__(self, engine: Engine, model: Any, inputs: Any, truth: Any, select: Any) -> None:
        self.model = model
        self.layers: list[NamedLayer] = []
        #: Why there is no loss to differentiate; "" where there is.
        self.loss_reason = "" if truth is not None else "the probe has no labels"
        #: Why it is not known which output to explain; "" where it is.
        self.output_reason = ""
        self._engine = engine
        self._inputs = model_inputs(inputs)
        self._truth = truth
        self._select = select

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Whatever runs in the block leaves the model, its metrics and all RNGs as they were."""
        self._engine.settle(self.model)
        with untouched(self._engine, self.model, list(self.model._flatten_layers())):
            yield

    def forward(
        self,
        watch: Watch,
        wanted: Sequence[str],
        loss: bool = False,
        attention: bool = False,
        start: np.ndarray | None = None,
        embedding: Any = None,
    ) -> ProbePass:
        """Run with the `wanted` layers tapped; `watch` marks what is to be differentiated.

        `start` stands in for the probe's first input or, where `embedding` is a layer, for its output.
        """
        passed = ProbePass()
        inputs = map_arrays(self._inputs, keras.ops.convert_to_tensor)
        with ExitStack() as stack:
            if start is not None:
                passed.start = watch(keras.ops.convert_to_tensor(start))
                if embedding is None:
                    inputs = with_first(inputs, passed.start)
                else:
                    stack.enter_context(shadowed(embedding, "call", lambda *_, **__: passed.start))
            for shadow in self._shadows(passed, watch, frozenset(wanted), attention):
                stack.enter_context(shadowed(*shadow))
            outputs = self._call(inputs)
        passed.output = self._selected(outputs)
        passed.logits = self._engine.logits_of(passed.output)
        if loss and not self.loss_reason:
            passed.loss_scale = self.loss_scale()
            passed.loss = self._loss(inputs, outputs, passed.loss_scale)
        return passed

    def outputs(self, inputs: Any) -> Any | None:
        """The chosen output for other inputs; None if it is not said which."""
        return self._selected(self._call(map_arrays(model_inputs(inputs), keras.ops.convert_to_tensor)))

    def loss_scale(self) -> float:
        """By what mixed-precision training multiplies its loss; gradients in float16 vanish without it."""
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is None:
            return 1.0
        return float(to_numpy(keras.ops.convert_to_tensor(optimizer.scale_loss(1.0))))

    def _shadows(
        self, passed: ProbePass, watch: Watch, wanted: frozenset[str], attention: bool
    ) -> list[tuple[Any, str, Any]]:
        def on_call(named: NamedLayer, inputs: tuple[Any, ...], output: Any) -> Any:
            tensor = first_tensor(output)
            if tensor is None:
                return output
            watched = watch(tensor)
            passed.calls.append(Call(named, inputs, watched))
            passed.tensors[named.name] = watched
            passed.layer_logits[named.name] = self._engine.logits_of(watched)
            return replace_first(output, tensor, watched)

        def on_scores(name: str, scores: Any) -> Any:
            passed.scores[name] = watch(scores)
            return passed.scores[name]

        tapped = [named for named in self.layers if named.name in wanted]
        shadows = [(named.layer, "call", tapped_call(named, on_call)) for named in tapped]
        if attention:
            sources = [named for named in self.layers if isinstance(named.layer, ATTENTION_TYPES)]
            shadows += attention_shadows(sources, on_scores)
        return shadows

    def _call(self, inputs: Any) -> Any:
        if self.model._call_has_training_arg:
            return self.model(inputs, training=False)
        return self.model(inputs)

    def _selected(self, outputs: Any) -> Any | None:
        """The tensor to explain among the model's outputs; None (with the reason kept) if it is not said."""
        if callable(self._select):
            outputs = self._select(outputs)
        elif self._select is not None:
            outputs = outputs[self._select]
        leaves = keras.tree.flatten(outputs)
        if len(leaves) == 1:
            return leaves[0]
        keys = list(outputs) if isinstance(outputs, dict) else list(range(len(outputs)))
        self.output_reason = (
            f"the model returns a {type(outputs).__name__} of {len(keys)}: say which to explain "
            f"with output=…, one of {', '.join(map(repr, keys))}"
        )
        return None

    def _has_no_loss(self) -> bool:
        """Whether there is nothing to compute; JAX's trainer would make that a loss of zero."""
        own = type(self.model).compute_loss is not keras.Model.compute_loss
        return not own and getattr(self.model, "loss", None) is None and not self.model.losses

    def _loss(self, inputs: Any, outputs: Any, scale: float) -> Any | None:
        """The compiled loss on the probe; if that cannot be computed, the reason is kept instead."""
        if self._has_no_loss():
            self.loss_reason = "the model is compiled without a loss"
            return None
        arguments = {"x": inputs, "y": self._truth, "y_pred": outputs, "sample_weight": None}
        try:
            if "training" in inspect.signature(self.model.compute_loss).parameters:
                arguments["training"] = False
            return self.model.compute_loss(**arguments) * scale
        except Exception as error:  # noqa: BLE001 — user code (their loss, their labels); the host tells them
            self.loss_reason = f"the compiled loss cannot be computed on the probe: {sentence(error)}"
            return None
