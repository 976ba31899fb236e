# SPDX-License-Identifier: Apache-2.0
"""Diagnosis while training: feeds the rules, says what they find once, and tells the user's function.

The rules run on the sink's thread, after the records that they judge; the user's `on_finding` runs on the
training's own thread, between two steps, so that it may stop training or change the learning rate.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tb_xai_callbacks.console import LOGGER
from tb_xai_callbacks.run.run import Run
from tb_xai_callbacks.signals.losses import looked_at
from tb_xai_callbacks.signals.signal import Signal
from tb_xai_plugin.format.records import Finding, Record
from tb_xai_plugin.rules import RULES, Diagnosis, rules_named


class LiveDiagnosis(Signal):
    """The rules, on a run that is being recorded."""

    name = "diagnosis"
    optional = False

    def begin(self, run: Run, peers: Mapping[str, Signal]) -> None:
        """See `Signal.begin`."""
        super().begin(run, peers)
        wanted = run.settings.rules
        self.rules = Diagnosis(RULES if wanted is None else rules_named(wanted))
        self._checkup = peers["check-up"]
        self._found: list[Finding] = []
        self._lock = threading.Lock()

    # ---- on the training's thread

    def after_step(self, step: int, observed: bool, loss: Any) -> None:
        """See `Signal.after_step`."""
        if looked_at(step, observed):
            self.run.put(step - 1, self.name, lambda: self._look(step - 1))

    def finish(self, step: int) -> None:
        """See `Signal.finish`: the last look is at everything."""
        with self.run.guard(self._checkup.name):
            self._checkup.finish(step)
        self.run.put(step, self.name, lambda: self._look(step, last=True))

    def tell(self) -> None:
        """Hand new findings to the user's function. Not guarded: raising is how it ends training."""
        with self._lock:
            found, self._found = self._found, []
        on_finding = self.run.settings.on_finding
        if on_finding is not None:
            for finding in found:
                on_finding(finding)

    # ---- on the sink's thread

    def saw(self, step: int, records: Sequence[Record]) -> None:
        """See `Signal.saw`."""
        for record in records:
            self.rules.add(step, record)

    def _look(self, step: int, last: bool = False) -> Iterable[Record]:
        if not (last or self.rules.due(step)):
            return []
        started = time.thread_time()  # what waits for the training thread costs it nothing
        news = self.rules.look(step)
        fresh = self.rules.take_new()
        record = self.rules.findings() if news or fresh or last else None
        self.run.status.cost("rules", time.thread_time() - started)
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
