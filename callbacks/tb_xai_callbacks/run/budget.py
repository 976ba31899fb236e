# SPDX-License-Identifier: Apache-2.0
"""When the recorder works and what that costs: the two schedules, the budget, and the stopwatch."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tb_xai_callbacks.options import Options
from tb_xai_callbacks.run import schedule
from tb_xai_callbacks.run.status import Journal

#: After so many observed steps in a row one is left alone, to learn what a bare step takes.
MOST_WITHOUT_BASELINE = 20


#: Steps that come at once (Keras' `steps_per_execution`) are looked through up to this many.
MOST_PASSED = 10_000


class Pace:
    """Decides what is due; a due observation that the budget forbids is made up for later.

    The time of a bare step is a running mean over the steps that were not observed; what an observed
    step takes beyond it is our cost, hooks inside the user's forward pass included.
    """

    def __init__(self, options: Options, clock: Callable[[], float] = time.perf_counter) -> None:
        self.log = (
            schedule.every(options.log_every_n_steps) if options.log_every_n_steps else schedule.thinning()
        )
        self.explain = (
            schedule.every(options.explain_every_n_steps)
            if options.explain_every_n_steps
            else schedule.log_spaced()
        )
        self.budget = schedule.Budget(options.max_overhead, clock)
        self._clock = clock
        self._bare = 0.0
        self._since_bare = 0
        self._unsettled: deque[float] = deque(maxlen=MOST_WITHOUT_BASELINE)
        self._resumed = clock()
        self._owed: set[str] = set()
        self._asked: dict[str, int] = {}

    def pause(self, armed: bool) -> None:
        """A training step just ended."""
        took = self._clock() - self._resumed
        if armed:
            self._since_bare += 1
            self._unsettled.append(took)
        else:
            self._bare = took if self._bare == 0 else 0.9 * self._bare + 0.1 * took
            self._since_bare = 0
        if self._bare and self._unsettled:
            # The first steps are all observed: what they cost is known after the first bare one. By their
            # median, since the very first also compiles the user's model.
            extra = statistics.median(self._unsettled) - self._bare
            self.budget.spend(max(extra, 0.0) * len(self._unsettled))
            self._unsettled.clear()

    def resume(self) -> None:
        """Training goes on."""
        self._resumed = self._clock()

    @contextmanager
    def timed(self, name: str, journal: Journal) -> Iterator[None]:
        """Account for the time that the block takes."""
        started = self._clock()
        try:
            yield
        finally:
            seconds = self._clock() - started
            self.budget.spend(seconds)
            journal.cost(name, seconds)

    def affords(self, name: str, journal: Journal, guess: float = 0.0) -> bool:
        """Whether the budget allows one more run of something with a schedule of its own.

        `guess`: seconds that the first run is expected to take.
        """
        allowed = self.budget.allows(journal.mean_cost(name) or guess)
        if not allowed:
            journal.skipped(name)
        return allowed

    def log_due(self, step: int, journal: Journal) -> bool:
        """Whether to observe the training step that follows `step` done ones."""
        needs_baseline = self.budget.max_overhead is not None and self._since_bare >= MOST_WITHOUT_BASELINE
        return not needs_baseline and self._due("statistics", self.log, step, journal)

    def explain_due(self, step: int, journal: Journal) -> bool:
        """Whether to explain the probe after `step` steps."""
        return self._due("explanations", self.explain, step, journal)

    def _due(self, name: str, due: schedule.Schedule, step: int, journal: Journal) -> bool:
        # steps may come several at a time: what lay between counts
        last = self._asked.get(name, step - 1)
        fresh = any(due(passed) for passed in range(max(last + 1, step - MOST_PASSED), step + 1))
        self._asked[name] = step
        if not fresh and name not in self._owed:
            return False
        if self.budget.allows(journal.mean_cost(name)):
            self._owed.discard(name)
            return True
        if fresh:
            journal.skipped(name)
        self._owed.add(name)
        return False
