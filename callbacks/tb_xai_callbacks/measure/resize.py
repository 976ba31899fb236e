# SPDX-License-Identifier: Apache-2.0
"""Bilinear resizing of maps, so that a layer's coarse map can be laid over the input it came from."""

from __future__ import annotations

import numpy as np


def _weights(size: int, target: int) -> np.ndarray:
    """Matrix [target size]: how much of each cell goes into each target cell; rows sum to 1.

    Cell centres lie at (i + ½) / size; beyond the outermost centres the outermost value holds.
    """
    position = np.clip((np.arange(target) + 0.5) * size / target - 0.5, 0, size - 1)
    low = position.astype(int)
    share = position - low
    matrix = np.zeros((target, size))
    rows = np.arange(target)
    matrix[rows, low] = 1 - share
    matrix[rows, np.minimum(low + 1, size - 1)] += share
    return matrix


def bilinear(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Maps [… h w] -> [… rows columns], float; `size` is (rows, columns).

    What torch calls `interpolate(mode="bilinear", align_corners=False)`: no anti-aliasing, so shrinking
    samples the map. Values stay within the map's range. A NaN or infinite cell spreads to the cells
    beside it, and a map is never mixed with another one.

    Raises ValueError if a map or `size` is empty.
    """
    maps = np.asarray(maps)
    if maps.ndim < 2 or 0 in maps.shape[-2:] or min(size) < 1:
        raise ValueError(f"cannot resize maps of shape {maps.shape} to {tuple(size)}")
    rows, columns = _weights(maps.shape[-2], size[0]), _weights(maps.shape[-1], size[1])
    finite = np.isfinite(maps)
    wide = np.where(finite, maps, 0).astype(np.float64)
    resized = rows @ wide @ columns.T
    if not finite.all():
        resized[rows @ (~finite).astype(float) @ columns.T > 0] = np.nan
    return np.asarray(resized.astype(np.result_type(maps.dtype, np.float32)))
