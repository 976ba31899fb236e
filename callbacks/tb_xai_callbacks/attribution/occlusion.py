# SPDX-License-Identifier: Apache-2.0
"""Maps of the input by what the score loses when a part of it is covered."""

from __future__ import annotations

from math import ceil

import numpy as np

from tb_xai_callbacks.attribution.method import Method
from tb_xai_callbacks.attribution.question import Question
from tb_xai_callbacks.backends.contract import TargetLayer
from tb_xai_callbacks.measure import inputs as at_inputs

#: Windows a side, but of volumes.
WINDOWS = 8


def windows_a_side(positions: int) -> int:
    """Into how many windows each of so many axes is cut: of a volume as many in all as of a picture."""
    return WINDOWS if positions < 3 else max(round(WINDOWS ** (2 / positions)), 1)


def _occlusion(question: Question, layer: TargetLayer | None) -> np.ndarray:
    """Heat [n h w], [n t] or [n f], in blocks of an eighth a side; [n d h w] of a quarter."""
    inputs, positions = question.inputs, question.axes.positions
    windows = windows_a_side(len(positions))
    patch = [max(1, ceil(inputs.shape[axis] / windows)) for axis in positions]
    return at_inputs.occlusion(question.score_at, inputs, positions, patch=patch, stride=patch)


OCCLUSION = Method(
    "occlusion",
    "Occlusion",
    "How much the class score falls when this part of the input is covered.",
    _occlusion,
    signed=True,
    passes=WINDOWS**2,
    source="Zeiler & Fergus, ECCV 2014",
)
