# SPDX-License-Identifier: Apache-2.0
"""Statistics of one array in numpy: moments, exponent histogram, live units.

Backends that copy to the host use these; device backends have their own reductions, which the tests
hold against these.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tb_xai_plugin.format.records import EXPONENTS, LAYER_COLUMNS, MIN_EXPONENT

#: Bins of a histogram row: EXPONENTS negative, zero, EXPONENTS positive, non-finite.
BINS = 2 * EXPONENTS + 2


def moments(values: np.ndarray) -> np.ndarray:
    """Any array -> float32 [8]: count, mean, std, min, max, norm, zero_fraction, nonfinite_count.

    Mean, population std, min, max and norm are over the finite values (NaN if there is none); count is
    of all values, zero_fraction a share of all values.
    """
    flat = np.asarray(values).astype(np.float64).ravel()
    finite = flat[np.isfinite(flat)]
    zeros = float((flat == 0).sum()) / max(flat.size, 1)
    lost = flat.size - finite.size
    if not finite.size:
        return np.array([flat.size, *[np.nan] * 5, zeros, lost], dtype=np.float32)
    shape = (finite.mean(), finite.std(), finite.min(), finite.max(), np.sqrt(np.square(finite).sum()))
    return np.array([flat.size, *shape, zeros, lost], dtype=np.float32)


def histogram(values: np.ndarray) -> np.ndarray:
    """Any array -> uint64 [2 E + 2] counts by sign and binary exponent (see `records.Histograms`).

    The exponent is read from the float32's bits, so the bins are the same at every step and histograms
    of different steps, ranks or runs can be added.
    """
    bits = np.ascontiguousarray(values, dtype=np.float32).ravel().view(np.int32)
    field = (bits >> 23) & 255
    exponent = np.clip(field - 127 - MIN_EXPONENT, 0, EXPONENTS - 1)
    index = np.where(bits < 0, EXPONENTS - 1 - exponent, EXPONENTS + 1 + exponent)
    index = np.where(bits & 0x7FFFFFFF == 0, EXPONENTS, index)
    index = np.where(field == 255, BINS - 1, index)
    return np.bincount(index, minlength=BINS).astype(np.uint64)


def bin_edges(min_exponent: int = MIN_EXPONENT, exponents: int = EXPONENTS) -> np.ndarray:
    """Edges [2 E + 2] of the 2 E + 1 bins of finite values, ascending.

    The outermost ones are ±2**128; the zero bin lies between ∓2**-149, the smallest float32, from which
    the first bin of each sign starts.
    """
    inner = 2.0 ** np.arange(min_exponent + 1, min_exponent + exponents)
    positive = np.concatenate([[2.0**-149], inner, [2.0**128]])
    return np.concatenate([-positive[::-1], positive])


def live_counts(values: np.ndarray, unit_axis: int, threshold: float = 0.0) -> np.ndarray:
    """Activations [n, …] -> uint32 [units]: in how many samples a unit is active at any position."""
    array = np.moveaxis(np.abs(np.asarray(values)), unit_axis, 1)
    active = (array > threshold) | np.isnan(array)
    positions = tuple(range(2, active.ndim))
    return np.asarray(active.any(axis=positions).sum(axis=0).astype(np.uint32))


def participation_ratio(values: np.ndarray, unit_axis: int) -> float:
    """Activations [n, …] -> (tr C)² / ‖C‖² of the units' covariance C over samples; NaN if it is zero.

    Positions are averaged. Between 1 (all units move together) and the smaller of units and samples - 1.
    Gao et al., "A theory of multineuronal dimensionality", bioRxiv 2017, section 2.
    """
    moved = np.moveaxis(np.asarray(values, dtype=np.float64), unit_axis, 1)
    pooled = moved.reshape(*moved.shape[:2], -1).mean(axis=2)
    covariance = np.cov(pooled, rowvar=False, bias=True).reshape(moved.shape[1], moved.shape[1])
    squares = float(np.square(covariance).sum())
    return float(np.trace(covariance) ** 2 / squares) if squares > 0 else float("nan")


def layer_row(values: np.ndarray, live: np.ndarray | None, unit_axis: int = 0) -> np.ndarray:
    """Activations and their live counts -> float32 [10], the columns of `records.LAYER_COLUMNS`."""
    dead = np.nan if live is None or not len(live) else float((np.asarray(live) == 0).mean())
    ranked = unit_axis > 0 and len(values) > 2 and np.shape(values)[unit_axis] > 1
    rank = participation_ratio(values, unit_axis) if ranked else np.nan
    row = np.append(moments(values), [dead, rank]).astype(np.float32)
    assert len(row) == len(LAYER_COLUMNS)
    return row


def stack_rows(rows: Sequence[np.ndarray | None], columns: int) -> np.ndarray:
    """Rows, None where a layer has no value -> float32 [rows, columns] with NaN."""
    empty = np.full(columns, np.nan, dtype=np.float32)
    return np.stack([empty if row is None else row for row in rows]) if rows else np.zeros((0, columns), "f4")


def stack_counts(rows: Sequence[np.ndarray | None]) -> np.ndarray:
    """Histogram rows, None where a layer has no value -> uint64 [rows, 2 E + 2]."""
    empty = np.zeros(BINS, dtype=np.uint64)
    return np.stack([empty if row is None else row for row in rows]) if rows else np.zeros((0, BINS), "u8")
