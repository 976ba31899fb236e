# SPDX-License-Identifier: Apache-2.0
"""Maps of the input by libraries, Captum and shap, which the extra `attribution` brings.

The backend calls them; what is ours is which parts of the input are taken away together.
"""

from __future__ import annotations

from math import ceil

import numpy as np

from tb_xai_callbacks.attribution.method import Method
from tb_xai_callbacks.attribution.occlusion import WINDOWS, windows_a_side
from tb_xai_callbacks.attribution.question import Question
from tb_xai_callbacks.backends.contract import TargetLayer
from tb_xai_callbacks.measure.axes import Axes
from tb_xai_callbacks.measure.inputs import to_map
from tb_xai_callbacks.measure.shapley import shapley_values

#: Perturbed versions of each sample that KernelSHAP and LIME are fitted to.
PERTURBED = 256


class Delegated(Method):
    """A method that `Explainer.delegate` knows by its name."""

    def make(self, question: Question, layer: TargetLayer | None) -> np.ndarray:
        """See `Method.make`: [n h w], [n t] or [n f]."""
        inputs, axes = question.inputs, question.axes
        found = question.explainer.delegate(self.name, inputs, question.choice, groups_of(inputs, axes))
        return to_map(found, axes.features)


class KernelShap(Delegated):
    """Exact where every coalition of the groups fits what would be sampled, and then without a library."""

    def make(self, question: Question, layer: TargetLayer | None) -> np.ndarray:
        """See `Method.make`."""
        inputs, axes = question.inputs, question.axes
        groups = groups_of(inputs, axes)
        players = int(groups.max()) + 1
        if (1 << players) - 2 > PERTURBED:  # nobody and all are known anyway
            return super().make(question, layer)
        each = shapley_values(lambda there: question.score_at(inputs * there[groups]), players)
        return to_map(each[:, groups] / np.bincount(groups.ravel())[groups], axes.features)


def groups_of(inputs: np.ndarray, axes: Axes) -> np.ndarray:
    """Numbers [...] of an input's shape: at most `WINDOWS` ² blocks of positions, with all their features."""
    shape = inputs.shape[1:]
    most = windows_a_side(len(axes.positions)) if len(axes.positions) > 1 else WINDOWS**2
    numbers = np.zeros(shape, dtype=np.int64)
    for axis in axes.positions:
        size = inputs.shape[axis]
        block = np.arange(size) // ceil(size / most)
        along = block.reshape([-1 if i == axis - 1 else 1 for i in range(len(shape))])
        numbers = numbers * (int(block.max()) + 1) + along
    return numbers


DEEP_LIFT = Delegated(
    "deep_lift",
    "DeepLIFT",
    "Differences from a blank input, carried back through the layers: the values add up to the score’s "
    "change. By Captum.",
    signed=True,
    passes=1,
    source="Shrikumar et al., ICML 2017",
    complete=True,
)
LRP = Delegated(
    "lrp",
    "LRP",
    "The score, handed back from layer to layer to those that made it (ε-rule). By Captum.",
    signed=True,
    passes=2,
    source="Bach et al., PLoS ONE 10 (2015)",
)
FEATURE_ABLATION = Delegated(
    "feature_ablation",
    "Feature ablation",
    "What the score loses without this block of the input. By Captum.",
    signed=True,
    passes=WINDOWS**2,
    source="Zeiler & Fergus, ECCV 2014",
)
KERNEL_SHAP = KernelShap(
    "kernel_shap",
    "KernelSHAP",
    "Shapley values of blocks of the input: they add up to the score’s change. Of up to 8 blocks exact, from "
    "all coalitions; of more from sampled ones, by Captum or shap.",
    signed=True,
    passes=PERTURBED,
    source="Lundberg & Lee, NeurIPS 2017",
    complete=True,
)
LIME = Delegated(
    "lime",
    "LIME",
    "A sparse linear model of the score near this input, by blocks. By Captum.",
    signed=True,
    passes=PERTURBED,
    source="Ribeiro et al., KDD 2016",
)
