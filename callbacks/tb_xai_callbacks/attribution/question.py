# SPDX-License-Identifier: Apache-2.0
"""What a method is asked: the score of every sample, of a model that was seen or can be run again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tb_xai_callbacks.backends.contract import Capture, Explainer, Layout, TargetLayer
from tb_xai_callbacks.measure.attention import without_padding
from tb_xai_callbacks.measure.axes import Axes, axes_of
from tb_xai_callbacks.measure.cam import tokens_to_map
from tb_xai_callbacks.measure.scores import Selection, class_axis, softmax
from tb_xai_callbacks.probe.samples import ProbeSet

#: Attention by layer, in execution order: [n heads queries keys].
Attention = dict[str, np.ndarray]
#: A layer's activation and the explained score's gradient there, [n c h w] or [n tokens c].
Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Tokens:
    """How the tokens that attend lie in the input.

    `grid` is (rows, columns) of a picture's patches, None where tokens are words or moments; the first
    `prefix` tokens (class token, registers) have no place in it. `real` [n tokens] is False for padding.
    """

    grid: tuple[int, int] | None = None
    prefix: int = 0
    real: np.ndarray | None = None

    @classmethod
    def of(cls, layout: Layout, probe: ProbeSet) -> Tokens:
        """Those of a model on its probe."""
        auto = layout.auto
        return cls(real=probe.real) if auto is None else cls(auto.grid, auto.prefix_tokens, probe.real)


class Question:
    """What is explained: the score of each sample, a function of its inputs.

    Activations, gradients and attention are those of the pass that was captured, where there is one; else,
    and for other inputs (`at`), the model is run for them. What ends in `_at` always runs it.

    Args:
        explainer: the model as a function; None: it cannot be run, there is only what was captured.
        choice: the explained scores.
        captured: the pass that all signals shared, if it may be used.
        tokens: how attention's tokens lie in the input.
        inputs: what the model is given [n …]; None: the probe.
    """

    def __init__(
        self,
        explainer: Explainer | None,
        choice: Selection,
        captured: Capture | None = None,
        tokens: Tokens | None = None,
        inputs: np.ndarray | None = None,
    ) -> None:
        self.choice = choice
        self.tokens = tokens or Tokens()
        self._explainer = explainer
        self._captured = captured
        self._inputs = inputs
        self._pulled: dict[str, Pair] = {}

    def at(self, inputs: np.ndarray) -> Question:
        """The same of other inputs [n …]: nothing that was seen of the probe is used."""
        return Question(self._explainer, self.choice, None, self.tokens, inputs)

    # ---- the model and its inputs

    @property
    def explainer(self) -> Explainer:
        """The model as a function of its inputs.

        Raises:
            ValueError: if it cannot be run.
        """
        if self._explainer is None:
            raise ValueError(
                "the method runs the model, but says passes=0: that it is made of the shared pass alone"
            )
        return self._explainer

    @property
    def inputs(self) -> np.ndarray:
        """What the model is given: float inputs [n …], or the embeddings [n t e] of tokens."""
        return self.explainer.inputs if self._inputs is None else self._inputs

    @property
    def axes(self) -> Axes:
        """Where the inputs have their features and positions."""
        explainer = self.explainer
        return axes_of(explainer.inputs, explainer.embedded, explainer.features_first)

    # ---- at a layer

    def activation(self, layer: TargetLayer | None) -> np.ndarray:
        """What the layer puts out, [n c h w]; a grid of tokens is laid out as one."""
        return _as_map(self._pair(_asked(layer))[0], _asked(layer))

    def gradient(self, layer: TargetLayer | None) -> np.ndarray:
        """The explained scores' gradient at the layer's output, [n c h w]."""
        return _as_map(self._pair(_asked(layer))[1], _asked(layer))

    def _pair(self, layer: TargetLayer) -> Pair:
        name, seen = layer.name, self._captured
        if seen is not None and name in seen.activations and name in seen.gradients:
            return seen.activations[name], seen.gradients[name]
        if name not in self._pulled:
            pulled = self.explainer.pull(self.inputs, self.cotangent_at(self.inputs), [name])
            self._pulled[name] = pulled.activations[name], pulled.gradients[name]
        return self._pulled[name]

    # ---- at attention

    def attention(self) -> Attention:
        """Attention on the probe as it was captured; NaN for queries that are padding.

        Raises:
            ValueError: if none was captured.
        """
        if self._captured is None or not self._captured.attention:
            raise ValueError("attention was not captured")
        return without_padding(self._captured.attention, self.tokens.real)

    def attention_and_gradient(self) -> tuple[Attention, Attention]:
        """Attention on the probe, and the explained scores' gradient there, from a pass of its own.

        Raises:
            ValueError: if the model has no attention that a gradient can reach.
        """
        weights, slopes = self.explainer.attend(self.choice.cotangent)
        return without_padding(weights, self.tokens.real), slopes

    # ---- as functions of other inputs

    def score_at(self, inputs: np.ndarray) -> np.ndarray:
        """The explained scores [n] of other inputs [n …]."""
        outputs = self.explainer.outputs(inputs)
        if self.choice.scoring is not None:
            return self.choice.scoring(outputs)[0]
        weights = self.choice.cotangent.reshape(len(inputs), -1)
        return np.asarray((outputs.reshape(len(inputs), -1) * weights).sum(axis=1))

    def probability_at(self, inputs: np.ndarray) -> np.ndarray:
        """The targets' probabilities [n] where there are classes, else the scores."""
        outputs = self.explainer.outputs(inputs)
        if not self.choice.probabilities or outputs.ndim != 2 or outputs.shape[1] < 2:
            return self.score_at(inputs)
        likely = softmax(outputs, class_axis(outputs))
        return np.asarray(likely[np.arange(len(likely)), self.choice.targets])

    def gradient_at(self, inputs: np.ndarray) -> np.ndarray:
        """The scores' gradients at other inputs [n …]."""
        return self.explainer.pull(inputs, self.cotangent_at(inputs)).gradient

    def cotangent_at(self, inputs: np.ndarray) -> np.ndarray:
        """The scores' gradients at the outputs [n, …] of other inputs; for a user's function, a pass more."""
        if self.choice.scoring is None:
            return self.choice.cotangent
        return self.choice.scoring(self.explainer.outputs(inputs))[1]


def _asked(layer: TargetLayer | None) -> TargetLayer:
    if layer is None:
        raise ValueError('the method looks at a layer, but does not say explains="layer"')
    return layer


def _as_map(array: np.ndarray, layer: TargetLayer) -> np.ndarray:
    """What a layer put out, as [n c h w]."""
    return array if layer.grid is None else np.asarray(tokens_to_map(array, layer.grid, layer.prefix_tokens))
