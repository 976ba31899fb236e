# SPDX-License-Identifier: Apache-2.0
"""The numeric rules of three other tools, in our words, from their published formulas (RULES §1).

- UMLAUT: E. Schoop, F. Huang, B. Hartmann, "UMLAUT: Debugging Deep Learning Programs using Program Structure
  and Model Behavior", CHI 2021. Its rules on the program's text (missing softmax …) are left out.
- DeepDiagnosis: M. Wardat, B. D. Cruz, W. Le, H. Rajan, "DeepDiagnosis: Automatically Diagnosing Faults and
  Recommending Actionable Fixes in Deep Learning Programs", ICSE 2022. It stops at the first symptom.
- smdebug: N. Rauschmayr et al., "Amazon SageMaker Debugger: A System for Real-Time Insights into Machine
  Learning Model Training", MLSys 2021; the built-in rules with their default thresholds.

A rule is asked at fixed moments and fires once a run, as theirs do. It sees one save, never a window.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from benchmarks.diagnosis.watched import Facade, Watched

UMLAUT, DEEP_DIAGNOSIS, SMDEBUG = "UMLAUT", "DeepDiagnosis", "smdebug"


@dataclass(frozen=True)
class AnchorRule:
    """`fires(watched)` is asked at every step for which `when(watched)` holds."""

    tool: str
    name: str
    when: Callable[[Watched], bool]
    fires: Callable[[Watched], bool]


# ---- moments


def at_start(run: Watched) -> bool:
    """After the first step."""
    return run.step == 1


def at_saves(run: Watched) -> bool:
    """Where the tool saves tensors."""
    return run.saves


def at_epochs(run: Watched) -> bool:
    """At the end of every epoch."""
    return run.ends_epoch


def at_last_epoch(run: Watched) -> bool:
    """At the end of training."""
    return run.ends_epoch and run.is_last_epoch


def always(run: Watched) -> bool:
    """After every step."""
    return True


# ---- formulas that several share


def beyond_one(run: Watched) -> bool:
    """Inputs outside −1..1 (UMLAUT, DeepDiagnosis)."""
    return bool((run.inputs < -1).any() or (run.inputs > 1).any())


def loss_not_finite(run: Watched) -> bool:
    """NaN or infinite loss (all three)."""
    return not math.isfinite(run.losses[-1])


def gradient_below(run: Watched) -> bool:
    """mean |g| < 1e-7 in some layer, at one step (DeepDiagnosis, smdebug VanishingGradient)."""
    return any(float(g.abs().mean()) < 1e-7 for g in run.gradients.values())


def any_not_finite(run: Watched) -> bool:
    """NaN or infinity in a saved tensor (smdebug ExplodingTensor)."""
    tensors = (*run.gradients.values(), *run.weights.values(), *(a for _, _, a in run.activations))
    return loss_not_finite(run) or not all(bool(torch.isfinite(t).all()) for t in tensors)


# ---- UMLAUT


def rate_out_of_bounds(run: Watched) -> bool:
    """Learning rate above 0.01 or below 1e-7, whatever the optimiser."""
    return run.learning_rate > 0.01 or run.learning_rate < 1e-7


def one_epoch_overfit(run: Watched) -> bool:
    """Validation loss rose and training loss did not, over one epoch."""
    train, val = run.epoch_losses, run.val_losses
    return len(val) > 1 and val[-1] > val[-2] and train[-1] <= train[-2]


# ---- DeepDiagnosis


def mostly_zero(run: Watched) -> bool:
    """At least 70 % of a ReLU layer's elements are 0 (dead)."""
    return any(float((a <= 0).float().mean()) >= 0.7 for m, _, a in run.activations if isinstance(m, nn.ReLU))


def beyond_five(run: Watched) -> bool:
    """|z| ≥ 5 in more than half of a sigmoid's or tanh's elements, the output's too (saturation)."""
    squashed = (z for m, z, _ in run.activations if isinstance(m, (nn.Sigmoid, nn.Tanh)))
    return any(float((z.abs() >= 5).float().mean()) > 0.5 for z in squashed)


def plain_ratio(run: Watched) -> bool:
    """lr ‖g‖ / ‖w‖ outside 1e-5..1e-1 in some layer, as if the optimiser were plain SGD."""
    ratios = [
        run.learning_rate * float(g.norm()) / max(float(run.weights[name].norm()), 1e-12)
        for name, g in run.gradients.items()
        if name in run.weights
    ]
    return any(not 1e-5 <= ratio <= 1e-1 for ratio in ratios)


def five_equal_means(run: Watched) -> bool:
    """A weight's mean is the same at five epochs."""
    last = run.weight_means[-5:]
    return len(last) == 5 and any(len({means[name] for means in last}) == 1 for name in last[0])


def five_equal_losses(run: Watched) -> bool:
    """The epoch's loss is the same five times."""
    last = run.epoch_losses[-5:]
    return len(last) == 5 and len(set(last)) == 1


def start_variance(run: Watched) -> bool:
    """A weight's variance at the start is outside 1e-5..10."""
    return any(
        not 1e-5 <= float(w.var()) <= 10 for w in (run.before or run.weights).values() if w.numel() > 1
    )


# ---- smdebug


def half_dead(run: Watched) -> bool:
    """More than half of a ReLU layer's units are active in less than 1 % of one saved batch (DeadRelu)."""
    return any(
        float(((a.movedim(1, -1).reshape(-1, a.shape[1]) > 0).float().mean(0) < 0.01).float().mean()) > 0.5
        for m, _, a in run.activations
        if isinstance(m, nn.ReLU) and a.ndim > 1
    )


