# SPDX-License-Identifier: Apache-2.0
"""The latest observations of something, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Observations of a signal that are kept.
KEEP = 128


class Trail:
    """The latest observations [T, …] of arrays of one shape; `steps` int64 [T] ascend."""

    def __init__(self, keep: int = KEEP) -> None:
        self._keep = keep
        self._steps = np.zeros(2 * keep, dtype=np.int64)
        self._values = np.zeros((2 * keep, 0))
        self._end = 0
        self.count = 0
        self.first: np.ndarray | None = None

    def add(self, step: int, values: np.ndarray) -> None:
        """Append; values of another shape begin anew, as after a restart with another model."""
        if self.first is None or self._values.shape[1:] != values.shape:
            self._values = np.zeros((2 * self._keep, *values.shape), dtype=values.dtype)
            self.first, self._end, self.count = values, 0, 0
        if self._end == 2 * self._keep:
            self._steps[: self._keep] = self._steps[self._keep :]
            self._values[: self._keep] = self._values[self._keep :]
            self._end = self._keep
        self._steps[self._end] = step
        self._values[self._end] = values
        self._end += 1
        self.count += 1

    def rearrange(self, places: Sequence[int | None]) -> None:
        """Put what is kept into another order of its last axis: `places` of the old one, None for NaN."""
        if self.first is None:
            return
        taken = [place or 0 for place in places]
        missing = np.array([place is None for place in places], dtype=bool)
        self._values, self.first = self._values[..., taken], self.first[..., taken]
        self._values[..., missing] = np.nan
        self.first[..., missing] = np.nan

    def last(self, steps: int, least: int = 1) -> slice:
        """The observations of the latest `steps` steps, but at least `least` of them (if there are)."""
        if not self._end:
            return slice(0, 0)
        newest = self._steps[self._end - 1]
        start = int(np.searchsorted(self._steps[: self._end], newest - steps, side="right"))
        return slice(max(min(start, self._end - least), 0), self._end)

    @property
    def steps(self) -> np.ndarray:
        """Int64 [T]."""
        return self._steps[: self._end]

    @property
    def values(self) -> np.ndarray:
        """[T, …]."""
        return self._values[: self._end]
