# SPDX-License-Identifier: Apache-2.0
"""Where in a picture the thing is: boxes or masks that a user gives -> masks, checked one by one."""

from __future__ import annotations

from typing import Any

import numpy as np


def masks_of(regions: Any, samples: int, size: tuple[int, int]) -> np.ndarray:
    """Masks bool [n rows columns]; all false for a sample without a region.

    Args:
        regions: one entry a sample: None, a mask [rows columns], or boxes (x0, y0, x1, y1) in pixels of the
            picture from its top left corner, x1 and y1 excluded; or all masks as one array [n rows columns].
        samples: how many samples there are.
        size: (rows, columns) of the pictures.

    Raises:
        ValueError: for another number of entries, a mask of another size, or a box that is empty or reaches
            outside, naming sample and box.
    """
    if len(regions) != samples:
        raise ValueError(
            f"regions: got {len(regions)} entries for {samples} samples; give one for each sample of probe=, "
            "None where there is none"
        )
    return np.stack([_mask(entry, sample, size) for sample, entry in enumerate(regions)])


def _mask(entry: Any, sample: int, size: tuple[int, int]) -> np.ndarray:
    if entry is None or len(entry) == 0:
        return np.zeros(size, dtype=bool)
    array = np.asarray(entry)
    if array.shape == size and (array.dtype == bool or size[1] != 4):
        return np.asarray(array != 0)
    if array.ndim == 1 and array.shape == (4,):
        array = array[None]
    if array.ndim != 2 or array.shape[1] != 4 or array.dtype.kind not in "iuf":
        raise ValueError(
            f"regions: sample {sample}: expected boxes (x0, y0, x1, y1) or a mask of shape {size}, "
            f"got an array of shape {array.shape}"
        )
    return _boxes(array, sample, size)


def _boxes(boxes: np.ndarray, sample: int, size: tuple[int, int]) -> np.ndarray:
    """True for the pixels whose centre lies in one of the boxes."""
    rows, columns = np.arange(size[0])[:, None] + 0.5, np.arange(size[1]) + 0.5
    mask = np.zeros(size, dtype=bool)
    for number, box in enumerate(boxes):
        x0, y0, x1, y1 = (float(edge) for edge in box)
        inside = (columns >= x0) & (columns < x1) & (rows >= y0) & (rows < y1)
        if not (0 <= x0 < x1 <= size[1] and 0 <= y0 < y1 <= size[0] and inside.any()):
            given = ", ".join(f"{edge:g}" for edge in (x0, y0, x1, y1))
            raise ValueError(
                f"regions: sample {sample}, box {number}: got (x0, y0, x1, y1) = ({given}) in a picture "
                f"{size[1]} wide and {size[0]} high; expected 0 ≤ x0 < x1 ≤ {size[1]} and "
                f"0 ≤ y0 < y1 ≤ {size[0]}, around at least one pixel's centre"
            )
        mask |= inside
    return mask
