# SPDX-License-Identifier: Apache-2.0
"""Shapley values against closed forms, their axioms and the mean over all orders of arrival."""

from itertools import permutations

import numpy as np
import pytest

from tb_xai_callbacks.measure.shapley import MOST_PLAYERS, shapley_values


def by_orders(value_of, players):
    """The definition: what each adds when it arrives, mean over all orders."""
    orders = list(permutations(range(players)))
    total = 0
    for order in orders:
        there = np.zeros(players, dtype=bool)
        before, added = value_of(there), [None] * players
        for player in order:
            there = there.copy()
            there[player] = True
            now = value_of(there)
            added[player], before = now - before, now
        total = total + np.stack(added, axis=1)
    return total / len(orders)


@pytest.mark.parametrize("players", [1, 2, 5])
def test_it_is_the_mean_over_all_orders(players):
    table = np.random.default_rng(players).normal(size=(3, 1 << players))
    value_of = lambda there: table[:, int((there << np.arange(players)).sum())]  # noqa: E731
    found = shapley_values(value_of, players)
    np.testing.assert_allclose(found, by_orders(value_of, players), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.sum(1), table[:, -1] - table[:, 0], rtol=1e-5, atol=1e-6)


def test_a_product_is_shared_alike_and_who_adds_nothing_gets_nothing():
    found = shapley_values(lambda there: np.array([6.0 * (there[0] and there[2])]), 3)
    np.testing.assert_allclose(found, [[3, 0, 3]], atol=1e-6)


@pytest.mark.parametrize("players", [0, MOST_PLAYERS + 1])
def test_too_many_or_none_are_refused(players):
    with pytest.raises(ValueError, match="expected 1 to 20"):
        shapley_values(lambda there: np.zeros(1), players)
