# SPDX-License-Identifier: Apache-2.0
"""Comparing two maps by order instead of by size: rank correlation.

Maps are [n …]: n samples, compared cell by cell; the values' unit and scale do not matter.
"""

from __future__ import annotations

import numpy as np


def ranks(values: np.ndarray) -> np.ndarray:
    """Values [n m] -> ranks [n m] from 1 along the last axis; ties share the mean of their ranks.

    NaN ranks last, like in a sort; `map_ranks` leaves such rows out.
    """
    order = np.argsort(values, axis=-1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=-1)
    place = np.broadcast_to(np.arange(values.shape[-1]), values.shape)
    fresh = np.ones(values.shape, dtype=bool)
    fresh[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    final = np.ones(values.shape, dtype=bool)
    final[:, :-1] = fresh[:, 1:]
    first = np.maximum.accumulate(np.where(fresh, place, 0), axis=-1)
    backwards = np.where(final, place, values.shape[-1])[:, ::-1]
    last = np.minimum.accumulate(backwards, axis=-1)[:, ::-1]
    result = np.empty(values.shape, dtype=np.float64)
    np.put_along_axis(result, order, (first + last) / 2 + 1, axis=-1)
    return result


def flatten(maps: np.ndarray) -> np.ndarray:
    """Maps [n …] -> float64 [n m], also where n is 0; ValueError where a map has no cell."""
    shape = np.shape(maps)
    if len(shape) < 2 or 0 in shape[1:]:
        raise ValueError(f"expected maps [n …] with at least one cell, got shape {shape}")
    return np.asarray(maps, dtype=np.float64).reshape(shape[0], int(np.prod(shape[1:])))


def _same_shape(first: np.ndarray, second: np.ndarray) -> None:
    if np.shape(first) != np.shape(second):
        raise ValueError(f"need two maps of one shape [n …], got {np.shape(first)} and {np.shape(second)}")


def map_ranks(maps: np.ndarray) -> np.ndarray:
    """Maps [n …] -> ranks [n m] of their cells; a row of NaN for a map with a value that is not finite."""
    flat = flatten(maps)
    result = ranks(flat)
    result[~np.isfinite(flat).all(axis=1)] = np.nan
    return result


def correlate(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rows [n m] twice -> Pearson's correlation [n]; NaN where a row is constant or has a NaN."""
    x = first - first.mean(1, keepdims=True)
    y = second - second.mean(1, keepdims=True)
    below = np.sqrt(np.einsum("nm,nm->n", x, x) * np.einsum("nm,nm->n", y, y))
    defined = below > 0
    return np.where(defined, np.einsum("nm,nm->n", x, y) / np.where(defined, below, 1), np.nan)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Maps [n …] twice -> Spearman's rank correlation [n] in -1..1, with ties.

    NaN where it is not defined: a map is constant, or has a value that is not finite.
    """
    _same_shape(first, second)
    return correlate(map_ranks(first), map_ranks(second))
