# SPDX-License-Identifier: Apache-2.0
"""How far to believe the maps of a method: from the model as a function to a Trust record."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tb_xai_callbacks.attribution.method import INPUT, LAYER, Method
from tb_xai_callbacks.attribution.question import Question
from tb_xai_callbacks.backends.contract import TargetLayer
from tb_xai_callbacks.measure import trust
from tb_xai_callbacks.measure.axes import Axes
from tb_xai_callbacks.measure.inputs import noisy_copies
from tb_xai_callbacks.measure.ranks import rank_correlation
from tb_xai_plugin.format.records import Trust

#: Tenths of the input that are taken away one after the other.
STEPS = 10
#: Noisy repeats, and their noise as a share of each sample's range.
REPEATS, NOISE = 4, 0.05
NO_POSITIONS = "the map's values are not of positions of the input, which could be blanked one by one"


def is_judged(method: Method) -> bool:
    """Whether its maps are: those of the input, and those of a layer that the shared pass gives.

    Others are not of positions, cannot be made for other inputs, or take too long to be made so often.
    """
    return method.explains == INPUT or (method.explains == LAYER and not method.passes)


class Measured:
    """The measures of one method's maps, taken one after the other; what fails is told, not raised.

    Args:
        method: whose maps they are.
        target: the layer, None for maps of the input.
        heat: the maps [n …] of the trained model.
        regions: where the thing is, bool [n rows columns], all false where that was not said; None: nowhere.
    """

    def __init__(
        self, method: Method, target: TargetLayer | None, heat: np.ndarray, regions: np.ndarray | None = None
    ) -> None:
        self.method = method
        self.target = target
        self.heat = heat
        self.measures: dict[str, np.ndarray] = {}
        self.missing: dict[str, str] = {}
        self._place(regions)

    def _place(self, regions: np.ndarray | None) -> None:
        """Whether the map lies where the thing is."""
        if regions is None or self.heat.ndim != 3:
            reason = "no boxes or masks were given" if regions is None else NO_POSITIONS
            self.missing |= dict.fromkeys(("pointing", "mass"), reason)
            return
        self._measure("pointing", lambda: trust.pointing_game(self.heat, regions))
        self._measure("mass", lambda: trust.relevance_mass(self.heat, regions))

    def on_trained(self, question: Question) -> None:
        """What the model as it is has to say."""
        axes = question.axes
        alike = self.heat.ndim - 1 == len(axes.positions) < 3
        if alike or (self.heat.ndim == 3 and self.heat.shape[1] == 1):
            self._measure("deletion", lambda: self._area(trust.deletion, question, axes))
            self._measure("insertion", lambda: self._area(trust.insertion, question, axes))
        else:
            self.missing |= {"deletion": NO_POSITIONS, "insertion": NO_POSITIONS}
        copies = noisy_copies(question.inputs, NOISE, REPEATS, seed=0)
        maps = (self.method.make(question.at(copy), self.target) for copy in copies)
        self._measure("stability", lambda: trust.stability(self.heat, maps).rank)
        if self.method.complete:
            self._measure("gap", lambda: _gap(self.heat, question))
        else:
            self.missing["gap"] = "the method does not claim to be complete"

    def on_shuffled(self, question: Question) -> None:
        """What the same network with shuffled weights says."""

        def similarity() -> np.ndarray:
            return rank_correlation(self.heat, self.method.make(question, self.target))

        self._measure("randomisation", similarity)

    def record(self, probe: str) -> Trust:
        """All of it; `probe` is its hash."""
        return Trust(self.method.name, self.method.place(self.target), self.measures, self.missing, probe)

    def _area(self, curve: Callable[..., trust.Curve], question: Question, axes: Axes) -> np.ndarray:
        """Over pixels; words, moments and features are pictures of one row."""
        inputs, positions = question.inputs, axes.positions
        if len(positions) == 2:
            rows, columns = positions
            return curve(question.probability_at, inputs, self.heat, axes=(rows, columns), steps=STEPS).area
        heat = self.heat.reshape(len(inputs), 1, -1)
        return curve(
            lambda row: question.probability_at(row[:, 0]),
            inputs[:, None],
            heat,
            axes=(1, positions[0] + 1),
            steps=STEPS,
        ).area

    def _measure(self, name: str, make: Callable[[], np.ndarray]) -> None:
        try:
            self.measures[name] = np.asarray(make(), dtype=np.float32)
        except Exception as error:  # noqa: BLE001 — one measure less; the record says why
            self.missing[name] = f"{type(error).__name__}: {error}"


def _gap(heat: np.ndarray, trained: Question) -> np.ndarray:
    """|sum of attributions - change of the score|, as a share of the change."""
    inputs = trained.inputs
    change = trained.score_at(inputs) - trained.score_at(np.zeros_like(inputs))
    return np.asarray(np.abs(trust.completeness_gap(heat, change)) / np.maximum(np.abs(change), 1e-12))
