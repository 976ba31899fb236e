# SPDX-License-Identifier: Apache-2.0
"""How far an explanation can be trusted: does it name what the model uses, and would it come out again?

Every measure is per sample [n] and has an answer for every map: NaN, "not defined", where a map holds a
value that is not finite, or is constant where an order is needed. Callables are always called with all n
samples in their order, so that each sample can keep its own target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tb_xai_callbacks.measure.ranks import flatten, rank_correlation
from tb_xai_callbacks.measure.resize import bilinear
from tb_xai_callbacks.measure.shapes import expect


@dataclass(frozen=True)
class Curve:
    """Scores [n steps+1] as a share [steps+1] of the pixels changes from 0 to 1, and their mean, area [n]."""

    shares: np.ndarray
    scores: np.ndarray
    area: np.ndarray


@dataclass(frozen=True)
class Stability:
    """Over noisy repeats, [n] each: mean rank correlation (1: same order) and mean relative L2 (0: same)."""

    rank: np.ndarray
    relative_l2: np.ndarray


def _finite(maps: np.ndarray) -> np.ndarray:
    """[n …] -> [n]: whether all values are finite."""
    return np.asarray(np.logical_and.reduce(np.isfinite(maps), axis=tuple(range(1, np.ndim(maps)))))


def pixel_order(heat: np.ndarray, size: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Heat [n h w] -> place [n rows columns] of each pixel of the input: 0 is the hottest.

    Heat is upsampled bilinearly. Equal pixels, such as all the zeros of a ReLU, are ordered by chance with
    a generator of its own, not by their position.
    """
    n, _, _ = expect(heat, "n h w", "heat")
    wide = bilinear(np.nan_to_num(heat), size).reshape(n, size[0] * size[1])
    chance = np.random.default_rng(seed).random(wide.shape)
    order = np.lexsort((chance, -wide), axis=1)
    places = np.empty(order.shape, dtype=np.int64)
    np.put_along_axis(places, order, np.broadcast_to(np.arange(wide.shape[1]), order.shape), axis=1)
    return places.reshape(n, *size)


def _swap_curve(
    score: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    end: np.ndarray,
    heat: np.ndarray,
    axes: tuple[int, int],
    steps: int,
) -> Curve:
    """Scores while the pixels of `start` are replaced by those of `end`, hottest first."""
    if steps < 1 or len(heat) != len(start):
        raise ValueError(
            f"need at least 1 step and a map per sample, got {steps}, {len(heat)} of {len(start)}"
        )
    size = (start.shape[axes[0]], start.shape[axes[1]])
    places = pixel_order(heat, size)
    places = np.expand_dims(places, [axis for axis in range(1, start.ndim) if axis not in axes])
    shares = np.linspace(0, 1, steps + 1)
    counts = np.rint(shares * size[0] * size[1])
    scores = [np.asarray(score(np.where(places < k, end, start)), dtype=np.float64) for k in counts]
    curve = np.stack(scores, axis=1)
    flat = flatten(heat)
    orders = _finite(heat) & (flat.max(1) > flat.min(1))
    return Curve(shares, curve, np.where(orders, np.trapezoid(curve, shares, axis=1), np.nan))


def deletion(
    score: Callable[[np.ndarray], np.ndarray],
    inputs: np.ndarray,
    heat: np.ndarray,
    *,
    baseline: Any = 0.0,
    axes: tuple[int, int] = (2, 3),
    steps: int = 20,
) -> Curve:
    """Deletion: the score [n] while pixels of inputs [n …] give way to `baseline`, hottest first.

    heat [n h w] is upsampled to the input's rows and columns, `axes`; `baseline` broadcasts to the inputs.
    The lower the area, the better the map names what the score rests on; give probabilities if areas are
    to be compared. A map that is constant or not finite has area NaN. steps + 1 calls of `score`. Petsiuk
    et al., "RISE", BMVC 2018 ("deletion" and "insertion").
    """
    end = np.broadcast_to(np.asarray(baseline, dtype=inputs.dtype), inputs.shape)
    return _swap_curve(score, inputs, end, heat, axes, steps)


