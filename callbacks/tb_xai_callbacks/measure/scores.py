# SPDX-License-Identifier: Apache-2.0
"""What to explain: from the model's outputs on the probe to a score per sample.

A score is a weighted sum of a sample's outputs. The weights are the cotangent that the backend pulls
back, so classes, regressions and segmentations need no code in the backends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: The user's function of the outputs: outputs [n, …] -> (scores [n], their gradients [n, …]).
Scoring = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Selection:
    """What to explain: the score of a sample is the sum of its outputs × `cotangent`.

    `cotangent` has the shape of the outputs [n, …]. The rest goes into the record as it is: targets int
    [n], scores float [n], predictions int [n], prediction_scores float [n]. With a `function` of the
    user's, the scores are what that says of the backend's tensors and `scoring` of arrays; `cotangent` is
    then its gradient at these outputs only.
    """

    cotangent: np.ndarray
    targets: np.ndarray
    scores: np.ndarray
    predictions: np.ndarray
    prediction_scores: np.ndarray
    probabilities: bool
    scoring: Scoring | None = None
    function: Callable[[Any], Any] | None = None


def class_axis(outputs: np.ndarray) -> int:
    """The axis of the classes: 1 for [n c …] pictures, the last for [n c] and sequences [n t c]."""
    return 1 if outputs.ndim >= 4 else outputs.ndim - 1


def softmax(logits: np.ndarray, axis: int) -> np.ndarray:
    """Probabilities along `axis`, computed without overflow."""
    shifted = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=axis, keepdims=True))


def are_probabilities(outputs: np.ndarray, axis: int) -> bool:
    """Whether the outputs are not negative and sum to 1 (±1e-3) along `axis`."""
    return bool((outputs >= 0).all() and np.allclose(outputs.sum(axis=axis), 1, atol=1e-3))


def _per_sample(values: np.ndarray, axis: int) -> np.ndarray:
    """Outputs [n, …] -> [n, classes], averaged over positions."""
    moved = np.moveaxis(values, axis, 1)
    return np.asarray(moved.reshape(*moved.shape[:2], -1).mean(axis=2))


def _wanted(
    targets: str | Sequence[int] | int, labels: np.ndarray | None, predicted: np.ndarray
) -> np.ndarray:
    if isinstance(targets, str):
        return labels if targets == "label" and labels is not None else predicted
    if np.ndim(targets) and np.shape(targets) != predicted.shape:
        raise ValueError(
            f"targets: got {np.shape(targets)[0]} classes for {len(predicted)} samples of the probe; "
            "give one for each, or a single one"
        )
    return np.broadcast_to(np.asarray(targets, dtype=np.int64), predicted.shape)


def select_class(
    outputs: np.ndarray, targets: str | Sequence[int] | int, labels: np.ndarray | None
) -> Selection:
    """Outputs [n c …] of a classifier: the logit of the target class, averaged over positions."""
    axis = class_axis(outputs)
    probability = _per_sample(outputs if are_probabilities(outputs, axis) else softmax(outputs, axis), axis)
    n, classes = probability.shape
    predicted = np.nan_to_num(probability).argmax(axis=1)
    chosen = _wanted(targets, labels, predicted)
    if chosen.min(initial=0) < 0 or chosen.max(initial=0) >= classes:
        raise ValueError(
            f"targets {sorted({int(c) for c in chosen})} are out of range: the model has {classes} classes, "
            f"0 to {classes - 1}"
        )
    cotangent = np.zeros_like(outputs, dtype=np.float32)
    moved = np.moveaxis(cotangent, axis, 1)
    positions = max(int(np.prod(moved.shape[2:])), 1)
    moved[np.arange(n), chosen] = 1 / positions
    rows = np.arange(n)
    return Selection(
        cotangent=cotangent,
        targets=np.array(chosen, dtype=np.int64),
        scores=probability[rows, chosen],
        predictions=predicted,
        prediction_scores=probability[rows, predicted],
        probabilities=True,
    )


def select_binary(
    outputs: np.ndarray,
    targets: str | Sequence[int] | int,
    labels: np.ndarray | None,
    sigmoid: bool,
) -> Selection:
    """Outputs [n] or [n 1] of a two-class model: the logit, negated where class 0 is explained.

    `sigmoid` says that the outputs are the probabilities of class 1 already.
    """
    flat = outputs.reshape(len(outputs))
    positive = flat if sigmoid else 1 / (1 + np.exp(-np.clip(flat, -60, 60)))
    predicted = (positive > 0.5).astype(np.int64)
    chosen = _wanted(targets, labels, predicted)
    if not np.isin(chosen, (0, 1)).all():
        raise ValueError(f"targets {np.unique(chosen).tolist()} are out of range: the model tells 0 from 1")
    sign = np.where(chosen == 1, 1, -1).astype(np.float32)
    return Selection(
        cotangent=sign.reshape(outputs.shape),
        targets=np.array(chosen, dtype=np.int64),
        scores=np.where(chosen == 1, positive, 1 - positive),
        predictions=predicted,
        prediction_scores=np.where(predicted == 1, positive, 1 - positive),
        probabilities=True,
    )


def select_value(outputs: np.ndarray) -> Selection:
    """Outputs [n, …] of a regression: their mean; there are no classes, so targets are -1."""
    size = max(int(np.prod(outputs.shape[1:])), 1)
    value = outputs.reshape(len(outputs), -1).mean(axis=1)
    none = np.full(len(outputs), -1, dtype=np.int64)
    return Selection(
        cotangent=np.full(outputs.shape, 1 / size, dtype=np.float32),
        targets=none,
        scores=value,
        predictions=none,
        prediction_scores=value,
        probabilities=False,
    )


def select_scores(outputs: np.ndarray, scoring: Scoring, function: Callable[[Any], Any]) -> Selection:
    """Outputs [n, …] -> the scores of the user's function; there are no classes, so targets are -1."""
    scores, cotangent = scoring(outputs)
    none = np.full(len(outputs), -1, dtype=np.int64)
    return Selection(
        cotangent=cotangent,
        targets=none,
        scores=scores,
        predictions=none,
        prediction_scores=scores,
        probabilities=False,
        scoring=scoring,
        function=function,
    )


def wrong_scores(got: str, samples: int) -> ValueError:
    """The error about a user's function that returned something else than one score a sample."""
    return ValueError(
        f"targets: the function returned {got}; expected one score for each of the {samples} samples, "
        f"floats of shape [{samples}] computed from the outputs, e.g. targets=lambda outputs: outputs[:, 0]"
    )


def select(
    outputs: np.ndarray,
    targets: str | Sequence[int] | int = "predicted",
    labels: np.ndarray | None = None,
    regression: bool = False,
    sigmoid: bool = False,
) -> Selection:
    """Outputs [n, …] -> what to explain of each sample.

    `targets` is "predicted", "label" (needs labels), a class, or a class per sample. `regression` says
    that the probe's targets are values, `sigmoid` that a single output is a probability already. Raises
    ValueError with a sentence for classes out of range.
    """
    outputs = np.asarray(outputs, dtype=np.float32)
    single = outputs.ndim == 1 or (outputs.ndim == 2 and outputs.shape[1] == 1)
    if regression or (single and labels is None and isinstance(targets, str)):
        return select_value(outputs)
    if single:
        return select_binary(outputs, targets, labels, sigmoid)
    return select_class(outputs, targets, labels)
