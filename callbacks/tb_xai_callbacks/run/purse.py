# SPDX-License-Identifier: Apache-2.0
"""Purses: what one part of the recorder may take of the training time, so that none can empty another's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Grant:
    """What a purse is given: `start` seconds at once, and `share` of the overhead that is allowed."""

    start: float
    share: float

    def seconds(self, allowed: float) -> float:
        """Of `allowed`, the seconds of overhead that the training so far is worth."""
        return self.start + self.share * allowed


class Purse:
    """Seconds that one part may spend, and what it spent.

    Args:
        freely: for whatever its schedule asks for.
        at_most: for what is guaranteed: there is a little more of that.
    """

    def __init__(self, freely: Grant, at_most: Grant) -> None:
        self.freely = freely
        self.at_most = at_most
        self.spent = 0.0
        self.runs = 0

    def spend(self, seconds: float, runs: int = 1) -> None:
        """Account for time taken from training."""
        self.spent += seconds
        self.runs += runs

    def price(self, guess: float = 0.0) -> float:
        """Seconds that a run takes on average; `guess` before the first."""
        return self.spent / self.runs if self.runs else guess

    def allows(self, price: float, allowed: float, guaranteed: bool = False) -> bool:
        """Whether `price` more seconds are there, when the training so far allows `allowed`."""
        grant = self.at_most if guaranteed else self.freely
        return self.spent + price <= grant.seconds(allowed)

    def left(self, allowed: float) -> float:
        """Seconds that may still be spent freely."""
        return max(self.freely.seconds(allowed) - self.spent, 0.0)
