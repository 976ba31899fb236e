# SPDX-License-Identifier: Apache-2.0
"""Rules on the outputs for the check-up's samples: all the same, classes left out, overfitting."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tb_xai_plugin.rules.evidence import Evidence
from tb_xai_plugin.rules.rule import ERROR, INFO, WARNING, Symptom, rule


@rule("constant output", ERROR, needs=("checkup",), min_steps=10)
def constant_output(evidence: Evidence, *, spread: float = 1e-3) -> Iterator[Symptom]:
    """In two check-ups running of the second half of training so far no output varies over samples by more than
    1/1000 of the targets' standard deviation (for classes, of the outputs' own size, at most 1)."""
    stds = evidence.checkups("probe_output_std")
    size = evidence.scalar("probe_output_scale")
    scale = evidence.setup.target_std
    if evidence.setup.task != "regression":
        scale = min(float(size[-1]), 1.0) if len(size) else 1.0
    limit = spread * (scale if np.isfinite(scale) and scale > 0 else 1.0)
    if len(stds) >= 2 and stds.max() < limit:
        layers = evidence.table.layers
        yield Symptom(
            layers[-1].name if layers else "", float(stds[-1]), limit, "standard deviation of the outputs over samples",
            "the output is the same for every input",
            f"Over {evidence.setup.num_samples} samples no output varies by more than {stds[-1]:.2g}",
            "the head ignores its input (softmax over one unit, saturation), or all units before it are dead",
            "Look at the head and at dead layers before it; then at the learning rate.",
        )  # fmt: skip


def _labelled(evidence: Evidence) -> int:
    """Number of classes with samples in the check-up."""
    return sum(1 for count in evidence.setup.class_counts if count)


@rule("class imbalance", WARNING, needs=("checkup",), min_steps=100, hold=20)
def constant_prediction(evidence: Evidence, *, share: float = 0.1) -> Iterator[Symptom]:
    """In two check-ups running of the second half of training so far the entropy of the predicted classes is
    below 10 % of that of the labels."""
    entropies = evidence.checkups("probe_prediction_entropy")
    counts = np.array(evidence.setup.class_counts, dtype=np.float64)
    if _labelled(evidence) < 2 or len(entropies) < 2:
        return
    p = counts[counts > 0] / counts.sum()
    labels = float(-(p * np.log(p)).sum())
    if entropies.max() < share * labels:
        yield Symptom(
            "", float(entropies[-1] / labels), share, "entropy of predictions over that of labels",
            "one class is predicted for everything",
            f"On {evidence.setup.num_samples} samples of {_labelled(evidence)} classes the predictions have an entropy "
            f"of {entropies[-1]:.2g} nats, the labels {labels:.2g}",
            imbalance(evidence) or "the network has not learned to tell the classes apart, or forgot it",
            "Weight the loss or resample if classes are rare; else look at what stands above this.",
        )  # fmt: skip


@rule("class imbalance", WARNING, needs=("checkup",), min_steps=200, hold=20, told_before=("oscillation",))
def missing_class(evidence: Evidence, *, samples: int = 3, share: float = 0.3) -> Iterator[Symptom]:
    """In two check-ups running of the second half of training so far none of a class's samples is recognised,
    for 30 % of the classes; warned of where classes are imbalanced or the rest is learned."""
    missed = evidence.checkups("probe_missed_classes")
    accuracy = evidence.scalar("probe_accuracy")
    present = [count for count in evidence.setup.class_counts if count >= samples]
    if len(missed) < 2 or len(present) < 2 or missed.min() < 1:
        return
    rare = imbalance(evidence)
    learned = len(accuracy) > 0 and accuracy[-1] > 2 / max(_labelled(evidence), 1)
    if not rare and (missed.min() < share * _labelled(evidence) or not learned):
        return
    yield Symptom(
        "", float(missed[-1]), 0.0, "classes never recognised", "classes are never recognised",
        f"{int(missed[-1])} of {_labelled(evidence)} classes: none of their samples is predicted as theirs",
        rare or "these classes are rare or absent in training, or their labels are wrong",
        "Count the classes in the training data; weight the loss or resample.", severity=WARNING,
    )  # fmt: skip


def imbalance(evidence: Evidence, ratio: float = 10.0) -> str:
    """A sentence if the check-up's largest class is 10 times its smallest, else ""."""
    counts = [count for count in evidence.setup.class_counts if count]
    if len(counts) > 1 and max(counts) >= ratio * min(counts):
        return f"classes are imbalanced: the largest has {max(counts)} of {sum(counts)} samples, the smallest {min(counts)}"
    return ""


@rule("overfitting", INFO, needs=("checkup", "loss"), min_steps=100, hold=20, told_before=("dead_head",))
def overfitting(
    evidence: Evidence, *, rise: float = 1.2, gap: float = 1.5, checks: int = 3, harm: float = 0.35
) -> Iterator[Symptom]:
    """In 3 check-ups running the held-out loss is 20 % above its best and 1.5 times the training loss; or it
    no longer falls, is 5 times the training loss and above 35 % of that of a constant prediction.

    A remark while the model is none the worse for it; a warning in the second case, or once accuracy is 5
    points or R² 0.1 below its best.
    """
    trail = evidence.scalars.get("probe_loss")
    if trail is None or trail.count < 2 * checks or not len(evidence.losses):
        return
    recent, best = trail.values[-checks:], float(np.nanmin(trail.values))
    training, base = evidence.mean_loss(50), evidence.setup.base_loss
    low = float(recent.min())
    memorised = bool(low > 1.02 * best and low > 5 * training and low > harm * base)
    if not (memorised or (low > rise * best and low > gap * training)):
        return
    at = int(trail.steps[int(np.nanargmin(trail.values))])
    worse = memorised or _dropped(evidence, "probe_accuracy", 0.05) or _dropped(evidence, "probe_r2", 0.1)
    yield Symptom(
        "", float(recent[-1] / best), rise, "held-out loss over its best", "the network overfits",
        f"The held-out loss is {recent[-1]:.4g}, its best was {best:.4g} at step {at}; the training loss is "
        f"{training:.4g}",
        "it learns its training samples by heart", f"Stop near step {at}, regularise (weight decay, dropout, "
        "augmentation), or get more data.", severity=WARNING if worse else INFO, since=at,
    )  # fmt: skip


def _dropped(evidence: Evidence, name: str, by: float) -> bool:
    """Whether a score of the check-ups is below its best in the three latest ones."""
    trail = evidence.scalars.get(name)
    return trail is not None and float(trail.values[-3:].max()) < float(np.nanmax(trail.values)) - by
