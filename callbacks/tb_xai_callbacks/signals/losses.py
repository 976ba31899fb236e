# SPDX-License-Identifier: Apache-2.0
"""The loss of every step, kept without waiting for the device and written now and then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tb_xai_callbacks.run import schedule
from tb_xai_callbacks.run.run import Run
from tb_xai_callbacks.signals.signal import Signal
from tb_xai_plugin.format.records import LossTrace

#: Losses that wait for a step that is observed; beyond, they are written all the same.
MOST_WAITING = 256

_look_due = schedule.thinning()


def looked_at(step: int, observed: bool) -> bool:
    """Whether the rules look after `step` steps: at what was observed, and where the budget forbade to."""
    return observed or _look_due(step - 1)


class Losses(Signal):
    """One LossTrace for each stretch of steps."""

    name = "loss"
    optional = False

    def begin(self, run: Run, peers: Mapping[str, Signal]) -> None:
        """See `Signal.begin`."""
        super().begin(run, peers)
        self._first = 0
        self._losses: list[Any] = []

    def start(self, step: int) -> None:
        """See `Signal.start`."""
        self._first = step

    def after_step(self, step: int, observed: bool, loss: Any) -> None:
        """See `Signal.after_step`."""
        if loss is None:
            self._write(self._first + len(self._losses))
            self._first += 1
        else:
            self._losses.append(loss)
        if looked_at(step, observed) or len(self._losses) >= MOST_WAITING:
            self._write(step)

    def finish(self, step: int) -> None:
        """See `Signal.finish`."""
        self._write(step)

    def _write(self, step: int) -> None:
        if not self._losses:
            return
        numbers, first = self.run.model.numbers(self._losses), self._first
        self._first, self._losses = first + len(self._losses), []
        self.run.put(step - 1, self.name, lambda: [LossTrace(first, numbers())])
