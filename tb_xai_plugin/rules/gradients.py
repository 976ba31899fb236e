# SPDX-License-Identifier: Apache-2.0
"""Rules on gradients: those that fade on their way back, and those that blow up."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tb_xai_plugin.rules.evidence import Evidence
from tb_xai_plugin.rules.rule import ERROR, INFO, WARNING, Symptom, rule


@rule(
    "vanishing gradients",
    WARNING,
    needs=("weight_gradient",),
    min_steps=15,
    hold=15,
    leads_to=("exploding_gradients",),
)
def vanishing_gradients(evidence: Evidence, *, ratio: float = 1e-3, window: int = 50) -> Iterator[Symptom]:
    """The root mean square gradient of a weight matrix is below 1/1000 of the last one's, at the median over
    50 steps, no parameter of the layers before it has 10 times as much, and the run does not learn.

    Healthy networks keep 0.04 and more. No absolute floor: a run that has converged has small gradients, and
    Adam does not mind. What arrives at the layers before it has not vanished on the way back: query and key
    projections of a fresh transformer are that small, its embeddings are not.
    """
    rms = gradient_rms(evidence, window)
    rows = [row for row in evidence.matrices if evidence.table.parameters[row].in_optimizer]
    if len(rows) < 3 or not rms[rows[-1]] > 0:
        return
    faded = np.full(len(rms), np.inf)
    on_the_way = (rms > 0) & (_arriving(evidence, rms) <= 10 * rms)  # none at all is another rule's
    faded[rows] = np.where(on_the_way[rows], rms[rows] / max(rms[rows[-1]], 1e-38), np.inf)
    weakest = int(faded.argmin())
    if faded[weakest] < ratio:
        layer = evidence.layer_of(weakest)
        stuck = evidence.mean_loss(50) >= 0.95 * evidence.setup.base_loss
        severity = INFO if evidence.learns() else (ERROR if stuck else WARNING)
        yield Symptom(
            layer, float(faded[weakest]), ratio, "gradient over that of the last layer",
            f"gradients vanish on the way back to {layer}",
            f"The gradients of {layer} are {faded[weakest]:.2g} times those of the last layer (root mean square, "
            "median of 50 steps)",
            "a chain of saturated or badly scaled layers multiplies them by less than 1 each",
            "Use ReLU or GELU instead of sigmoid or tanh, residual connections, normalisation, He or Glorot "
            "initialisation.", severity=severity,
        )  # fmt: skip


def gradient_rms(evidence: Evidence, window: int) -> np.ndarray:
    """Root mean square of each parameter's gradients, the median over steps: [p], 0 where it is not finite."""
    _, norms = evidence.column("weight_gradient", "norm", window, 2)
    _, counts = evidence.column("weight_gradient", "count", window, 2)
    if not len(norms):
        return np.zeros(len(evidence.table.parameters))
    middle = np.median(norms / np.sqrt(np.maximum(counts, 1)), axis=0)
    return np.where(np.isfinite(middle), middle, 0)


def _arriving(evidence: Evidence, rms: np.ndarray) -> np.ndarray:
    """[p] the largest gradient of any parameter before the layer of each, 0 for the first layer's."""
    first: dict[str, int] = {}
    begins = [first.setdefault(evidence.layer_of(row), row) for row in range(len(rms))]
    arriving: np.ndarray = np.maximum.accumulate(np.concatenate([[0.0], rms]))[begins]
    return arriving


@rule(
    "exploding gradients", WARNING, needs=("weight_gradient",), min_steps=3, leads_to=("attention_collapse",)
)
def exploding_gradients(
    evidence: Evidence, *, factor: float = 10.0, times: int = 3, among: int = 8, ceiling: float = 1e4
) -> Iterator[Symptom]:
    """3 of the last 8 observed gradient norms are above 10 times their running median and above those of
    the first steps, or the median of the last 4 is above 10 000 and above the weights' own norm.

    A norm may be small at the end of training, where one odd batch is 10 times the median: so it must also
    exceed what training began with.
    """
    norms = total_norms(evidence)
    if len(norms) < 4:
        return
    weights = (
        np.sqrt(np.nansum(np.square(evidence.first("weight", "norm")))) if evidence.has("weight") else 1.0
    )
    recent = norms[-4:]
    if np.median(recent) > max(ceiling, 10 * weights):
        yield _explosion(
            evidence, float(np.median(recent)), max(ceiling, 10 * float(weights)), "gradient norm"
        )
        return
    if len(norms) < 2 * among:
        return
    usual = float(np.median(norms[:-among]))
    limit = factor * max(usual, float(np.median(norms[:4])) / 3)
    high = norms[-among:] > limit
    if usual > 0 and high.sum() >= times:
        value = float(np.median(norms[-among:][high]) / usual)
        yield _explosion(evidence, value, factor, "gradient norm over its running median")


def total_norms(evidence: Evidence) -> np.ndarray:
    """Norm of all gradients together, by observation [T]; NaN left out."""
    _, norms_of = evidence.every("weight_gradient", "norm")
    with np.errstate(over="ignore"):
        norms = np.sqrt(np.nansum(np.square(norms_of.astype(np.float64)), axis=1))
    finite: np.ndarray = norms[np.isfinite(norms)]
    return finite


def _explosion(evidence: Evidence, value: float, threshold: float, statistic: str) -> Symptom:
    _, norms = evidence.column("weight_gradient", "norm", 20)
    row = int(np.nanargmax(np.nan_to_num(norms[-1])))
    layer = evidence.layer_of(row)
    return Symptom(
        layer, value, threshold, statistic, "gradients explode",
        f"The gradient norm is {value:.3g}" + (" times its running median" if "over" in statistic else "")
        + f"; most of it is in {layer}",
        "too large a learning rate, unscaled data, or a few batches unlike the others",
        "Clip gradients (norm 1), lower the learning rate, scale inputs and targets, look at those batches.",
        severity=INFO if evidence.learns() else "",
    )  # fmt: skip
