# SPDX-License-Identifier: Apache-2.0
"""When something is due: as its schedule says where the purse allows it, and never too far apart."""

from __future__ import annotations

from dataclasses import dataclass

from tb_xai_callbacks.run.schedule import Schedule

#: Steps that come at once (Keras' `steps_per_execution`) are looked through up to this many.
MOST_PASSED = 10_000
#: In a run of unknown length nothing is guaranteed before training took so many times as long as what is due:
#: what comes early in it would be most of its cost and least of its film.
WORTH = 6.0


@dataclass(frozen=True)
class Guarantee:
    """How far apart at most: `parts` of a run of known length, else `ratio` times the last step."""

    parts: int
    ratio: float


class Rhythm:
    """One schedule of a run.

    Args:
        due: the schedule.
        guarantee: None: the schedule is obeyed exactly, whatever it costs.
    """

    def __init__(self, due: Schedule, guarantee: Guarantee | None) -> None:
        self.due = due
        self.guarantee = guarantee
        #: Optimiser steps that the run will have; None: not known.
        self.total: int | None = None
        self.last = 0
        #: Whether the schedule asked for the step that was asked about last, or one that came with it.
        self.fresh = False
        self._asked = -1
        self._owed = False

    @property
    def exact(self) -> bool:
        """Whether the schedule is obeyed whatever it costs."""
        return self.guarantee is None

    def wanted(self, step: int) -> bool:
        """Whether the schedule wants `step`, or wanted one since the last that was done. Asked once a step.

        What is owed is one, however many were put off: it is caught up evenly, not at once.
        """
        before = self._asked if self._asked >= 0 else step - 1
        # steps may come several at a time: what lay between counts
        passed = range(max(before + 1, step - MOST_PASSED), step + 1)
        self.fresh = any(self.due(one) for one in passed)
        self._asked = step
        self._owed = self._owed or self.fresh
        return self.fresh if self.exact else self._owed

    def guaranteed(self, step: int, seconds: float, price: float) -> bool:
        """Whether it is time, whatever the schedule says; `seconds` of training are over.

        The guarantee ends with a run that is longer than it was said to be: there it goes by the ratio.
        """
        if self.guarantee is None:
            return False
        if self.total and step <= self.total:
            return (step - self.last) * self.guarantee.parts >= self.total
        return step >= self.guarantee.ratio * max(self.last, 1) and seconds >= WORTH * price

    def done(self, step: int) -> None:
        """It was done at `step`."""
        self.last, self._owed = step, False
