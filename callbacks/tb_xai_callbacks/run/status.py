# SPDX-License-Identifier: Apache-2.0
"""The run's own story, and the only register of what is on, what is off and why. It becomes a RunStatus."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from tb_xai_callbacks.console import LOGGER
from tb_xai_plugin.format.records import Cost, Notice, Signal

#: So that a warning repeated for ever cannot fill the log.
MOST_NOTICES = 100
NOT_ASKED = "not asked for: signals= leaves it out"


class Status:
    """Signals, notices and costs of a run. Any thread may add to it.

    Args:
        signals: names of the signals that the tab lists from the start.
        wanted: those of them that were asked for; the others are off.
    """

    def __init__(self, signals: Sequence[str] = (), wanted: Sequence[str] = ()) -> None:
        self._lock = threading.Lock()
        self._signals = {
            name: Signal(name, "waiting") if name in wanted else Signal(name, "off", NOT_ASKED)
            for name in signals
        }
        self._notices: list[Notice] = []
        self._costs: dict[str, Cost] = {}
        self.changed = True
        #: Optimiser steps done, for notices.
        self.step = 0

    # ---- on and off

    def is_off(self, name: str) -> bool:
        """Whether the signal was not asked for, cannot be, or failed. A name never heard of is on."""
        signal = self._signals.get(name)
        return signal is not None and signal.state == "off"

    def captured(self, name: str, source: str = "") -> None:
        """The signal brought records, taken on `source`."""
        self._set(Signal(name, "captured", source), known=True)

    def off(self, name: str, reason: str, remedy: str = "") -> bool:
        """Switch a signal off for good; False if it was off already. It is listed from now on."""
        return self._set(Signal(name, "off", reason, remedy), known=False)

    def _set(self, signal: Signal, known: bool) -> bool:
        with self._lock:
            old = self._signals.get(signal.name)
            if (old is None and known) or (old is not None and old.state in ("off", signal.state)):
                return False
            self._signals[signal.name] = signal
            self.changed = True
            return True

    def failed(self, names: Sequence[str], reason: str) -> None:
        """What failed at once is off, with one warning on the console and one notice in the tab."""
        new = [
            name for name in names if self.off(name, reason, "see the training log; everything else goes on")
        ]
        if new:
            LOGGER.warning("%s switched off, training goes on: %s", ", ".join(new), reason)
            self.notice("error", ", ".join(new), f"switched off: {reason}", told=True)

    def conclude(self) -> None:
        """The run is over: what still waits will not come."""
        for signal in list(self._signals.values()):
            if signal.state == "waiting":
                self.off(signal.name, "the run ended before anything was captured")

    def method_off(self, method: str, reason: str) -> None:
        """Tell that one attribution method is not captured, and why."""
        remedy = f"leave {method!r} out of methods=, or give a model that has what it needs"
        if self.off(f"explanations/{method}", reason, remedy):
            LOGGER.warning("%s is not captured: %s", method, reason)

    # ---- what else there is to tell

    def notice(self, level: str, subject: str, message: str, told: bool = False) -> None:
        """Add a notice once; warnings and errors also go to Python's log, if that was not `told`."""
        with self._lock:
            known = any(n.subject == subject and n.message == message for n in self._notices)
            if known or len(self._notices) >= MOST_NOTICES:
                return
            self._notices.append(Notice(level, subject, message, self.step))
            self.changed = True
        if level != "info" and not told:
            LOGGER.warning("%s: %s", subject, message)

    def cost(self, name: str, seconds: float) -> None:
        """Account for one run of something that takes training's time."""
        with self._lock:
            old = self._costs.get(name, Cost(name, 0.0, 0))
            self._costs[name] = replace(old, seconds=old.seconds + seconds, runs=old.runs + 1)

    def skipped(self, name: str) -> None:
        """Count a run that was due but put off to keep the budget."""
        with self._lock:
            old = self._costs.get(name, Cost(name, 0.0, 0))
            self._costs[name] = replace(old, skipped=old.skipped + 1)

    def mean_cost(self, name: str) -> float:
        """Seconds that a run of it takes on average; 0 if it never ran."""
        cost = self._costs.get(name)
        return cost.seconds / cost.runs if cost and cost.runs else 0.0

    def contents(self) -> tuple[tuple[Signal, ...], tuple[Notice, ...], tuple[Cost, ...]]:
        """What a RunStatus holds of it, now."""
        with self._lock:
            self.changed = False
            return tuple(self._signals.values()), tuple(self._notices), tuple(self._costs.values())
