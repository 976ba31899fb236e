# SPDX-License-Identifier: Apache-2.0
"""When to observe: schedules are functions from a step to a bool; a budget stretches them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable

#: From the number of optimiser steps done to whether this step is due.
Schedule = Callable[[int], bool]

#: The budget is judged over at least this long, so that a run's first seconds are not starved.
GRACE_S = 90.0
#: The part of the budget that is planned with. The rest is for what no stopwatch of ours sees: the sink's
#: thread, caches that training finds cold, the first run of something.
PLANNED = 1 / 3


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
        return step % (10 ** (len(str(step)) - 2)) == 0

    return is_due


def next_due(schedule: Schedule, step: int, horizon: int = 100_000) -> int:
    """The first due step after `step`, or 0 if none is within the horizon."""
    return next((s for s in range(step + 1, step + horizon) if schedule(s)), 0)


class Budget:
    """Keeps what the recorder spends below a share of the training time.

    Args:
        max_overhead: the share, e.g. 0.05; None: no budget, everything is allowed.
        clock: seconds, monotonic.
    """

    def __init__(self, max_overhead: float | None, clock: Callable[[], float] = time.perf_counter) -> None:
        self.max_overhead = max_overhead
        self.clock = clock
        self.started = clock()
        self.spent = 0.0

    def spend(self, seconds: float) -> None:
        """Account for time taken from training."""
        self.spent += seconds

    def training_seconds(self) -> float:
        """Time since the start that was not ours."""
        return max(self.clock() - self.started - self.spent, 0.0)

    def allows(self, estimate: float) -> bool:
        """Whether `estimate` more seconds stay within the share of the training time."""
        if self.max_overhead is None:
            return True
        allowed = PLANNED * self.max_overhead * max(self.training_seconds(), GRACE_S)
        return self.spent + estimate <= allowed
