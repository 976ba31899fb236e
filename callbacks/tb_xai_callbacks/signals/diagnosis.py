# SPDX-License-Identifier: Apache-2.0
"""Diagnosis while training: feeds the rules, says what they find once, and tells the user's function.

The rules run on the sink's thread, after the records that they judge; the user's `on_finding` runs on the
training's own thread, between two steps, so that it may stop training or change the learning rate.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tb_xai_callbacks.backends.contract import Observer
from tb_xai_callbacks.console import LOGGER
from tb_xai_callbacks.measure.outcome import LossFacts
from tb_xai_callbacks.options import Options
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.run import schedule
from tb_xai_callbacks.run.budget import Pace
from tb_xai_callbacks.run.guard import Guard
from tb_xai_callbacks.run.status import Journal
from tb_xai_callbacks.signals.checkup import Checkup
from tb_xai_plugin.format.records import Finding, LayerTable, LossTrace, Scalars, Setup
from tb_xai_plugin.rules import RULES, Diagnosis

#: Losses that wait for a step that is observed; beyond, they are written all the same.
MOST_WAITING = 256
#: Check-ups are this much further apart each time: some 25 in the first 500 steps.
CHECKUP_RATIO = 1.25
NAME = "diagnosis"

#: Queues what makes records: (step, name of the probe, function).
Put = Callable[[int, str, Callable[[], Iterable[Any]]], None]


class LiveDiagnosis:
    """The diagnosis of a run that is being recorded.

    Args:
        observer: the model.
        probe: samples with labels for check-ups; None: there are none.
        table: the layers.
        options: `rules` and `on_finding`.
        put: the recorder's queue.
        guard: switches off what fails.
        pace: accounts for the time.
        journal: where costs are told.
    """

    def __init__(
        self,
        observer: Observer,
        probe: ProbeSet | None,
        table: LayerTable,
        options: Options,
        put: Put,
        guard: Guard,
        pace: Pace,
        journal: Journal,
    ) -> None:
        self.observer = observer
        self.rules = Diagnosis(RULES if options.rules is None else options.rules)
        self.checkup = Checkup(observer, probe, table) if probe is not None else None
        self.on_finding = options.on_finding
        self._put = put
        self._guard = guard
        self._pace = pace
        self._journal = journal
        self._look_due = schedule.thinning()  # also where the budget forbids to observe
        self._checkup_due = schedule.log_spaced(CHECKUP_RATIO)
        self._checked = -1
        self._losses: list[Any] = []
        self._first = 0
        self._facts: LossFacts | None = None
        self._found: list[Finding] = []
        self._lock = threading.Lock()

    # ---- on the training's thread

    def start(self, step: int) -> None:
        """What is known before the first step."""
        self._first = step
        self.check(step)
        with self._guard(NAME):
            self._put_setup(step)

    def note_loss(self, loss: Any) -> None:
        """The loss of a step, as a number or a detached 0-d tensor; None where there is none."""
        if self._guard.is_off(NAME):
            return
        if loss is not None:
            self._losses.append(loss)
            return
        with self._guard(NAME):
            self._put_losses(self._first + len(self._losses))
        self._first += 1

    def after_step(self, step: int, observed: bool) -> None:
        """`step` steps are done; look at what was observed, and at outputs when that is due."""
        if not self._guard.is_off(NAME):
            with self._guard(NAME):
                self._after_step(step, observed)

    def _after_step(self, step: int, observed: bool) -> None:
        look = observed or self._look_due(step - 1)
        if look or len(self._losses) >= MOST_WAITING:
            self._put_losses(step)
        facts = self.observer.loss_facts
        if facts is not None and facts is not self._facts:
            self._facts = facts
            self._put_setup(step - 1)
        if look:
            self._put(step - 1, NAME, lambda: self._look(step - 1))
        if self._checkup_due(step):
            self.check(step)

    def check(self, step: int) -> None:
        """Judge the outputs as they are after `step` steps."""
        checkup = self.checkup
        if checkup is None or self._guard.is_off("check-up") or step == self._checked:
            return
        if not self._pace.affords("check-up", self._journal):
            return
        self._checked = step
        found: dict[str, float] = {}
        with self._pace.timed("check-up", self._journal), self._guard("check-up"):
            found = checkup.run(self._facts or LossFacts())
        if found:
            self._put(step, "check-up", lambda: [Scalars(found, "checkup")])

    def finish(self, step: int) -> None:
        """Training is over: the last losses, the last look."""
        self.check(step)
        with self._guard(NAME):
            self._put_losses(step)
            self._put(step, NAME, lambda: self._look(step, last=True))

    def tell(self) -> None:
        """Hand new findings to the user's function. Not guarded: raising is how it ends training."""
        with self._lock:
            found, self._found = self._found, []
        for finding in found if self.on_finding is not None else ():
            self.on_finding(finding)  # type: ignore[misc]

    def _put_losses(self, step: int) -> None:
        if not self._losses:
            return
        numbers, first = self.observer.numbers(self._losses), self._first
        self._first, self._losses = first + len(self._losses), []
        self._put(step - 1, "loss", lambda: [LossTrace(first, numbers())])

    def _put_setup(self, step: int) -> None:
        setup: Setup | None = None
        if self.checkup is not None:
            with self._guard("setup"):
                setup = self.checkup.setup(self._facts or LossFacts())
        if setup is not None:
            self._put(max(step, 0), "setup", lambda: [setup])

    # ---- on the sink's thread

    def look_at(self, step: int, records: Sequence[Any]) -> None:
        """Take in records that are being written; they are written even if that fails."""
        if not self._guard.is_off(NAME):
            with self._guard(NAME):
                for record in records:
                    self.rules.add(step, record)

    def _look(self, step: int, last: bool = False) -> Iterable[Any]:
        if not (last or self.rules.due(step)):
            return []
        started = time.thread_time()  # what waits for the training thread costs it nothing
        news = self.rules.look(step)
        fresh = self.rules.take_new()
        record = self.rules.findings() if news or fresh or last else None
        self._journal.cost("rules", time.thread_time() - started)
        for finding in fresh:
            _say(finding)
        with self._lock:
            self._found += fresh
        return [] if record is None else [record]


def _say(finding: Finding) -> None:
    """One finding on the console, once."""
    if finding.severity == "info":
        LOGGER.info("%s since step %d", finding.title, finding.first_step)
        return
    LOGGER.warning(
        "%s: %s since step %d. %s (%s %.3g, threshold %.3g). Likely: %s. Try: %s",
        finding.severity,
        finding.title,
        finding.first_step,
        finding.message,
        finding.statistic,
        finding.value,
        finding.threshold,
        finding.cause,
        finding.advice,
    )
