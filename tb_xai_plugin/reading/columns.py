# SPDX-License-Identifier: Apache-2.0
"""Fewer columns of steps: arrays in, arrays out, so that an answer does not grow with the training.

Axes: T logged steps, C columns (runs of neighbouring steps), then whatever the caller has.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def column_starts(num_steps: int, width: int) -> np.ndarray:
    """Index of the first step of each column: int64 [C], C = min(num_steps, width), nearly equal columns.

    Raises:
        ValueError: if `width` is below 1.
    """
    if width < 1:
        raise ValueError(f"width: expected at least 1 column, got {width}")
    columns = min(num_steps, width)
    return np.arange(columns, dtype=np.int64) * num_steps // max(columns, 1)


def column_bounds(steps: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps [T] → the first and the last step of each column, int64 [C] each."""
    ends = np.append(starts[1:], len(steps)) - 1
    return steps[starts], steps[ends] if len(starts) else steps[:0]


def mean_low_high(values: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values [T, …] → mean, minimum, maximum of each column [C, …]; NaN only where a column has no value."""
    if not len(starts):
        empty = values[:0]
        return empty, empty, empty
    values = np.asarray(values, dtype=np.float64)
    missing = np.isnan(values)
    present = np.add.reduceat(~missing, starts, axis=0, dtype=np.int64)
    low = np.fmin.reduceat(values, starts, axis=0)
    high = np.fmax.reduceat(values, starts, axis=0)
    # Infinities of both signs in one column: the mean is NaN, the extremes still tell.
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean = np.add.reduceat(np.where(missing, 0, values), starts, axis=0) / present
    return mean, low, high


def summed(counts: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Counts [T, …] → their sum in each column [C, …], same type."""
    return np.add.reduceat(counts, starts, axis=0, dtype=counts.dtype) if len(starts) else counts[:0]


def pooled(shares: np.ndarray, num_samples: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares [T, units] of num_samples [T] → the shares [C, units] of the pooled samples, and those [C].

    A step without a value (NaN) or without samples does not weigh; NaN where no step of a column does.
    """
    weights = np.where(np.isnan(shares), 0, num_samples[:, None])
    pool = summed(weights.astype(np.float64), starts)
    with np.errstate(invalid="ignore"):
        live = summed(np.where(np.isnan(shares), 0, shares) * weights, starts) / pool
    return live, summed(num_samples, starts)


def union(name_lists: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """All names: those of the last list in its order, then what only earlier lists have."""
    names: dict[str, None] = {}
    for listed in reversed(name_lists):
        names.update(dict.fromkeys(listed))
    return tuple(names)


def align(
    name_lists: Sequence[Sequence[str]], blocks: Sequence[np.ndarray], names: Sequence[str], missing: float
) -> np.ndarray:
    """Blocks [rows, …], one a step, rows named by `name_lists` → [T, names, …], `missing` where no row is.

    Every block has the same trailing axes; names that are not asked for are left out.
    """
    trailing = blocks[0].shape[1:] if blocks else ()
    dtype = blocks[0].dtype if blocks else np.float32
    aligned = np.full((len(blocks), len(names), *trailing), missing, dtype=dtype)
    places = {name: place for place, name in enumerate(names)}
    for step, (rows, block) in enumerate(zip(name_lists, blocks, strict=True)):
        pairs = [(places[name], row) for row, name in enumerate(rows) if name in places]
        if pairs:
            to, source = (list(indices) for indices in zip(*pairs, strict=True))
            aligned[step, to] = block[source]
    return aligned


def runs_of(steps: Sequence[int]) -> list[tuple[int, int, int]]:
    """Ascending steps as (first, stride, count), one after the other: a schedule is a few such runs."""
    runs: list[tuple[int, int, int]] = []
    for step in steps:
        if runs:
            first, stride, count = runs[-1]
            if count == 1 or step == first + stride * count:
                runs[-1] = (first, step - first if count == 1 else stride, count + 1)
                continue
        runs.append((step, 0, 1))
    return runs
