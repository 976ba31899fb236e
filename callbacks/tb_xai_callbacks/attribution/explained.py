# SPDX-License-Identifier: Apache-2.0
"""What all attributions of one snapshot share: the scores that are explained, and of which samples."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tb_xai_callbacks.attribution.method import Method
from tb_xai_callbacks.attribution.question import Question, Tokens
from tb_xai_callbacks.backends.contract import Capture, Explainer, TargetLayer
from tb_xai_callbacks.measure.attention import pool_heat
from tb_xai_callbacks.measure.scores import Selection
from tb_xai_plugin.format.records import Attribution


@dataclass(frozen=True)
class Explained:
    """One snapshot's scores.

    Args:
        choice: what is explained of each sample.
        probe: the samples' hash.
        calls: how often a pass runs a layer; the last call is explained.
        tokens: how attention's tokens lie in the input.
    """

    choice: Selection
    probe: str
    calls: dict[str, int] = field(default_factory=dict)
    tokens: Tokens = field(default_factory=Tokens)

    def ask(self, explainer: Explainer | None, captured: Capture | None = None) -> Question:
        """The question, to the model as it can be run or as it was captured."""
        return Question(explainer, self.choice, captured, self.tokens)

    def record(self, method: Method, layer: TargetLayer | None, heat: np.ndarray) -> Attribution:
        """One method's maps at one place, at most 64×64; of volumes [n d h w] the middle slice.

        Raises:
            ValueError: if there is not one map a sample.
        """
        choice, place, n = self.choice, method.place(layer), len(self.choice.scores)
        if heat.ndim < 2 or len(heat) != n:
            raise ValueError(f"made heat of shape {list(heat.shape)}; expected [{n}, …], one map a sample")
        heat = heat[:, middle_of(heat)] if heat.ndim == 4 else heat
        count = self.calls.get(place, 1)
        return Attribution(
            method=method.name,
            layer=place,
            heat=pool_heat(heat) if heat.ndim == 3 else heat,
            targets=choice.targets,
            scores=choice.scores,
            predictions=choice.predictions,
            prediction_scores=choice.prediction_scores,
            probabilities=choice.probabilities,
            signed=method.signed,
            probe=self.probe,
            call=count,
            calls=count,
        )


def middle_of(heat: np.ndarray) -> int:
    """The slice that is recorded of volumes [n d h w], counted from 0."""
    return int(heat.shape[1]) // 2