def far_saturated(run: Watched) -> bool:
    """tanh: |z| > 9.5, sigmoid: z < −23 or z > 17, in more than half of the elements."""
    tanh = (z.abs() > 9.5 for m, z, _ in run.activations if isinstance(m, nn.Tanh))
    sigmoid = ((z < -23) | (z > 17) for m, z, _ in run.activations if isinstance(m, nn.Sigmoid))
    return any(float(beyond.float().mean()) > 0.5 for beyond in (*tanh, *sigmoid))


def saved_ratio(run: Watched) -> bool:
    """Mean |Δw| over mean |w| between two saves above 10 or below 1e-8 (WeightUpdateRatio)."""
    ratios = [
        float((w - run.before[name]).abs().mean()) / (float(run.before[name].abs().mean()) + 1e-12)
        for name, w in run.weights.items()
        if name in run.before
    ]
    return run.step > 1 and any(ratio > 10 or ratio < 1e-8 for ratio in ratios)


def three_unchanged(run: Watched) -> bool:
    """A weight is allclose(rtol 1e-5, atol 1e-8) over three saves (UnchangedTensor)."""
    return any(count >= 3 for count in run.unchanged.values())


def no_drop(run: Watched) -> bool:
    """The loss of a batch is not 0.1 % below that of ten steps before (LossNotDecreasing)."""
    return run.step > 10 and run.losses[-1] > 0.999 * run.losses[-11]


def validation_gap(run: Watched) -> bool:
    """(val − train) / train above 0.1 at one epoch (Overfit)."""
    return run.val_losses[-1] - run.epoch_losses[-1] > 0.1 * abs(run.epoch_losses[-1])


def poor_start(run: Watched) -> bool:
    """First ten steps: two layers' variances 10 times apart, or 5–95 % of gradients within 1e-3."""
    variances = [float(w.var()) for w in run.weights.values() if w.numel() > 1]
    ranges = [
        float(torch.quantile(g.flatten()[:100_000], 0.95) - torch.quantile(g.flatten()[:100_000], 0.05))
        for g in run.gradients.values()
    ]
    apart = bool(variances) and max(variances) > 10 * max(min(variances), 1e-12)
    return run.step <= 10 and (apart or any(width < 1e-3 for width in ranges))


def unequal_classes(run: Watched) -> bool:
    """The commonest label is over ten times the rarest, once 500 labels were seen (ClassImbalance)."""
    labels = run.script.data.train_y
    if labels.is_floating_point() or run.step * run.script.batch_size < 500:
        return False
    counts = labels.flatten().bincount()
    return float(counts.max()) > 10 * float(counts.min())


def mean_above(run: Watched) -> bool:
    """Images whose mean is above 0.2 (NotNormalizedImages)."""
    return run.inputs.ndim == 4 and float(run.inputs.mean()) > 0.2


RULES = (
    AnchorRule(UMLAUT, "InputRange", at_start, beyond_one),
    AnchorRule(UMLAUT, "LearningRate", at_epochs, rate_out_of_bounds),
    AnchorRule(UMLAUT, "Overfitting", at_epochs, one_epoch_overfit),
    AnchorRule(UMLAUT, "NonFinite", always, loss_not_finite),
    AnchorRule(DEEP_DIAGNOSIS, "InputRange", at_start, beyond_one),
    AnchorRule(DEEP_DIAGNOSIS, "PoorInit", at_start, start_variance),
    AnchorRule(DEEP_DIAGNOSIS, "NonFinite", always, loss_not_finite),
    AnchorRule(DEEP_DIAGNOSIS, "DeadNode", at_last_epoch, mostly_zero),
    AnchorRule(DEEP_DIAGNOSIS, "Saturated", at_epochs, beyond_five),
    AnchorRule(DEEP_DIAGNOSIS, "Vanishing", at_epochs, gradient_below),
    AnchorRule(DEEP_DIAGNOSIS, "UpdateRatio", at_epochs, plain_ratio),
    AnchorRule(DEEP_DIAGNOSIS, "Unchanged", at_epochs, five_equal_means),
    AnchorRule(DEEP_DIAGNOSIS, "LossStalls", at_epochs, five_equal_losses),
    AnchorRule(SMDEBUG, "DeadRelu", at_saves, half_dead),
    AnchorRule(SMDEBUG, "VanishingGradient", at_saves, gradient_below),
    AnchorRule(SMDEBUG, "ExplodingTensor", at_saves, any_not_finite),
    AnchorRule(SMDEBUG, "SaturatedActivation", at_saves, far_saturated),
    AnchorRule(SMDEBUG, "WeightUpdateRatio", at_saves, saved_ratio),
    AnchorRule(SMDEBUG, "UnchangedTensor", at_saves, three_unchanged),
    AnchorRule(SMDEBUG, "PoorWeightInit", at_saves, poor_start),
    AnchorRule(SMDEBUG, "LossNotDecreasing", at_saves, no_drop),
    AnchorRule(SMDEBUG, "Overfit", at_epochs, validation_gap),
    AnchorRule(SMDEBUG, "ClassImbalance", at_saves, unequal_classes),
    AnchorRule(SMDEBUG, "NotNormalizedImages", at_saves, mean_above),
)


class Anchors:
    """A monitor of PyTorch programs that asks every rule; `fired` is (tool, rule) → first step."""

    def __init__(self) -> None:
        self.fired: dict[tuple[str, str], int] = {}

    def on_torch(self, script: Any) -> Facade:
        return Facade(Watched(script, self._ask))

    def on_keras(self, script: Any) -> list[Any]:
        raise NotImplementedError("the competitors' rules run on the PyTorch programs only")

    @torch.no_grad()
    def _ask(self, run: Watched) -> None:
        for rule in RULES:
            key = (rule.tool, rule.name)
            if key not in self.fired and rule.when(run) and rule.fires(run):
                self.fired[key] = run.step
