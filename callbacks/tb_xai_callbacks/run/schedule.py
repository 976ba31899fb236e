# SPDX-License-Identifier: Apache-2.0
"""When to observe: schedules are functions from a step to a bool."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

#: From the number of optimiser steps done to whether this step is due.
Schedule = Callable[[int], bool]


def every(n: int) -> Schedule:
    """Due at 0, n, 2 n, …"""
    return lambda step: step % n == 0


def at(steps: Iterable[int]) -> Schedule:
    """Due at exactly these steps."""
    wanted = frozenset(steps)
    return lambda step: step in wanted


def log_spaced(ratio: float = 1.08) -> Schedule:
    """Due at every step at first, then each `ratio` times the last: some 190 times in 10 million steps."""
    due = [0, 1]

    def is_due(step: int) -> bool:
        while due[-1] < step:
            due.append(max(due[-1] + 1, math.ceil(due[-1] * ratio)))
        return step in due

    return is_due


def thinning() -> Schedule:
    """Due at every step below 10, every 5th below 200, every 10th below 1000, then 1 % of the magnitude."""

    def is_due(step: int) -> bool:
        if step < 10:
            return True
        if step < 200:
            return step % 5 == 0
        return bool(step % (10 ** (len(str(step)) - 2)) == 0)

    return is_due


def next_due(schedule: Schedule, step: int, horizon: int = 100_000) -> int:
    """The first due step after `step`, or 0 if none is within the horizon."""
    return next((s for s in range(step + 1, step + horizon) if schedule(s)), 0)
