# SPDX-License-Identifier: Apache-2.0
"""Whatever the run is like: a film, statistics beside it, no more than was promised; on our own clock."""

from dataclasses import dataclass, field
from itertools import pairwise, product
from math import log

import pytest

from tb_xai_callbacks.run.budget import Budget
from tb_xai_callbacks.run.status import Status
from tb_xai_callbacks.settings import Settings

#: Steps of a run, seconds of a step, seconds of a snapshot.
LENGTHS, STEPS, SNAPSHOTS = (60, 600, 5000, 40_000), (0.003, 0.05, 0.4), (0.004, 0.05, 0.2)
COMBINATIONS = [
    (length, step, snapshot) for length, step, snapshot in product(LENGTHS, STEPS, SNAPSHOTS)
    if length * step < 4000
]  # fmt: skip


@dataclass
class Run:
    """A run on a clock: when it was explained and observed, and what that cost."""

    steps: int
    step_s: float
    snapshot_s: float
    known: bool = True
    settings: Settings = field(default_factory=Settings)
    slower_after: int = 10**9
    now: float = 0.0
    explained: list[int] = field(default_factory=list)
    observed: list[int] = field(default_factory=list)

    @property
    def observed_times(self) -> float:
        """What an observed step takes longer: many small calls, which a large network hides."""
        return 1.0 if self.step_s < 0.01 else 0.2

    def __call__(self) -> float:
        return self.now

    def made(self) -> "Run":
        budget = Budget(self.settings, Status(), self)
        budget.expect(self.steps if self.known else None)
        budget.note_pass(self.snapshot_s / 3, 1)
        self._explain(budget, 0)
        armed = budget.log_due(0)
        budget.resume()
        for step in range(1, self.steps + 1):
            bare = self.step_s * (10 if step > self.slower_after else 1)
            self.now += bare * (1 + self.observed_times * armed)
            budget.pause(armed)
            if armed:
                self.observed.append(step - 1)
                with budget.timed_statistics():
                    self.now += 0.05 * self.step_s
            if budget.explain_due(step):
                self._explain(budget, step)
            armed = budget.log_due(step)
            budget.resume()
        if self.explained[-1] != self.steps:
            self._explain(budget, self.steps)
        self.spent = budget.spent
        self.training = budget.training_seconds()
        return self

    def _explain(self, budget: Budget, step: int) -> None:
        with budget.timed_snapshot():
            self.now += self.snapshot_s
        budget.explained(step)
        self.explained.append(step)

    def gap(self, done: list[int]) -> float:
        """The largest gap, as a share of the run."""
        ends = [*done, self.steps]
        return max((b - a for a, b in pairwise(ends)), default=self.steps) / self.steps


def explanations_fit(run: Run) -> bool:
    """Whether what is guaranteed can be paid for: a dozen; of a run of unknown length, one each time it has
    grown by a quarter since training took six times as long as one."""
    seconds = run.steps * run.step_s
    count = 14.0 if run.known else 2 + log(max(seconds / (6 * run.snapshot_s), 1)) / log(1.24)
    return count * run.snapshot_s <= 2.0 + 0.6 * 0.05 * seconds


def observations_fit(run: Run) -> bool:
    """The same of some fifty observed steps."""
    return 50 * run.step_s * (run.observed_times + 0.05) <= 0.6 + 0.3 * 0.05 * run.steps * run.step_s


@pytest.mark.parametrize("known", [True, False], ids=["length known", "length not known"])
@pytest.mark.parametrize(("steps", "step_s", "snapshot_s"), COMBINATIONS)
def test_a_film_and_its_price(steps, step_s, snapshot_s, known):
    run = Run(steps, step_s, snapshot_s, known).made()
    assert run.explained[0] == 0
    assert run.explained[-1] == steps
    assert run.spent <= 0.05 * run.training + 3
    if explanations_fit(run) and (known or steps * step_s >= 60 * snapshot_s):
        assert run.gap(run.explained) <= 0.2
        assert len(run.explained) >= 12 or (not known and steps * step_s < 100 * snapshot_s)
    if observations_fit(run):
        assert len(run.observed) >= min(40, steps / 2)
        assert run.gap(run.observed) <= 0.1


@pytest.mark.parametrize("steps", [1, 5, 30])
def test_short_runs_have_first_and_last(steps):
    run = Run(steps, 0.05, 0.02).made()
    assert {0, steps} <= set(run.explained)
    assert len(run.explained) >= min(steps, 12)


def test_explanations_do_not_starve_statistics():
    """Three methods on a table took 597 % of the time and left one observed step."""
    run = Run(300, 0.02, 2.0, settings=Settings()).made()
    assert len(run.observed) >= 40
    assert run.gap(run.observed) <= 0.1


def test_a_pass_slower_than_the_run_is_left_for_the_end():
    budget = Budget(Settings(), Status(), lambda: 0.0)
    budget.note_pass(4.0, 1)
    assert budget.first_seconds() == pytest.approx(12)
    budget.note_pass(0.1, 1)
    assert budget.first_seconds() == 0


def test_what_a_user_schedules_is_obeyed_exactly_unless_there_is_a_budget():
    exact = Run(600, 0.01, 0.5, settings=Settings(explain_every_n_steps=20)).made()
    assert exact.explained == list(range(0, 601, 20))
    kept = Run(600, 0.01, 0.5, settings=Settings(explain_every_n_steps=20, max_overhead=0.05)).made()
    assert len(kept.explained) < 10
    assert kept.spent <= 0.05 * kept.training + 3
    free = Run(600, 0.01, 0.5, settings=Settings(max_overhead=None)).made()
    assert len(free.explained) > 50


def test_a_step_time_that_changes_tenfold_leaves_no_hole():
    run = Run(2000, 0.02, 0.1, slower_after=1000).made()
    assert run.gap(run.explained) <= 0.2
    assert run.spent <= 0.05 * run.training + 3


@pytest.mark.parametrize("jump", [-3600.0, 0.0, 3600.0])
def test_a_clock_that_jumps_or_stands_still_stops_nothing(jump):
    run = Run(400, 0.02, 0.05)
    budget = Budget(Settings(), Status(), run)
    due = 0
    for step in range(1, 400):
        run.now += jump if step == 200 else (0.02 if jump else 0.0)
        budget.pause(armed=False)
        due += budget.explain_due(step)
        budget.log_due(step)
        budget.resume()
    assert due >= 1


def test_a_run_longer_than_it_was_said_to_be_goes_on_being_explained():
    run = Run(1000, 0.02, 0.05)
    budget = Budget(Settings(), Status(), run)
    budget.expect(100)
    due = []
    for step in range(1, 1001):
        run.now += 0.02
        budget.pause(armed=False)
        if budget.explain_due(step):
            due.append(step)
        budget.resume()
    assert max(b - a for a, b in pairwise([*due, 1000])) <= 250
