# SPDX-License-Identifier: Apache-2.0
"""Due → request → capture → observe → put: the life of a run's signals. It knows none of them by name.

A `Session` drives it. Nothing in here raises into training, unless `strict`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tb_xai_callbacks.backends.contract import Observer
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.settings import Settings
from tb_xai_callbacks.signals import Signal, signals_of
from tb_xai_callbacks.signals.ensemble import Ensemble
from tb_xai_callbacks.signals.report import Standing, opening_records, status_record
from tb_xai_callbacks.signals.training_step import TrainingSteps
from tb_xai_callbacks.signals.writer import EVENT_FILE


class Recorder:
    """Watches one training run, of which a `Session` tells it. It raises ValueError for an option that this
    model cannot have, such as a layer that is not there."""

    def __init__(
        self,
        observer: Observer,
        probe: ProbeSet | None,
        log_dir: str | os.PathLike[str],
        host: str,
        settings: Settings,
    ) -> None:
        self._all = Ensemble(signals_of(settings.signals), observer, probe, log_dir, settings)
        self.run = self._all.run
        self._writer = self._all.writer
        self._steps = TrainingSteps(self.run, self._all.signals)
        self._host = host
        self._finished = False
        self._snapshot_step = -1

    @property
    def live(self) -> bool:
        """Whether records are being written."""
        return self._writer.is_open and not self._finished

    def start(self, step: int = 0, total: int | None = None) -> None:
        """Training is about to begin, `step` steps of `total` (None: not known) are done: log the state."""
        self.run.budget.expect(total)
        self.run.status.step = step
        self._writer.open(step)
        if not self._writer.is_open:
            return
        self._writer.put(step, EVENT_FILE, lambda: opening_records(self.run, self._all.signals))
        if not self.run.model.observes_training:
            self._steps.weights(step)
        if self._all.first_fits():
            self.snapshot(step)
        self._all.each(lambda signal: signal.start(step))
        self._steps.arm_if_due(step)
        self.run.budget.resume()

    def due_next(self) -> bool:
        """Whether the next training step will be observed."""
        return self._steps.armed

    def after_step(self, step: int, scalars: Mapping[str, Any] | None = None, loss: Any = None) -> None:
        """`step` optimiser steps are done. Collects what was observed, explains and arms as scheduled.

        `scalars` are of an observed step; `loss`, a number or detached 0-d tensor, is of every one.
        """
        if not self.live:
            return
        run, observed = self.run, self.due_next()
        run.budget.pause(armed=observed)
        run.status.step = step
        if observed:
            with run.budget.timed_statistics():
                self._writer.put_scalars(self._steps.collect(step), scalars or {})
        self._all.each(lambda signal: signal.after_step(step, observed, loss))
        if due := self._all.due(step):
            self._observe(step, due)
        self._steps.arm_if_due(step)
        if run.status.changed:
            self._write_status("running")
        run.budget.resume()

    def snapshot(self, step: int, anew: bool = False) -> None:
        """Every signal now, whatever the schedule says; `anew` also where that was done at this step, and
        with the weights and the latest batch."""
        if self.live and (anew or step != self._snapshot_step):
            self.run.status.step = step
            if anew:
                self._steps.at_rest(step)
            self._observe(step, self._all.on())

    def log_scalars(self, step: int, scalars: Mapping[str, Any]) -> None:
        """Log numbers that come at times of their own, such as a validation loss at the end of an epoch."""
        if self.live:
            self._writer.put_scalars(step, scalars, "validation")

    def tell(self) -> None:
        """Let signals call the user's own functions; what these raise is the user's."""
        for signal in self._all.signals:
            signal.tell()

    def finish(self, step: int, failed: bool = False) -> None:
        """Training ended: log the last state, write everything, remove every hook."""
        if self._finished:
            return
        self.run.status.step = step
        with self.run.guard("hooks"):
            self.run.model.disarm()
        try:
            if self.live:
                self._finish(step, "failed" if failed else "finished")
        finally:
            self._finished = True

    def abandon(self) -> None:
        """Training was cut off: what was logged is written, no more is computed."""
        self._finished = True
        self._writer.close()

    def _finish(self, step: int, state: str) -> None:
        if step > 0:
            self._steps.at_rest(step)
        self.snapshot(step)
        self._all.each(lambda signal: signal.after_snapshot(step, last=True))
        self._all.each(lambda signal: signal.finish(step))
        self._writer.flush()  # the last status tells what failed while writing, too
        self.run.status.conclude()
        self._write_status(state)
        self._writer.close()
        if self._writer.error is not None and self.run.guard.strict:
            raise self._writer.error

    def _observe(self, step: int, signals: Sequence[Signal]) -> None:
        self._snapshot_step = step
        self.run.budget.explained(step)
        self._all.observe(step, signals)
        self._write_status("running")

    def _write_status(self, state: str) -> None:
        standing = Standing(state, self._host, self._writer.dropped)
        record = status_record(self.run, self._all.signals, standing)
        self._writer.put(record.step, "status", lambda: [record])
