# SPDX-License-Identifier: Apache-2.0
"""How maps of the same samples change over snapshots: drift, the step where the focus jumps, when it settles.

Axes: T snapshots in order of time, n samples. Only a map's order of cells counts, never its scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from overlap import set_overlap, strongest

from tb_xai_callbacks.measure.ranks import correlate, map_ranks
from tb_xai_callbacks.measure.shapes import expect

#: Rows [k m] twice -> a number per pair [k].
Compare = Callable[[np.ndarray, np.ndarray], np.ndarray]
#: Jumps: how far above its running median drift must be, in robust standard deviations.
JUMP_Z = 3.5
#: Scale of the median absolute deviation that makes it a standard deviation of Gaussian values.
MAD_TO_STD = 1.4826
#: Least spread of drift, in rank correlation: below it, a calm run's ripples would count as jumps.
LEAST_SPREAD = 0.02


@dataclass(frozen=True)
class Drift:
    """Similarity [T n] of each snapshot's map to the one before (first row NaN) and to the last snapshot's.

    Rank correlation in -1..1, and intersection over union of the top 10 % in 0..1. NaN: not defined, one
    of the two maps is constant or not finite.
    """

    rank_to_previous: np.ndarray
    rank_to_last: np.ndarray
    overlap_to_previous: np.ndarray
    overlap_to_last: np.ndarray


def _pairs(measure: Compare, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Rows [T n m] twice -> the measure of each pair [T n]."""
    steps, n, m = a.shape
    return measure(a.reshape(steps * n, m), b.reshape(steps * n, m)).reshape(steps, n)


def _to_previous(measure: Compare, rows: np.ndarray) -> np.ndarray:
    """Rows [T n m] -> the measure of each and the one before [T n], first row NaN."""
    unknown = np.full(rows[:1].shape[:2], np.nan)
    return np.concatenate([unknown, _pairs(measure, rows[:-1], rows[1:])])


def drift(heat: np.ndarray, share: float = 0.1) -> Drift:
    """Heat [T n h w] -> how similar consecutive maps are, and each map to the last one.

    `share` is that of the cells compared by overlap.
    """
    steps, n, h, w = expect(heat, "T n h w", "heat")
    maps = np.asarray(heat).reshape(steps * n, h, w)
    ranked = map_ranks(maps).reshape(steps, n, h * w)
    top = strongest(maps, share).reshape(steps, n, h * w)
    return Drift(
        _to_previous(correlate, ranked),
        _pairs(correlate, ranked, np.broadcast_to(ranked[-1:], ranked.shape)),
        _to_previous(set_overlap, top),
        _pairs(set_overlap, top, np.broadcast_to(top[-1:], top.shape)),
    )


def jump_scores(similarity: np.ndarray, window: int = 15, least: int = 4) -> np.ndarray:
    """Similarity to the snapshot before [T n] -> robust z-score [T n] of its fall.

    Drift is 1 - similarity; z = (drift - median) / max(1.4826 × MAD, `LEAST_SPREAD`), median and median
    absolute deviation over the `window` snapshots before this one, so that a jump never hides itself. NaN
    where drift is not defined or fewer than `least` of those are. After Iglewicz & Hoaglin, "How to Detect
    and Handle Outliers", 1993, who take 3.5 as threshold.
    """
    steps, _ = expect(similarity, "T n", "similarity")
    fall = 1 - np.asarray(similarity, dtype=np.float64)
    scores = np.full(fall.shape, np.nan)
    for t in range(least, steps):
        past = fall[max(t - window, 0) : t]
        usable = np.isfinite(past).sum(0) >= least
        history = past[:, usable]
        median = np.nanmedian(history, axis=0)
        spread = np.nanmedian(np.abs(history - median), axis=0)
        scores[t, usable] = (fall[t, usable] - median) / np.maximum(MAD_TO_STD * spread, LEAST_SPREAD)
    return scores


def jumps(similarity: np.ndarray, threshold: float = JUMP_Z, window: int = 15, least: int = 4) -> np.ndarray:
    """Similarity to the snapshot before [T n] -> bool [T n]: snapshots at which the focus jumped.

    A jump is a `jump_scores` above `threshold`; where the score is NaN there is none.
    """
    scores = jump_scores(similarity, window, least)
    return np.isfinite(scores) & (np.nan_to_num(scores) > threshold)


def settled(similarity: np.ndarray, least: float = 0.9) -> np.ndarray:
    """Similarity to the last snapshot [T n] -> index [n] of the first one from which on it stays ≥ `least`.

    T - 1 says that only the last snapshot is like itself: not settled yet. -1: never, because the last map
    is constant or not finite. A snapshot that is NaN counts as not similar.
    """
    steps, n = expect(similarity, "T n", "similarity")
    if not steps:
        return np.full(n, -1)
    unlike = ~(np.nan_to_num(np.asarray(similarity, dtype=np.float64), nan=-np.inf) >= least)
    index = np.where(unlike.any(0), steps - np.argmax(unlike[::-1], axis=0), 0)
    return np.where(index == steps, -1, index)
