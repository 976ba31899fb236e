# SPDX-License-Identifier: Apache-2.0
"""When the recorder works and what that costs: the two rhythms, the purses, and the stopwatch."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from math import inf

from tb_xai_callbacks.run import schedule
from tb_xai_callbacks.run.purse import Grant, Purse
from tb_xai_callbacks.run.rhythm import Guarantee, Rhythm
from tb_xai_callbacks.run.status import Status
from tb_xai_callbacks.settings import Settings

#: What the two rhythms are called among the costs.
LOG, EXPLAIN = "statistics", "explanations"
#: After so many observed steps in a row one is left alone, to learn what a bare step takes.
MOST_WITHOUT_BASELINE = 20
#: A film has at least a dozen explained steps, none of its gaps above a fifth of the run, and more than forty
#: observed ones, no gap above a tenth, however long it is and if it can be paid for at all.
FILM, OBSERVED = Guarantee(parts=14, ratio=1.24), Guarantee(parts=45, ratio=1.08)
#: Seconds at once, and shares of `max_overhead`. Freely, the sum is some second and 0.7: the rest is for what
#: no stopwatch of ours sees, the sink’s thread, caches that training finds cold, the first run of something.
#: With all that is guaranteed it is some three seconds and the whole of it.
PURSES = {
    EXPLAIN: (Grant(0.3, 0.35), Grant(2.0, 0.6)),
    LOG: (Grant(0.3, 0.25), Grant(0.6, 0.3)),
    "check-up": (Grant(0.2, 0.1), Grant(0.4, 0.15)),
}
#: Steps that the medians of bare and of observed ones are of.
REMEMBERED = 21
#: What an observed step takes longer, before a bare one is known, as its share.
OBSERVED_SHARE = 0.2
#: A first snapshot that takes longer is left out.
MOST_AT_START = 3.0
#: A pass forward and back takes some three times as long as one forward.
BACK = 3.0


class Budget:
    """Decides what is due, and what of it can be paid for.

    What an observed step takes longer than a bare one is our cost, hooks inside the user's forward pass
    included. A schedule that the user gives is obeyed exactly, unless a budget is given too.

    Args:
        settings: the two schedules and the share.
        status: where costs, and what is put off, are told.
        clock: seconds, monotonic.
    """

    def __init__(
        self, settings: Settings, status: Status, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.share = settings.overhead
        self.log = _rhythm(settings, settings.log_every_n_steps, schedule.thinning(), OBSERVED)
        self.explain = _rhythm(settings, settings.explain_every_n_steps, schedule.log_spaced(), FILM)
        self._purses = {name: Purse(*grants) for name, grants in PURSES.items()}
        self._others = Purse(Grant(0.2, 0.0), Grant(0.2, 0.0))
        self._status = status
        self._clock = clock
        self._started = clock()
        self._forward, self._snapshot = 0.0, 1.0
        self._bare: deque[float] = deque(maxlen=REMEMBERED)
        self._extra: deque[float] = deque(maxlen=REMEMBERED)
        self._since_bare = 0
        self._begun = False
        self._unsettled: deque[float] = deque(maxlen=MOST_WITHOUT_BASELINE)
        self._resumed = self._started
        self._answers: dict[str, tuple[int, bool]] = {}

    def expect(self, total: int | None) -> None:
        """The run will have so many optimiser steps; None: not known."""
        self.log.total = self.explain.total = total

    # ---- the stopwatch

    @property
    def spent(self) -> float:
        """Seconds that were taken from training, as far as they were seen."""
        return self._others.spent + sum(purse.spent for purse in self._purses.values())

    def training_seconds(self) -> float:
        """Time since the start that was not ours."""
        return max(self._clock() - self._started - self.spent, 0.0)

    def note_pass(self, seconds: float, snapshot: float = 1.0) -> None:
        """A forward pass over the probe took so long, and a snapshot takes so many of them forward and back:
        what prices are guessed from before the first."""
        self._forward, self._snapshot = seconds, snapshot

    def pause(self, armed: bool) -> None:
        """A training step just ended; `armed`: it was observed.

        Medians, since a machine that others use as well makes single steps many times as long.
        """
        took = self._clock() - self._resumed
        if armed:
            self._since_bare += 1
            self._unsettled.append(took)
        else:
            self._bare.append(took)
            self._since_bare = 0
        if self._bare and self._unsettled:
            self._settle(statistics.median(self._bare))

    def _settle(self, bare: float) -> None:
        """Pay for the steps that were observed. The first are all observed: what they cost is known after the
        first bare one."""
        seconds = 0.0
        if not self._begun:  # the very first step also compiles the user's model
            self._begun, first = True, self._unsettled.popleft()
            seconds = min(max(first - bare, 0.0), bare)
        if self._unsettled:
            self._extra.extend(took - bare for took in self._unsettled)
            seconds += max(statistics.median(self._extra), 0.0) * len(self._unsettled)
            self._unsettled.clear()
        self._purses[LOG].spend(seconds, runs=0)

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
            seconds = max(self._clock() - started, 0.0)
            self._purses.get(name, self._others).spend(seconds)
            self._status.cost(name, seconds)

    def timed_snapshot(self) -> AbstractContextManager[None]:
        """Account for one pass over the probe and what is made of it."""
        return self.timed(EXPLAIN)

    def timed_statistics(self) -> AbstractContextManager[None]:
        """Account for what is read of a training step."""
        return self.timed(LOG)

    # ---- what is due

    def guess(self, passes: float) -> float:
        """Seconds of so many passes forward and back over the probe."""
        return passes * BACK * self._forward

    def passes_in(self, seconds: float) -> float:
        """Passes forward and back over the probe that take so many seconds; no limit without a budget."""
        if self.share is None or not self._forward:
            return inf
        return seconds / (BACK * self._forward)

    def first_seconds(self) -> float:
        """What the first snapshot will take, where that is more than anyone would wait for; else 0."""
        seconds = self.guess(self._snapshot)
        return seconds if not self.explain.exact and seconds > MOST_AT_START else 0.0

    def affords(self, name: str, passes: float = 1.0, guaranteed: bool = False) -> bool:
        """Whether one more run of something with a schedule of its own can be paid for.

        `passes`: what its first run is expected to take, forward and back over the probe. What has no purse
        of its own lives on what the others leave.
        """
        if self.share is None:
            return True
        price, allowed = self._status.mean_cost(name) or self.guess(passes), self._allowed()
        purse = self._purses.get(name)
        if purse is not None:
            answer = purse.allows(price, allowed, guaranteed)
        else:
            left = sum(purse.left(allowed) for purse in self._purses.values())
            answer = self._others.spent + price <= self._others.freely.start + left / 2
        if not answer:
            self._status.skipped(name)
        return answer

    def log_due(self, step: int) -> bool:
        """Whether to observe the training step that follows `step` done ones."""
        needs_baseline = not self.log.exact and self._since_bare >= MOST_WITHOUT_BASELINE
        return not needs_baseline and self._due(LOG, self.log, step)

    def explain_due(self, step: int) -> bool:
        """Whether to explain the probe after `step` steps."""
        return self._due(EXPLAIN, self.explain, step)

    def explained(self, step: int) -> None:
        """The probe was explained at `step`, whatever was due."""
        self.explain.done(step)

    def _observed_price(self, purse: Purse) -> tuple[float, float]:
        """(seconds that an observed step takes longer, those of steps whose cost is not known yet)."""
        if not self._unsettled:
            return purse.price(), 0.0
        guess = OBSERVED_SHARE * statistics.mean(self._unsettled)
        return max(purse.price(), guess), guess * len(self._unsettled)

    def _allowed(self) -> float:
        return (self.share or 0.0) * self.training_seconds()

    def _due(self, name: str, rhythm: Rhythm, step: int) -> bool:
        """The same answer for everyone who asks at one step."""
        last, answer = self._answers.get(name, (-1, False))
        if last != step:
            answer = self._decided(name, rhythm, step)
            self._answers[name] = (step, answer)
            if answer:
                rhythm.done(step)
        return answer

    def _decided(self, name: str, rhythm: Rhythm, step: int) -> bool:
        wanted = rhythm.wanted(step)
        if rhythm.exact:
            return wanted
        purse, allowed = self._purses[name], self._allowed()
        price, waiting = purse.price(self.guess(self._snapshot)), 0.0
        if name == LOG:
            price, waiting = self._observed_price(purse)
        if wanted and purse.allows(waiting + price, allowed):
            return True
        guaranteed = rhythm.guaranteed(step, self.training_seconds(), price)
        if guaranteed and purse.allows(waiting + price, allowed, guaranteed=True):
            return True
        if rhythm.fresh:
            self._status.skipped(name)
        return False


def _rhythm(
    settings: Settings, every: int | None, otherwise: schedule.Schedule, guarantee: Guarantee
) -> Rhythm:
    """What the user asked for, exactly; else `otherwise` as far as the purse goes, and the guarantee."""
    exact = settings.overhead is None or (every is not None and not settings.has_budget)
    return Rhythm(schedule.every(every) if every else otherwise, None if exact else guarantee)
