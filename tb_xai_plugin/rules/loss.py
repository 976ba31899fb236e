# SPDX-License-Identifier: Apache-2.0
"""Rules on the loss of every step: not finite, below zero, no better than a constant, up and down."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from tb_xai_plugin.rules.evidence import Evidence
from tb_xai_plugin.rules.rule import ERROR, WARNING, Symptom, rule

#: Below this the targets do not vary, and nothing can be better than a constant.
NO_SPREAD = 1e-3
#: Losses that cannot be negative.
NOT_NEGATIVE = ("cross_entropy", "nll", "bce", "bce_logits", "mse", "l1", "huber")


@rule(
    "non-finite",
    ERROR,
    leads_to=(
        "constant_output",
        "worse_than_constant",
        "constant_prediction",
        "missing_class",
        "oscillation",
        "plateau",
        "overfitting",
    ),
    spreads=True,
)
def nonfinite(evidence: Evidence, *, losses: int = 1) -> Iterator[Symptom]:
    """The loss, an activation, a gradient or a weight is NaN or infinite.

    One loss is enough; loss scaling skips steps by itself and does not show here, because gradients are
    unscaled before they are seen.
    """
    bad = np.flatnonzero(~np.isfinite(evidence.losses))
    if len(bad) >= losses:
        since = evidence.first_loss_step + int(bad[0])
        yield _nonfinite("", float(len(bad)), "losses that are not finite", "the loss", since)
    for signal, what in (
        ("weight", "weights"),
        ("activation", "activations"),
        ("weight_gradient", "gradients"),
    ):
        if evidence.has(signal):
            steps, counts = evidence.column(signal, "nonfinite_count", 50)
            hit = np.argwhere(np.nan_to_num(counts) > 0)
            if len(hit):
                first, row = hit[0]
                parameters = signal.startswith("weight")
                layer = evidence.layer_of(int(row)) if parameters else evidence.table.layers[row].name
                name = f"the {what} of {layer}"
                number = float(counts[first, row])
                yield _nonfinite(layer, number, f"{what} that are not finite", name, int(steps[first]))
                return


def _nonfinite(layer: str, value: float, statistic: str, what: str, since: int) -> Symptom:
    return Symptom(
        layer, value, 0.0, statistic, f"{what} became NaN or infinite",
        f"{what[0].upper()}{what[1:]} hold NaN or infinity from step {since} on",
        "steps that are too large, a logarithm or division of zero, or an overflow in half precision",
        "Lower the learning rate, clip gradients, add an epsilon where a log, root or division is taken.",
        since=since, sure=True,
    )  # fmt: skip


@rule("head and loss", ERROR, needs=("setup", "loss"), leads_to=("nonfinite",))
def negative_loss(evidence: Evidence, *, below: float = -1e-6) -> Iterator[Symptom]:
    """A loss that cannot be negative is below zero."""
    setup = evidence.setup
    if setup.loss in NOT_NEGATIVE and evidence.lowest_loss < below:
        yield Symptom(
            "", evidence.lowest_loss, 0.0, "loss", "the loss is negative",
            f"The loss reached {evidence.lowest_loss:.4g}, but {setup.loss.replace('_', ' ')} is never below zero",
            "targets outside the loss's range, outputs that are no (log-)probabilities, or a flipped sign",
            "Check the targets' range, what the loss expects as input, and the sign.", sure=True,
        )  # fmt: skip


@rule("no learning", ERROR, needs=("base_loss",), min_steps=200, hold=20)
def worse_than_constant(
    evidence: Evidence, *, share: float = 0.95, window: int = 100, start: int = 200
) -> Iterator[Symptom]:
    """After 200 steps the mean loss of the last 100 is not below 95 % of that of the best constant
    prediction, neither in training nor on the check-up's samples.

    The baseline is the entropy of the classes, or the variance of the values. 5 % is more than chance gives
    over 100 batches and less than any network that learns leaves.
    """
    base = evidence.setup.base_loss
    if not base > NO_SPREAD or evidence.num_losses < start:
        return
    training = evidence.mean_loss(window)
    held_out = evidence.scalar("probe_loss", 2, 1)
    never = len(held_out) > 1 and held_out.min() >= share * base
    stuck = training >= share * base
    if not (stuck and (never or not len(held_out))) and not (never and _never_better(evidence, share * base)):
        return
    value = training if stuck else float(held_out[-1])
    where = "" if stuck else " on the check-up's samples"
    cause, advice = _unlearned(evidence, stuck)
    yield Symptom(
        "", value / base, share, "loss over that of the best constant", "no better than a constant prediction",
        f"The loss{where} is {value:.4g} after {evidence.num_losses} steps; always predicting the same would give "
        f"{base:.4g}", cause, advice,
    )  # fmt: skip


def _never_better(evidence: Evidence, level: float, least: int = 8) -> bool:
    """Whether no check-up was ever better, not even early on."""
    trail = evidence.scalars["probe_loss"]
    return trail.count >= least and bool(np.nanmin(trail.values) >= level)


def _unlearned(evidence: Evidence, stuck: bool) -> tuple[str, str]:
    if not stuck:
        return ("the network learns its training samples by heart but nothing that holds for others: the labels "
                "may not belong to their inputs, or the check-up's data differ",
                "Look at a few input-label pairs by eye; check shuffling, joins and preprocessing.")  # fmt: skip
    return ("the inputs do not determine the targets as they are paired (shuffled or wrong labels), the loss does "
            "not fit, or the learning rate does not suit",
            "Check input-label pairs by eye, then the loss and its head, then try 10 times and a tenth of the "
            "learning rate. A healthy network can learn 32 samples by heart.")  # fmt: skip


@rule("learning rate", ERROR, needs=("loss",), min_steps=30, leads_to=("dead_layer",))
def uphill_updates(
    evidence: Evidence, *, rise: float = 1.2, window: int = 30, largest_step: float = 0.1
) -> Iterator[Symptom]:
    """The learning rate is negative, or the loss rises through four quarters of 30 steps although the steps
    are small (update ratio below 0.1), so that they lead uphill."""
    rate = evidence.scalar("learning_rate")
    if len(rate) and rate[-1] < 0:
        yield _uphill(
            float(rate[-1]), 0.0, "learning rate", f"The learning rate is {rate[-1]:g}", "it is negative"
        )
        return
    recent = evidence.recent_losses(window)
    if len(recent) < window or not np.isfinite(recent).all() or not evidence.has("weight"):
        return
    quarters = [float(part.mean()) for part in np.array_split(recent, 4)]
    rising = all(b > a for a, b in itertools.pairwise(quarters))
    first = evidence.first_loss()
    if not evidence.never_fell():
        return  # it went down before: something else turned it
    growth = np.diff(np.log(np.maximum(quarters, 1e-30)))
    if growth.max() > 0.8 * growth.sum():
        return  # a jump: something broke, but no direction is wrong
    if (
        not rising
        or quarters[-1] - quarters[0] < (rise - 1) * abs(quarters[0])
        or quarters[-1] < rise * first
    ):
        return
    _, ratios = evidence.column("weight", "update_ratio", window)
    ratios = ratios[:, evidence.matrices]
    if ratios.size and np.nanmedian(np.nanmax(np.nan_to_num(ratios), axis=1)) < largest_step:
        what = (
            f"The loss rose from {quarters[0]:.4g} to {quarters[-1]:.4g} in {window} steps of moderate size"
        )
        cause = "the updates climb the loss: its sign, or that of the gradients, is flipped"
        yield _uphill(quarters[-1] / quarters[0], rise, "rise of the loss in 30 steps", what, cause)


def _uphill(value: float, threshold: float, statistic: str, message: str, cause: str) -> Symptom:
    return Symptom(
        "", value, threshold, statistic, "the updates lead uphill", message, cause,
        "Check the sign of the loss, of the gradients and of the learning rate; minimise, do not maximise.",
    )  # fmt: skip


@rule("no learning", WARNING, needs=("base_loss",), min_steps=250, hold=50, told_before=("overfitting",))
def plateau(
    evidence: Evidence, *, window: int = 200, level: float = 0.8, gain: float = 0.02
) -> Iterator[Symptom]:
    """Over 200 steps the loss fell by less than 2 % and stands above 80 % of the best constant's.

    Theil–Sen slope over 20 means of 10 steps, so that single batches do not decide. The level keeps runs
    that have converged out: noisy data end well above zero.
    """
    base = evidence.setup.base_loss
    recent = evidence.recent_losses(window)
    if len(recent) < window or not base > NO_SPREAD or not np.isfinite(recent).all():
        return
    means = recent.reshape(20, -1).mean(axis=1)
    fall = -float(theil_sen(means)) * len(means) / max(float(means.mean()), 1e-12)
    if fall < gain and means.mean() > level * base:
        yield Symptom(
            "", fall, gain, f"fall of the loss over {window} steps", "the loss stands still",
            f"The loss fell by {max(fall, 0):.1%} in {window} steps and stands at {means.mean() / base:.0%} of what a "
            "constant prediction gives",
            "a learning rate that does not suit, too small a network, or data without what is asked of them",
            "Try 3 times and a third of the learning rate; see whether the network can learn 32 samples by heart.",
        )  # fmt: skip


def theil_sen(values: np.ndarray) -> float:
    """Median slope of all pairs of [k] values; Theil 1950, Sen 1968."""
    i, j = np.triu_indices(len(values), 1)
    return float(np.median((values[j] - values[i]) / (j - i)))


@rule("oscillation", WARNING, needs=("loss",), min_steps=100, hold=50, told_before=("plateau",))
def oscillation(
    evidence: Evidence, *, window: int = 100, swing: float = 1.0, level: float = 0.3
) -> Iterator[Symptom]:
    """Means of 5 steps swing by more than their median within 100 steps, without getting lower, while the
    loss is above 30 % of where a constant prediction (or training) began."""
    recent = evidence.recent_losses(window)
    base = evidence.setup.base_loss
    reference = base if base > 0 else evidence.first_loss()
    if len(recent) < window or not np.isfinite(recent).all():
        return
    means = recent.reshape(20, -1).mean(axis=1)
    low, middle, high = np.percentile(means, [10, 50, 90])
    half = len(means) // 2
    lower = means[half:].mean() < 0.9 * means[:half].mean()
    if middle > level * reference and (high - low) / max(middle, 1e-12) > swing and not lower:
        yield Symptom(
            "", float((high - low) / middle), swing, "swing of the loss over its median", "the loss swings",
            f"Within {window} steps the loss swings between {low:.3g} and {high:.3g} and does not get lower",
            "steps that jump across the valley: the learning rate or momentum is too high",
            "Halve the learning rate, or use larger batches.",
        )  # fmt: skip
