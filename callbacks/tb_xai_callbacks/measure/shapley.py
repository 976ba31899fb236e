# SPDX-License-Identifier: Apache-2.0
"""Shapley values by the sum over all coalitions: exact, for few players."""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import numpy as np

#: More players than this are 2²⁰ coalitions and a mistake.
MOST_PLAYERS = 20


def shapley_values(value_of: Callable[[np.ndarray], np.ndarray], players: int) -> np.ndarray:
    """Shapley values float32 [n, players] of n games, in the unit of the games' value.

    `value_of` takes who takes part, bool [players], to the values [n] of that coalition. It is called once
    for each of the 2^players coalitions, from nobody to all. The values add up to value(all) - value(nobody).

    A coalition S gives i its part |S|! (players - |S| - 1)! / players! × (value(S with i) - value(S)):
    Lundberg & Lee, "A Unified Approach to Interpreting Model Predictions", NeurIPS 2017, equation 8, which is
    what the weighted regression of KernelSHAP finds where it is given every coalition (theorem 2).

    Raises:
        ValueError: for no player, or more than `MOST_PLAYERS`.
    """
    if not 1 <= players <= MOST_PLAYERS:
        raise ValueError(f"all coalitions of {players} players: expected 1 to {MOST_PLAYERS}")
    coalitions = np.arange(1 << players)
    present = (coalitions[:, None] >> np.arange(players)) & 1 == 1
    values = np.stack([np.asarray(value_of(there), dtype=np.float64) for there in present])
    found = np.zeros((values.shape[1], players))
    for player in range(players):
        without = coalitions[~present[:, player]]
        sizes = present[without].sum(axis=1)
        weights = np.array([1 / (players * comb(players - 1, int(size))) for size in sizes])
        found[:, player] = weights @ (values[without | 1 << player] - values[without])
    return found.astype(np.float32)