def insertion(
    score: Callable[[np.ndarray], np.ndarray],
    inputs: np.ndarray,
    heat: np.ndarray,
    *,
    baseline: Any = 0.0,
    axes: tuple[int, int] = (2, 3),
    steps: int = 20,
) -> Curve:
    """Insertion: the score [n] while pixels of inputs [n …] appear on `baseline`, hottest first.

    As `deletion`, the other way round: the higher the area, the better.
    """
    start = np.broadcast_to(np.asarray(baseline, dtype=inputs.dtype), inputs.shape)
    return _swap_curve(score, start, inputs, heat, axes, steps)


def relative_l2(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Maps [n …] twice -> ‖second - first‖ / ‖first‖ [n]; NaN where the first is all zero or not finite."""
    a, b = flatten(first), flatten(second)
    size = np.sqrt(np.square(a).sum(1))
    defined = _finite(a) & _finite(b) & (size > 0)
    return np.where(defined, np.sqrt(np.square(b - a).sum(1)) / np.where(defined, size, 1), np.nan)


def stability(maps: np.ndarray, noisy: Iterable[np.ndarray]) -> Stability:
    """Maps [n …] of the inputs, and those of noisy copies of the inputs, one [n …] per repeat.

    The copies come from `inputs.noisy_copies`, explained one after the other. A sample is NaN where one of
    its repeats is not defined. After Alvarez-Melis & Jaakkola, "On the Robustness of Interpretability
    Methods", arXiv 1806.08049; here the mean over random noise, not the worst case.
    """
    pairs = [(rank_correlation(maps, other), relative_l2(maps, other)) for other in noisy]
    if not pairs:
        raise ValueError("stability needs at least one noisy repeat")
    rank, distance = np.mean(pairs, axis=0)
    return Stability(rank, distance)


def completeness_gap(attribution: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Attribution [n …] and the score's change from the baseline [n] -> sum of the attribution - change.

    [n], in the unit of the score; 0 is complete. Sundararajan et al., ICML 2017, proposition 1.
    """
    return np.asarray(flatten(attribution).sum(1) - np.asarray(change, dtype=np.float64))


def _masked(heat: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Heat and masks as [n cells], heat upsampled to the masks."""
    n, *size = expect(masks, "n h w", "masks")
    if expect(heat, "n h w", "heat")[0] != n:
        raise ValueError(f"{len(heat)} maps and {n} masks")
    wide = np.asarray(heat, dtype=np.float64)
    if wide.shape[1:] != tuple(size):
        wide = bilinear(wide, (size[0], size[1]))
    return flatten(wide), flatten(masks) > 0


def pointing_game(heat: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Heat [n h w] and masks [n rows columns] -> hit [n]: 1 if the hottest pixel lies in the mask, else 0.

    Heat is upsampled to the masks. Of several hottest pixels the share inside; NaN for a map that is
    constant or not finite, or a mask that is empty. The paper's margin of 15 pixels is not applied: widen
    the mask instead. Zhang et al., "Top-down Neural Attention by Excitation Backprop", IJCV 126, 2018.
    """
    wide, inside = _masked(heat, masks)
    top = wide == wide.max(1, keepdims=True)
    share = (top & inside).sum(1) / np.maximum(top.sum(1), 1)
    return np.where(top.any(1) & ~top.all(1) & _finite(wide) & inside.any(1), share, np.nan)


def relevance_mass(heat: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Heat [n h w] and masks [n rows columns] -> share [n] of the positive heat that lies in the mask.

    Heat is upsampled to the masks. A constant positive map has the mask's share of the area; NaN for a map
    that is nowhere positive or not finite, or a mask that is empty. Arras et al., "CLEVR-XAI", Information
    Fusion 81, 2022 ("relevance mass accuracy").
    """
    wide, inside = _masked(heat, masks)
    positive = wide.clip(min=0)
    total = positive.sum(1)
    defined = _finite(wide) & (total > 0) & inside.any(1)
    return np.where(defined, np.where(inside, positive, 0).sum(1) / np.where(defined, total, 1), np.nan)
