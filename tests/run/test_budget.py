# SPDX-License-Identifier: Apache-2.0
"""Schedules and the budget, on a clock of our own."""

import random
from itertools import pairwise

import pytest

from tb_xai_callbacks.run import schedule
from tb_xai_callbacks.run.budget import GRACE_S, PLANNED, Budget
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


def run(budget, clock, steps, step_s, snapshot_s):
    """Train for `steps`, each `step_s`, explaining when due; returns the explained steps."""
    explained = []
    for step in range(1, steps + 1):
        clock.now += step_s
        budget.pause(armed=False)
        if budget.explain_due(step):
            with budget.timed_snapshot():
                clock.now += snapshot_s
            explained.append(step)
        budget.resume()
    return explained


def test_the_budget_is_kept_and_what_it_cost_is_counted():
    clock = Clock()
    status = Status()
    budget = Budget(Settings(explain_every_n_steps=1, max_overhead=0.05), status, clock)
    explained = run(budget, clock, 2000, step_s=0.1, snapshot_s=0.1)
    planned = PLANNED * 0.05 * budget.purse.training_seconds()
    assert 0.8 * planned <= budget.purse.spent <= planned * 1.001
    cost = status.contents()[2][0]
    assert cost.runs == len(explained)
    assert cost.runs + cost.skipped == 2000


def test_steps_observed_before_any_bare_one_are_paid_for_after_it():
    """By their median: the first compiles the user's model, which is no cost of ours."""
    clock = Clock()
    budget = Budget(Settings(), Status(), clock)
    steps = [
        (9.0, True, 0.0),
        (0.3, True, 0.0),
        (0.3, True, 0.0),
        (0.1, False, 0.6),
        (0.1, False, 0.6),
        (0.3, True, 0.8),
    ]
    for took, armed, spent in steps:
        clock.now += took
        budget.pause(armed)
        assert budget.purse.spent == pytest.approx(spent)
        budget.resume()


def test_a_stretched_schedule_is_steady():
    clock = Clock()
    budget = Budget(Settings(explain_every_n_steps=1, max_overhead=0.1), Status(), clock)
    explained = run(budget, clock, 3000, step_s=0.1, snapshot_s=0.2)
    late = [b - a for a, b in pairwise(explained) if a > 1500]
    assert max(late) - min(late) <= 2


@pytest.mark.parametrize("seed", range(5))
def test_costs_that_vary_do_not_make_the_schedule_swing(seed):
    """Whatever is due is put off by as much as the average cost asks for, and never comes in bursts."""
    clock, draw = Clock(), random.Random(seed)
    budget = Budget(Settings(explain_every_n_steps=1, max_overhead=0.1), Status(), clock)
    explained = []
    for step in range(1, 6001):
        clock.now += draw.uniform(0.05, 0.15)
        budget.pause(armed=False)
        if budget.explain_due(step):
            with budget.timed_snapshot():
                clock.now += draw.choice((0.1, 0.2, 0.6))
            explained.append(step)
        budget.resume()
        allowed = PLANNED * 0.1 * max(budget.purse.training_seconds(), GRACE_S)
        assert budget.purse.spent <= allowed + 0.6
    gaps = [b - a for a, b in pairwise(explained) if a > 2000]
    mean = sum(gaps) / len(gaps)
    wanted = 0.3 / (PLANNED * 0.1 * 0.1)  # 0.3 s a time, from a share of 0.1 s a step
    assert 0.7 * wanted < mean < 1.3 * wanted
    assert max(gaps) < 3 * mean
    assert min(gaps) > 5


def test_something_that_never_ran_is_judged_by_a_guess():
    clock = Clock()
    budget = Budget(Settings(max_overhead=0.05), Status(), clock)
    assert budget.affords("trust", guess=1.0)
    assert not budget.affords("trust", guess=4.0)
    clock.now += 400.0
    assert budget.affords("trust", guess=4.0)


def test_no_budget_means_exactly_as_scheduled():
    clock = Clock()
    budget = Budget(Settings(explain_every_n_steps=10, max_overhead=None), Status(), clock)
    assert run(budget, clock, 100, 0.001, 100.0) == list(range(10, 101, 10))


def test_what_an_observed_step_takes_longer_is_ours():
    clock = Clock()
    budget = Budget(Settings(), Status(), clock)
    for armed, took in ((False, 1.0), (False, 1.0), (True, 1.5)):
        clock.now += took
        budget.pause(armed)
        budget.resume()
    assert budget.purse.spent == pytest.approx(0.5)


def test_one_step_is_left_alone_to_learn_what_a_bare_one_takes():
    clock = Clock()
    budget = Budget(Settings(log_every_n_steps=1), Status(), clock)
    armed = []
    for step in range(60):
        armed.append(budget.log_due(step))
        clock.now += 0.1
        budget.pause(armed[-1])
        budget.resume()
    assert 1 <= armed.count(False) <= 3
    assert Budget(Settings(log_every_n_steps=1, max_overhead=None), Status(), clock).log_due(0)


def test_steps_that_come_several_at_a_time_miss_nothing():
    budget = Budget(Settings(explain_every_n_steps=10, max_overhead=None), Status(), Clock())
    assert [step for step in range(4, 60, 4) if budget.explain_due(step)] == [12, 20, 32, 40, 52]


def test_all_who_ask_at_one_step_get_one_answer():
    budget = Budget(Settings(explain_every_n_steps=3, max_overhead=None), Status(), Clock())
    assert [[budget.explain_due(step) for _ in range(3)] for step in (1, 2, 3, 4)] == [
        [False] * 3, [False] * 3, [True] * 3, [False] * 3,
    ]  # fmt: skip
