# SPDX-License-Identifier: Apache-2.0
"""A Keras model as a function of its inputs, on whichever backend it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np

from tb_xai_callbacks.backends.contract import Pulled
from tb_xai_callbacks.backends.keras.axes import Axes, four_axes
from tb_xai_callbacks.backends.keras.engines.engine import Engine, Forward, Watch, to_numpy
from tb_xai_callbacks.backends.keras.forward import ProbePass, ProbeRunner, model_inputs
from tb_xai_callbacks.backends.keras.guided import ReluCalls
from tb_xai_callbacks.backends.keras.shap import kernel_shap
from tb_xai_callbacks.backends.keras.taps import NamedLayer
from tb_xai_callbacks.measure.scores import Scoring, Selection, wrong_scores
from tb_xai_callbacks.probe.trees import arrays_of

#: So that the same network is shuffled alike at every step.
SHUFFLE_SEED = 0
TORCH_ONLY = "Captum, which makes {}, knows PyTorch models only; leave it out of methods"
TABLES_ONLY = "kernel_shap explains Keras models of one table [n, features], and the inputs are {}"


class KerasExplainer:
    """See `backends.Explainer`; made by `KerasObserver.explaining`, while the model is kept quiet.

    Args:
        engine: differentiates.
        runner: runs the model.
        inputs: the probe's, structured as the model takes them; the first array is explained.
        axes: the model's.
        relus: counts the calls of ReLUs where the pass is guided; None where it is not.

    Raises:
        ValueError: if the inputs are whole numbers and no embedding takes them.
    """

    def __init__(
        self,
        engine: Engine,
        runner: ProbeRunner,
        inputs: Any,
        axes: Axes,
        relus: ReluCalls | None = None,
    ) -> None:
        self._engine = engine
        self._runner = runner
        self._axes = axes
        self.features_first = axes.features_first
        self._relus = relus
        main, *others = arrays_of(model_inputs(inputs))
        self._others = len(others)
        self.embedded = main.dtype.kind in "iu" and main.ndim == 2
        self._embedding: Any = None
        if self.embedded:
            main = self._embed(runner.layers, main)
        self.inputs = main if main.dtype.kind == "f" else main.astype(keras.config.floatx())

    @property
    def has_relu(self) -> bool:
        """Whether a guided pass came through a ReLU."""
        return self._relus is not None and self._relus.count > 0

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """See `Explainer.outputs`."""
        return self._axes.as_outputs(self._engine.run(self._forward(inputs)).logits)

    def pull(self, inputs: np.ndarray, cotangent: np.ndarray, layers: Sequence[str] = ()) -> Pulled:
        """See `Explainer.pull`."""
        passed, pull = self._engine.differentiate(self._forward(inputs, layers), [])
        sources = [passed.start, *(passed.tensors[name] for name in layers)]
        found = _reached(sources, pull(passed.logits, sources, self._axes.as_cotangent(cotangent)))
        return Pulled(
            to_numpy(found[0]).astype(np.float32),
            {name: self._axes.as_map(name, passed.tensors[name]) for name in layers},
            {name: self._axes.as_map(name, g) for name, g in zip(layers, found[1:], strict=True)},
        )

    def pull_unit(self, inputs: np.ndarray, layer: str, unit: np.ndarray) -> np.ndarray:
        """See `Explainer.pull_unit`."""
        passed, pull = self._engine.differentiate(self._forward(inputs, [layer]), [])
        tensor = passed.tensors[layer]
        one = np.zeros(self._axes.as_map(layer, tensor).shape, np.float32)
        one.reshape(len(one), -1)[np.arange(len(one)), unit] = 1
        found = pull(tensor, [passed.start], self._axes.as_tensor(layer, one))
        return to_numpy(_reached([passed.start], found)[0]).astype(np.float32)

    def attend(self, cotangent: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """See `Explainer.attend`."""
        passed, pull = self._engine.differentiate(
            lambda watch: self._runner.forward(watch, (), attention=True), []
        )
        if not passed.scores:
            raise ValueError("the model has no keras.layers.MultiHeadAttention whose gradient could be taken")
        scores = list(passed.scores.values())
        slopes = _reached(scores, pull(passed.logits, scores, self._axes.as_cotangent(cotangent)))
        return (
            {name: four_axes(tensor) for name, tensor in passed.scores.items()},
            {name: four_axes(slope) for name, slope in zip(passed.scores, slopes, strict=True)},
        )

    def delegate(self, method: str, inputs: np.ndarray, choice: Selection, groups: np.ndarray) -> np.ndarray:
        """See `Explainer.delegate`; `kernel_shap` of tables."""
        if method != "kernel_shap":
            raise ValueError(TORCH_ONLY.format(method))
        if inputs.ndim != 2 or self.embedded or self._others:
            others = f" and {self._others} more" if self._others else ""
            raise ValueError(TABLES_ONLY.format(f"{list(inputs.shape)}{others}"))

        usual = self.outputs(inputs)

        def score_of(versions: np.ndarray, row: int) -> np.ndarray:
            outputs = self.outputs(versions.astype(inputs.dtype))
            if choice.scoring is None:
                return np.asarray(outputs.reshape(len(versions), -1) @ choice.cotangent[row].ravel())
            # The user's function sees every sample in its place.
            among = np.repeat(usual[None], len(versions), axis=0)
            among[:, row] = outputs
            return np.array([choice.scoring(one)[0][row] for one in among])

        return kernel_shap(score_of, inputs)

    def _forward(self, inputs: np.ndarray, layers: Sequence[str] = ()) -> Forward:
        return lambda watch: self._runner.forward(watch, layers, start=inputs, embedding=self._embedding)

    def _embed(self, layers: Sequence[NamedLayer], tokens: np.ndarray) -> np.ndarray:
        """The embeddings [n t e] of the tokens; they take the place of the inputs from here on."""
        for named in layers:
            if isinstance(named.layer, keras.layers.Embedding):
                passed = self._engine.run(partial(self._runner.forward, wanted=[named.name]))
                found = passed.tensors.get(named.name)
                if found is not None and tuple(found.shape[:2]) == tokens.shape:
                    self._embedding = named.layer
                    return to_numpy(found)
        raise ValueError("the inputs are whole numbers [n, tokens], but no Embedding takes them as they are")


def _reached(sources: Sequence[Any], gradients: Sequence[Any]) -> list[Any]:
    """Gradients, zero where no path leads from the source to what was differentiated."""
    return [keras.ops.zeros_like(s) if g is None else g for s, g in zip(sources, gradients, strict=True)]


def scoring_of(engine: Engine, axes: Axes, function: Callable[[Any], Any]) -> Scoring:
    """See `Observer.scoring`; the function is given outputs with the model's own axes."""

    def scoring(outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        def forward(watch: Watch) -> ProbePass:
            start = watch(keras.ops.convert_to_tensor(axes.as_cotangent(outputs)))
            scores = _scores(function, start)
            return ProbePass(start=start, logits=scores)

        passed, pull = engine.differentiate(forward, [])
        found = pull(passed.logits, [passed.start], np.ones(len(outputs), dtype=np.float32))
        if found[0] is None:
            raise wrong_scores("scores that do not depend on the outputs", len(outputs))
        return to_numpy(passed.logits), axes.as_outputs(found[0])

    return scoring


def _scores(function: Callable[[Any], Any], start: Any) -> Any:
    """What the user's function makes of outputs, held to one float a sample."""
    samples = int(start.shape[0])
    try:
        scores = function(start)
    except Exception as error:
        raise wrong_scores(f"nothing but {type(error).__name__}: {error}", samples) from error
    if not keras.ops.is_tensor(scores):
        raise wrong_scores(f"a {type(scores).__name__}", samples)
    if tuple(scores.shape) != (samples,):
        raise wrong_scores(f"a tensor of shape {list(scores.shape)}", samples)
    if "float" not in keras.backend.standardize_dtype(scores.dtype):
        raise wrong_scores(f"a tensor of {keras.backend.standardize_dtype(scores.dtype)}", samples)
    return scores


@contextmanager
def shuffled_weights(variables: Sequence[Any]) -> Iterator[None]:
    """The entries of every weight matrix are shuffled; the same bits are there again afterwards."""
    generator = np.random.default_rng(SHUFFLE_SEED)
    matrices = [variable for variable in variables if len(variable.shape) > 1]
    before = [to_numpy(variable) for variable in matrices]
    try:
        for variable, values in zip(matrices, before, strict=True):
            variable.assign(generator.permutation(values.ravel()).reshape(values.shape))
        yield
    finally:
        for variable, values in zip(matrices, before, strict=True):
            variable.assign(values)
