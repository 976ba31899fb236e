# SPDX-License-Identifier: Apache-2.0
"""What the tab's overlap of the strongest cells is held against.

Maps are [n …]: n samples, compared cell by cell; the values' unit and scale do not matter.
"""

from __future__ import annotations

from math import ceil

import numpy as np

from tb_xai_callbacks.measure.ranks import flatten


def strongest(maps: np.ndarray, share: float = 0.1) -> np.ndarray:
    """Maps [n …] -> bool [n …]: the cells of the greatest `share` of a map, at least one.

    Cells that tie with the last one are in, so it can be more; cells at the map's minimum never are, so a
    constant map has none. Nor has a map with a value that is not finite.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be in 0..1 without 0, got {share}")
    flat = flatten(maps)
    flat = np.where(np.isfinite(flat).all(1, keepdims=True), flat, 0)
    cells = max(1, ceil(share * flat.shape[1] - 1e-9))
    least = np.partition(flat, -cells, axis=1)[:, [-cells]]
    return np.asarray(((flat >= least) & (flat > flat.min(1, keepdims=True))).reshape(np.shape(maps)))


def set_overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Sets of cells, bool [n m] twice -> intersection over union [n] in 0..1; NaN where either is empty."""
    defined = first.any(1) & second.any(1)
    return np.where(defined, (first & second).sum(1) / np.maximum((first | second).sum(1), 1), np.nan)


def top_overlap(first: np.ndarray, second: np.ndarray, share: float = 0.1) -> np.ndarray:
    """Maps [n …] twice -> intersection over union [n] of their `strongest` cells, in 0..1.

    NaN where either map has no strongest cell: it is constant, or has a value that is not finite.
    """
    return set_overlap(strongest(flatten(first), share), strongest(flatten(second), share))
