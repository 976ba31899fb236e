# SPDX-License-Identifier: Apache-2.0
"""When the recorder works and what that costs: the two schedules, the purse, and the stopwatch."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tb_xai_callbacks.run import schedule
from tb_xai_callbacks.run.status import Status
from tb_xai_callbacks.settings import Settings

#: The purse is judged over at least this long, so that a run's first seconds are not starved.
GRACE_S = 90.0
#: The part of it that is planned with. The rest is for what no stopwatch of ours sees: the sink's thread,
#: caches that training finds cold, the first run of something.
PLANNED = 1 / 3
#: After so many observed steps in a row one is left alone, to learn what a bare step takes.
MOST_WITHOUT_BASELINE = 20
#: Steps that come at once (Keras' `steps_per_execution`) are looked through up to this many.
MOST_PASSED = 10_000
#: What the two schedules are called among the costs.
LOG, EXPLAIN = "statistics", "explanations"


class Purse:
    """Keeps what the recorder spends below a share of the training time.

    Args:
        max_overhead: the share, e.g. 0.05; None: everything is allowed.
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


class Budget:
    """Decides what is due; a due observation that the purse forbids is made up for later.

    The time of a bare step is a running mean over the steps that were not observed; what an observed
    step takes beyond it is our cost, hooks inside the user's forward pass included.

    Args:
        settings: the two schedules and the share.
        status: where costs, and what is put off, are told.
        clock: seconds, monotonic.
    """

    def __init__(
        self, settings: Settings, status: Status, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.log = (
            schedule.every(settings.log_every_n_steps) if settings.log_every_n_steps else schedule.thinning()
        )
        self.explain = (
            schedule.every(settings.explain_every_n_steps)
            if settings.explain_every_n_steps
            else schedule.log_spaced()
        )
        self.purse = Purse(settings.max_overhead, clock)
        self._status = status
        self._clock = clock
        self._bare = 0.0
        self._since_bare = 0
        self._unsettled: deque[float] = deque(maxlen=MOST_WITHOUT_BASELINE)
        self._resumed = clock()
        self._owed: set[str] = set()
        self._asked: dict[str, tuple[int, bool]] = {}

    # ---- the stopwatch

    def pause(self, armed: bool) -> None:
        """A training step just ended; `armed`: it was observed."""
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
            self.purse.spend(max(extra, 0.0) * len(self._unsettled))
            self._unsettled.clear()

    def resume(self) -> None:
        """Training goes on."""
        self._resumed = self._clock()

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Account for the time that the block takes."""
        started = self._clock()
        try:
            yield
        finally:
            seconds = self._clock() - started
            self.purse.spend(seconds)
            self._status.cost(name, seconds)

    def timed_snapshot(self) -> AbstractContextManager[None]:
        """Account for one pass over the probe and what is made of it."""
        return self.timed(EXPLAIN)

    def timed_statistics(self) -> AbstractContextManager[None]:
        """Account for what is read of a training step."""
        return self.timed(LOG)

    # ---- what is due

    def affords(self, name: str, guess: float = 0.0) -> bool:
        """Whether the purse allows one more run of something with a schedule of its own.

        `guess`: seconds that the first run is expected to take.
        """
        allowed = self.purse.allows(self._status.mean_cost(name) or guess)
        if not allowed:
            self._status.skipped(name)
        return allowed

    def log_due(self, step: int) -> bool:
        """Whether to observe the training step that follows `step` done ones."""
        needs_baseline = self.purse.max_overhead is not None and self._since_bare >= MOST_WITHOUT_BASELINE
        return not needs_baseline and self._due(LOG, self.log, step)

    def explain_due(self, step: int) -> bool:
        """Whether to explain the probe after `step` steps."""
        return self._due(EXPLAIN, self.explain, step)

    def _due(self, name: str, due: schedule.Schedule, step: int) -> bool:
        """The same answer for everyone who asks at one step."""
        last, answer = self._asked.get(name, (step - 1, False))
        if last == step:
            return answer
        # steps may come several at a time: what lay between counts
        fresh = any(due(passed) for passed in range(max(last + 1, step - MOST_PASSED), step + 1))
        answer = (fresh or name in self._owed) and self.purse.allows(self._status.mean_cost(name))
        if answer:
            self._owed.discard(name)
        elif fresh:
            self._status.skipped(name)
            self._owed.add(name)
        self._asked[name] = (step, answer)
        return answer
