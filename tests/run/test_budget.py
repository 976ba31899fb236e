# SPDX-License-Identifier: Apache-2.0
"""Schedules, purses, and what is told of them; `test_film.py` has whole runs."""

import random
from itertools import pairwise

import pytest

from tb_xai_callbacks.run import schedule
from tb_xai_callbacks.run.budget import PURSES, Budget
from tb_xai_callbacks.run.purse import Grant, Purse
from tb_xai_callbacks.run.status import Status
from tb_xai_callbacks.settings import Settings


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_log_spaced_is_bounded_whatever_the_length():
    due = schedule.log_spaced()
    steps = [s for s in range(1_000_000) if due(s)]
    assert steps[:5] == [0, 1, 2, 3, 4]
    assert len(steps) < 200
    assert len([s for s in steps if s <= 400]) >= 40
    assert due(7)
    assert due(steps[-1])


def test_thinning_is_dense_at_first():
    due = schedule.thinning()
    assert all(due(s) for s in range(10))
    assert [s for s in range(10, 31) if due(s)] == [10, 15, 20, 25, 30]
    assert [s for s in range(990, 1210) if due(s)] == [990, 1000, 1100, 1200]


def test_every_at_and_next():
    assert [s for s in range(7) if schedule.every(3)(s)] == [0, 3, 6]
    assert schedule.next_due(schedule.at([4, 9]), 4) == 9
    assert schedule.next_due(schedule.at([4]), 4) == 0


# ---- purses


def test_a_purse_allows_what_its_grant_is_worth():
    purse = Purse(Grant(0.3, 0.5), Grant(1.0, 0.5))
    assert purse.allows(0.3, allowed=0.0)
    assert not purse.allows(0.31, allowed=0.0)
    assert purse.allows(0.9, allowed=0.0, guaranteed=True)
    purse.spend(1.0)
    assert purse.price() == 1.0
    assert not purse.allows(1.0, allowed=2.0)
    assert purse.allows(1.0, allowed=2.0, guaranteed=True)
    assert purse.left(4.0) == pytest.approx(1.3)


def test_the_purses_together_keep_the_promise():
    """At most the share, and three seconds."""
    for grants, most in ((0, 1.0), (1, 3.0)):
        assert sum(pair[grants].start for pair in PURSES.values()) + 0.2 <= most + 0.21
        assert sum(pair[grants].share for pair in PURSES.values()) <= 1.06


def made(clock, **options):
    status = Status()
    return Budget(Settings(**options), status, clock), status


def run(budget, clock, steps, step_s, cost):
    """Train for `steps`, each `step_s`, explaining when due; returns the explained steps."""
    explained = []
    for step in range(1, steps + 1):
        clock.now += step_s
        budget.pause(armed=False)
        if budget.explain_due(step):
            with budget.timed_snapshot():
                clock.now += cost()
            explained.append(step)
        budget.resume()
    return explained


def test_the_budget_is_kept_and_what_it_cost_is_counted():
    clock = Clock()
    budget, status = made(clock, explain_every_n_steps=1, max_overhead=0.05)
    explained = run(budget, clock, 20_000, 0.1, lambda: 0.1)
    freely = 0.3 + 0.35 * 0.05 * budget.training_seconds()
    assert 0.9 * freely <= budget.spent <= 0.05 * budget.training_seconds()
    cost = status.contents()[2][0]
    assert cost.runs == len(explained)
    assert cost.runs + cost.skipped == 20_000


def test_steps_observed_before_any_bare_one_are_paid_for_after_it():
    """By their median, but for the first, which compiles the user's model: it counts as one step at most."""
    clock = Clock()
    budget, _ = made(clock)
    steps = [
        (9.0, True, 0.0),
        (0.3, True, 0.0),
        (0.3, True, 0.0),
        (0.1, False, 0.5),
        (0.1, False, 0.5),
        (0.3, True, 0.7),
    ]
    for took, armed, spent in steps:
        clock.now += took
        budget.pause(armed)
        assert budget.spent == pytest.approx(spent)
        budget.resume()


@pytest.mark.parametrize("seed", range(5))
def test_costs_that_vary_do_not_make_the_schedule_swing(seed):
    """Whatever is due is put off by as much as the average cost asks for, and never comes in bursts."""
    clock, draw = Clock(), random.Random(seed)
    budget, _ = made(clock, explain_every_n_steps=1, max_overhead=0.1)
    explained = run(budget, clock, 12_000, 0.1, lambda: draw.choice((0.1, 0.2, 0.6)))
    gaps = [b - a for a, b in pairwise(explained) if a > 6000]
    wanted = 0.3 / (0.35 * 0.1 * 0.1)  # 0.3 s a time, of what 0.1 s a step allow
    assert 0.7 * wanted < sum(gaps) / len(gaps) < 1.3 * wanted
    assert max(gaps) < 4 * wanted


def test_what_was_put_off_is_caught_up_evenly():
    clock = Clock()
    budget, _ = made(clock, explain_every_n_steps=1, max_overhead=0.1)
    explained = run(budget, clock, 6000, 0.1, lambda: 0.2)
    late = [b - a for a, b in pairwise(explained) if a > 3000]
    assert max(late) - min(late) <= 2


def test_something_that_never_ran_is_judged_by_its_passes():
    clock = Clock()
    budget, _ = made(clock)
    budget.note_pass(0.01, 1)
    assert budget.guess(10) == pytest.approx(0.3)
    assert budget.affords("check-up", passes=5)
    assert not budget.affords("check-up", passes=10)
    assert budget.affords("check-up", passes=10, guaranteed=True)
    assert not budget.affords("trust", passes=100)
    clock.now += 400.0
    assert budget.affords("trust", passes=100)


def test_no_budget_means_exactly_as_scheduled():
    clock = Clock()
    budget, _ = made(clock, explain_every_n_steps=10, max_overhead=None)
    assert run(budget, clock, 100, 0.001, lambda: 100.0) == list(range(10, 101, 10))
    assert budget.affords("trust", passes=1e9)


def test_what_an_observed_step_takes_longer_is_ours():
    clock = Clock()
    budget, _ = made(clock)
    for armed, took in ((False, 1.0), (False, 1.0), (True, 1.5)):
        clock.now += took
        budget.pause(armed)
        budget.resume()
    assert budget.spent == pytest.approx(0.5)


def test_one_step_is_left_alone_to_learn_what_a_bare_one_takes():
    clock = Clock()
    budget, _ = made(clock, log_every_n_steps=1, max_overhead=0.5)
    armed = []
    for step in range(60):
        armed.append(budget.log_due(step))
        clock.now += 0.001
        budget.pause(armed[-1])
        budget.resume()
    assert 1 <= armed.count(False) <= 3
    exact, _ = made(clock, log_every_n_steps=1)
    assert all(exact.log_due(step) for step in range(60))


def test_steps_that_come_several_at_a_time_miss_nothing():
    budget, _ = made(Clock(), explain_every_n_steps=10, max_overhead=None)
    assert [step for step in range(4, 60, 4) if budget.explain_due(step)] == [12, 20, 32, 40, 52]


def test_all_who_ask_at_one_step_get_one_answer():
    budget, _ = made(Clock(), explain_every_n_steps=3, max_overhead=None)
    assert [[budget.explain_due(step) for _ in range(3)] for step in (1, 2, 3, 4)] == [
        [False] * 3, [False] * 3, [True] * 3, [False] * 3,
    ]  # fmt: skip
