# SPDX-License-Identifier: Apache-2.0
"""A Keras model as a function of its inputs, on whichever backend it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from tb_xai_callbacks.backends import Pulled
from tb_xai_callbacks.backends.keras_engine import Engine, to_numpy
from tb_xai_callbacks.backends.keras_forward import ProbePass, ProbeRunner, model_inputs
from tb_xai_callbacks.backends.keras_taps import NamedLayer
from tb_xai_callbacks.probe_set import arrays_of

#: So that the same network is shuffled alike at every step.
SHUFFLE_SEED = 0
NOT_GUIDED = (
    "guided backpropagation is not available for Keras models: their ReLUs cannot be clipped from outside"
)


TORCH_ONLY = "{} is there for PyTorch models only; leave it out of methods"


class KerasExplainer:
    """See `backends.Explainer`; made by `KerasObserver.explaining`, while the model is kept quiet.

    Args:
        engine: differentiates.
        runner: runs the model.
        layers: all of the model's, for the embedding of tokens.
        inputs: the probe's, structured as the model takes them; the first array is explained.
        as_outputs: from a pass to the outputs [n, …], classes on axis 1 if they are pictures.
        as_map: name, tensor -> array, channels first.
        as_cotangent: back from the layout of `as_outputs` to the model's.

    Raises:
        ValueError: if the inputs are whole numbers and no embedding takes them.
    """

    has_relu = False

    def __init__(
        self,
        engine: Engine,
        runner: ProbeRunner,
        layers: Sequence[NamedLayer],
        inputs: Any,
        as_outputs: Callable[[ProbePass], np.ndarray],
        as_map: Callable[[str, Any], np.ndarray],
        as_cotangent: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        self._engine = engine
        self._runner = runner
        self._as_outputs = as_outputs
        self._as_map = as_map
        self._as_cotangent = as_cotangent
        main = arrays_of(model_inputs(inputs))[0]
        self.embedded = main.dtype.kind in "iu" and main.ndim == 2
        self._embedding: Any = None
        if self.embedded:
            main = self._embed(layers, main)
        self.inputs = main if main.dtype.kind == "f" else main.astype(keras.config.floatx())

    def pull_unit(self, inputs: np.ndarray, layer: str, unit: np.ndarray) -> np.ndarray:
        """See `Explainer.pull_unit`; there is none."""
        raise ValueError(TORCH_ONLY.format("neuron_conductance"))

    def attend(self, cotangent: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """See `Explainer.attend`; there is none."""
        raise ValueError(TORCH_ONLY.format("gradient_rollout"))

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """See `Explainer.outputs`."""
        passed = self._runner.forward(lambda tensor: tensor, (), start=inputs, embedding=self._embedding)
        return self._as_outputs(passed)

    def pull(self, inputs: np.ndarray, cotangent: np.ndarray, layers: Sequence[str] = ()) -> Pulled:
        """See `Explainer.pull`."""
        passed, pull = self._engine.differentiate(
            lambda watch: self._runner.forward(watch, layers, start=inputs, embedding=self._embedding), []
        )
        sources = [passed.start, *(passed.tensors[name] for name in layers)]
        found = pull(passed.logits, sources, self._as_cotangent(cotangent))
        gradients = [keras.ops.zeros_like(s) if g is None else g for s, g in zip(sources, found, strict=True)]
        return Pulled(
            to_numpy(gradients[0]).astype(np.float32),
            {name: self._as_map(name, passed.tensors[name]) for name in layers},
            {name: self._as_map(name, g) for name, g in zip(layers, gradients[1:], strict=True)},
        )

    def _embed(self, layers: Sequence[NamedLayer], tokens: np.ndarray) -> np.ndarray:
        """The embeddings [n t e] of the tokens; they take the place of the inputs from here on."""
        for named in layers:
            if isinstance(named.layer, keras.layers.Embedding):
                passed = self._runner.forward(lambda tensor: tensor, [named.name])
                found = passed.tensors.get(named.name)
                if found is not None and tuple(found.shape[:2]) == tokens.shape:
                    self._embedding = named.layer
                    return to_numpy(found)
        raise ValueError("the inputs are whole numbers [n, tokens], but no Embedding takes them as they are")


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
