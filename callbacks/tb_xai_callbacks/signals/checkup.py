# SPDX-License-Identifier: Apache-2.0
"""The check-up, now and then, and what is trained on what: what the rules on outputs and losses judge by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tb_xai_callbacks.measure.outcome import LossFacts
from tb_xai_callbacks.run import schedule
from tb_xai_callbacks.run.budget import BACK
from tb_xai_callbacks.run.run import Run
from tb_xai_callbacks.signals.held_out import HeldOut
from tb_xai_callbacks.signals.signal import Signal
from tb_xai_plugin.format.records import Scalars, Setup

#: Check-ups are this much further apart each time: some 25 in the first 500 steps.
RATIO = 1.25
#: A check-up is guaranteed once the steps have grown by this since the last.
GUARANTEED = 1.5


class CheckUp(Signal):
    """Figures of the outputs on held-out samples."""

    name = "check-up"
    optional = False

    def begin(self, run: Run, peers: Mapping[str, Signal]) -> None:
        """See `Signal.begin`."""
        super().begin(run, peers)
        self.held_out = HeldOut(run.model, run.probe, run.layout.table) if run.probe is not None else None
        self._due = schedule.log_spaced(RATIO)
        self._checked = -1
        self._facts = LossFacts()

    def start(self, step: int) -> None:
        """See `Signal.start`."""
        self._check(step)

    def after_step(self, step: int, observed: bool, loss: Any) -> None:
        """See `Signal.after_step`."""
        self._facts = self.run.model.loss_facts or self._facts
        if self._due(step):
            self._check(step, guaranteed=step >= GUARANTEED * self._checked)

    def finish(self, step: int) -> None:
        """See `Signal.finish`."""
        self._check(step, guaranteed=True)

    def _check(self, step: int, guaranteed: bool = False) -> None:
        """Judge the outputs as they are after `step` steps, once."""
        if self.held_out is None or step == self._checked or self.run.status.is_off(self.name):
            return
        passes = self.held_out.core / (self.run.probe.size * BACK if self.run.probe else 1.0)
        if not self.run.budget.affords(self.name, passes, guaranteed):
            return
        self._checked = step
        with self.run.budget.timed(self.name):
            found = self.held_out.judged(self._facts)
        if found:
            self.run.put(step, self.name, lambda: [Scalars(found, "checkup")])


class TrainingSetup(Signal):
    """What is trained on what, written again when the loss is known better."""

    name = "setup"
    optional = False

    def begin(self, run: Run, peers: Mapping[str, Signal]) -> None:
        """See `Signal.begin`."""
        super().begin(run, peers)
        self._checkup = peers["check-up"]
        self._facts: LossFacts | None = None

    def start(self, step: int) -> None:
        """See `Signal.start`. The width of the outputs is known once they were judged."""
        with self.run.guard(self._checkup.name):
            self._checkup.start(step)
        self._write(step)

    def after_step(self, step: int, observed: bool, loss: Any) -> None:
        """See `Signal.after_step`."""
        facts = self.run.model.loss_facts
        if facts is not None and facts is not self._facts:
            self._facts = facts
            self._write(step - 1)

    def _write(self, step: int) -> None:
        checkup = self._checkup
        if isinstance(checkup, CheckUp) and checkup.held_out is not None:
            setup: Setup = checkup.held_out.setup(self._facts or LossFacts())
            self.run.put(max(step, 0), self.name, lambda: [setup])
