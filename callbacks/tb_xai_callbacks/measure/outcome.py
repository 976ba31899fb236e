# SPDX-License-Identifier: Apache-2.0
"""How good a model's outputs are on samples with known answers: its loss, that of a constant, and more.

Axes: n samples, C classes or values. All losses are means in the unit of the loss that trains.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tb_xai_callbacks.measure.scores import softmax

#: Probabilities are kept this far from 0 before their logarithm is taken.
TINY = 1e-7
CLASSIFYING = frozenset({"cross_entropy", "nll", "kl"})
BINARY = frozenset({"bce", "bce_logits"})
COMPARING = frozenset({"mse", "l1", "huber"})


@dataclass(frozen=True)
class LossFacts:
    """What is known of a loss; see `records.Setup`. `batch` is the number of samples that it was seen on."""

    loss: str = ""
    reduction: str = ""
    head: str = ""
    link: str = ""
    broadcast_shape: tuple[int, ...] = ()
    batch: int = 0


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -60, 60))))


#: What a loss applies to the outputs before it compares, by the names of `records.Setup.link`.
APPLY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "softmax": lambda values: softmax(values, axis=-1),
    "sigmoid": _sigmoid,
    "log": lambda values: np.log(np.maximum(values, TINY)),
    "log_softmax": lambda values: np.log(np.maximum(softmax(values, axis=-1), TINY)),
    "log_sigmoid": lambda values: np.log(np.maximum(_sigmoid(values), TINY)),
}


def data_loss(outputs: np.ndarray, truth: np.ndarray, facts: LossFacts) -> float:
    """Outputs [n C] and classes [n] or values [n …] -> the mean loss that training would compute.

    NaN where the loss is not known or does not fit the truth.
    """
    values = np.asarray(outputs, dtype=np.float64)
    values = values.reshape(len(values), -1)
    for name in filter(None, facts.link.split("+")):
        if name not in APPLY:
            return float("nan")
        values = APPLY[name](values)
    if facts.loss in CLASSIFYING and truth.dtype.kind in "iu" and values.shape[1] > truth.max(initial=0):
        logs = values if facts.loss != "kl" else np.log(np.maximum(values, TINY))
        return float(-logs[np.arange(len(truth)), truth].mean())
    wanted = as_values(truth, values.shape[1])
    if wanted is None:
        return float("nan")
    if facts.loss == "bce_logits":
        return float((np.logaddexp(0, values) - values * wanted).mean())
    if facts.loss == "bce":
        return _binary_loss(values, wanted)
    return _distance(values - wanted, facts.loss)


def _binary_loss(probability: np.ndarray, wanted: np.ndarray) -> float:
    p = np.clip(probability, TINY, 1 - TINY)
    return float(-(wanted * np.log(p) + (1 - wanted) * np.log(1 - p)).mean())


def _distance(error: np.ndarray, loss: str) -> float:
    size = np.abs(error)
    if loss == "mse":
        return float(np.square(error).mean())
    if loss == "l1":
        return float(size.mean())
    if loss == "huber":
        return float(np.where(size < 1, 0.5 * size * size, size - 0.5).mean())
    return float("nan")


def as_values(truth: np.ndarray, columns: int) -> np.ndarray | None:
    """Classes [n] or values [n …] -> float64 [n columns]: one-hot where classes meet several columns."""
    flat = truth.reshape(len(truth), -1)
    if truth.ndim == 1 and truth.dtype.kind in "iu" and columns > 1:
        return np.eye(columns)[truth] if truth.max(initial=0) < columns else None
    return flat.astype(np.float64) if flat.shape[1] == columns else None


def base_loss(truth: np.ndarray, columns: int, facts: LossFacts) -> float:
    """The mean loss of the best constant prediction: H(y), Var(y), mean |y - median| …; NaN if unknown."""
    if facts.loss in CLASSIFYING and truth.dtype.kind in "iu":
        return entropy(np.bincount(truth))
    wanted = as_values(truth, columns)
    if wanted is None:
        return float("nan")
    if facts.loss in BINARY:
        low, high = wanted.min(), wanted.max()
        if low < 0 or high > 1:
            return float("nan")
        return _binary_loss(np.broadcast_to(wanted.mean(axis=0), wanted.shape), wanted)
    if facts.loss == "mse":
        return float(wanted.var(axis=0).mean())
    middle = np.median(wanted, axis=0)
    return _distance(wanted - middle, facts.loss)


def entropy(counts: np.ndarray) -> float:
    """Counts [C] -> entropy in nats."""
    share = np.asarray(counts, dtype=np.float64)
    share = share[share > 0] / max(share.sum(), 1)
    return float(abs((share * np.log(share)).sum()))


def outcome(
    outputs: np.ndarray, truth: np.ndarray | None, facts: LossFacts, classes: bool
) -> dict[str, float]:
    """Outputs [n C] -> named figures of a check-up.

    `output_std`: the largest standard deviation over samples of any output; `output_scale`: root mean
    square of the outputs; `loss`; for classes `accuracy` and `prediction_entropy` (nats); for values `r2`.
    """
    values = np.asarray(outputs, dtype=np.float64).reshape(len(outputs), -1)
    with np.errstate(all="ignore"):
        found = {
            "output_std": float(values.std(axis=0).max()),
            "output_scale": float(np.sqrt(np.square(values).mean())),
            "output_low": float(values.min()),
            "output_high": float(values.max()),
        }
        if truth is None:
            return found
        found["loss"] = data_loss(values, truth, facts)
        if classes:
            found |= _classified(values, truth, facts)
        elif (wanted := as_values(truth, values.shape[1])) is not None:
            spread = np.square(wanted - wanted.mean(axis=0)).sum()
            found["r2"] = float(1 - np.square(values - wanted).sum() / spread) if spread > 0 else float("nan")
    return found


def predicted(outputs: np.ndarray, facts: LossFacts) -> np.ndarray:
    """Outputs [n C] -> classes [n]; of [n 1], where one output tells 0 from 1, by its sign or half."""
    values = np.asarray(outputs, dtype=np.float64).reshape(len(outputs), -1)
    if values.shape[1] > 1:
        return np.asarray(np.nan_to_num(values, nan=-np.inf).argmax(axis=1))
    squashed = facts.loss == "bce" or facts.head in ("sigmoid", "softmax")
    return (values[:, 0] > (0.5 if squashed else 0)).astype(np.int64)


def missed_classes(outputs: np.ndarray, truth: np.ndarray, facts: LossFacts) -> dict[str, float]:
    """How many classes have samples, none of which is predicted as theirs."""
    right = predicted(outputs, facts) == truth
    return {"missed_classes": float(sum(not right[truth == one].any() for one in np.unique(truth)))}


def _classified(values: np.ndarray, truth: np.ndarray, facts: LossFacts) -> dict[str, float]:
    guess = predicted(values, facts)
    return {
        "accuracy": float((guess == truth).mean()),
        "prediction_entropy": entropy(np.bincount(guess)),
    }
