# SPDX-License-Identifier: Apache-2.0
"""The run's own story: which signals are on, what went wrong, what it cost. It becomes a RunStatus."""

from __future__ import annotations

import threading
from dataclasses import replace

from tb_xai_callbacks.options import SIGNALS, Options
from tb_xai_callbacks.run.guard import LOGGER
from tb_xai_plugin.format.records import Cost, Notice, Signal

#: So that a warning repeated for ever cannot fill the log.
MOST_NOTICES = 100


def initial_signals(options: Options) -> tuple[Signal, ...]:
    """Before anything is known: what was asked for waits, the rest is off."""
    off = "not asked for: signals= leaves it out"
    return tuple(
        Signal(name, "waiting") if name in options.signals else Signal(name, "off", off) for name in SIGNALS
    )


class Journal:
    """Signals, notices and costs of a run. Any thread may add to it."""

    def __init__(self, signals: tuple[Signal, ...]) -> None:
        self._lock = threading.Lock()
        self._signals = {signal.name: signal for signal in signals}
        self._notices: list[Notice] = []
        self._costs: dict[str, Cost] = {}
        self.changed = True

    def signal(self, name: str, state: str, reason: str = "", remedy: str = "") -> None:
        """Set a signal's state; a signal that is off stays off."""
        with self._lock:
            old = self._signals.get(name)
            if old is None or old.state in ("off", state):
                return
            self._signals[name] = Signal(name, state, reason, remedy)
            self.changed = True

    def method_off(self, method: str, reason: str) -> None:
        """Tell that one attribution method is not captured, and why."""
        name = f"explanations/{method}"
        with self._lock:
            if name in self._signals:
                return
            remedy = f"leave {method!r} out of methods=, or give a model that has what it needs"
            self._signals[name] = Signal(name, "off", reason, remedy)
            self.changed = True
        LOGGER.warning("%s is not captured: %s", method, reason)

    def is_off(self, name: str) -> bool:
        """Whether the signal was not asked for or is switched off."""
        signal = self._signals.get(name)
        return signal is None or signal.state == "off"

    def notice(self, level: str, subject: str, message: str, step: int) -> None:
        """Add a notice once; warnings and errors also go to Python's log."""
        with self._lock:
            known = any(n.subject == subject and n.message == message for n in self._notices)
            if known or len(self._notices) >= MOST_NOTICES:
                return
            self._notices.append(Notice(level, subject, message, step))
            self.changed = True
        if level != "info":
            LOGGER.warning("%s: %s", subject, message)

    def cost(self, name: str, seconds: float) -> None:
        """Account for one run of a probe."""
        with self._lock:
            old = self._costs.get(name, Cost(name, 0.0, 0))
            self._costs[name] = replace(old, seconds=old.seconds + seconds, runs=old.runs + 1)

    def skipped(self, name: str) -> None:
        """Count a run that was due but put off to keep the budget."""
        with self._lock:
            old = self._costs.get(name, Cost(name, 0.0, 0))
            self._costs[name] = replace(old, skipped=old.skipped + 1)

    def mean_cost(self, name: str) -> float:
        """Seconds a run of the probe takes on average; 0 if it never ran."""
        cost = self._costs.get(name)
        return cost.seconds / cost.runs if cost and cost.runs else 0.0

    def contents(self) -> tuple[tuple[Signal, ...], tuple[Notice, ...], tuple[Cost, ...]]:
        """What a RunStatus holds of it, now."""
        with self._lock:
            self.changed = False
            return tuple(self._signals.values()), tuple(self._notices), tuple(self._costs.values())
