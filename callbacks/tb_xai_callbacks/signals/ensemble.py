# SPDX-License-Identifier: Apache-2.0
"""All signals of one run: begun together, asked together, each under its own guard."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial

from tb_xai_callbacks.backends.contract import Layout, Observer
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.run.budget import BACK, Budget
from tb_xai_callbacks.run.guard import Guard
from tb_xai_callbacks.run.run import Run
from tb_xai_callbacks.run.status import Status
from tb_xai_callbacks.settings import Settings
from tb_xai_callbacks.signals.probe_pass import probe_passes
from tb_xai_callbacks.signals.report import tell_gaps
from tb_xai_callbacks.signals.signal import Signal
from tb_xai_callbacks.signals.writer import Writer
from tb_xai_plugin.format.records import LayerTable

#: Seconds of the first pass beyond which a second one is worth its time.
WORTH_ANOTHER = 0.005


class Ensemble:
    """The signals of a run, and its services.

    Args:
        signals: ours and the user's own.
        observer: the model.
        probe: the fixed samples; None where there are none.
        log_dir: the run's directory.
        settings: the user's options.

    Raises:
        ValueError: for an option that this model cannot have, such as a layer that is not there.
    """

    def __init__(
        self,
        signals: Sequence[Signal],
        observer: Observer,
        probe: ProbeSet | None,
        log_dir: str | os.PathLike[str],
        settings: Settings,
    ) -> None:
        self.signals = tuple(signals)
        listed = [signal.name for signal in signals if signal.optional]
        status = Status(listed, [name_of(wanted) for wanted in settings.signals])
        guard = Guard(status, settings.strict)
        layout = Layout(table=LayerTable(id="", layers=()))
        with guard(*listed):
            layout = observer.layout()
        observer.keeping = frozenset(one.signal for one in settings.statistics)
        self.writer = Writer(log_dir, self.signals, guard)
        budget = Budget(settings, status)
        self.run = Run(observer, probe, layout, settings, status, budget, guard, self.writer.put)
        budget.note_pass(self._pass_seconds(layout.seconds))
        peers = {signal.name: signal for signal in self.signals}
        for signal in self.signals:
            self._begin(signal, peers)
        tell_gaps(self.run, self.signals)
        seconds = budget.guess(1.0) / BACK
        budget.note_pass(seconds, 1 + sum(signal.passes for signal in self.on()))

    def _begin(self, signal: Signal, peers: dict[str, Signal]) -> None:
        """A ValueError is of an option, and the user's to correct; whatever else fails is off."""
        try:
            signal.begin(self.run, peers)
        except ValueError:
            raise
        except Exception:
            with self.run.guard(signal.name):
                raise

    def _pass_seconds(self, first: float) -> float:
        """What a pass over the probe takes: as the dry run took, but that was the first of all, which may
        compile; where that makes a difference it is measured again."""
        if self.run.probe is None or first < WORTH_ANOTHER:
            return first
        seconds = first
        with self.run.guard("price"):
            started = time.perf_counter()
            self.run.model.outputs(self.run.probe.inputs)
            seconds = min(time.perf_counter() - started, first)
        return seconds

    def on(self) -> list[Signal]:
        """The signals that are not off."""
        return [signal for signal in self.signals if not self.run.status.is_off(signal.name)]

    def each(self, call: Callable[[Signal], None]) -> None:
        """Call something of every signal that is on."""
        for signal in self.on():
            with self.run.guard(signal.name):
                call(signal)

    def due(self, step: int) -> list[Signal]:
        """The signals that want a pass over the probe now."""
        found: list[Signal] = []
        self.each(lambda signal: found.append(signal) if signal.due(step) else None)
        return found

    def first_fits(self) -> bool:
        """Whether the first snapshot takes no longer than anyone would wait for; told if it does."""
        seconds = self.run.budget.first_seconds()
        if seconds:
            text = f"a snapshot takes about {seconds:.0f} s, so there is none before training"
            self.run.status.notice("warning", "explanations", text)
        return not seconds

    def observe(self, step: int, signals: Sequence[Signal]) -> None:
        """One pass over the probe for all of `signals`, and what follows from it."""
        with self.run.budget.timed_snapshot():
            for signal, capture in probe_passes(self.run, signals):
                with self.run.guard(signal.name):
                    made = signal.observe(step, capture)
                    self.run.put(step, signal.name, partial(iter, made))
        self.each(lambda signal: signal.after_snapshot(step, last=False))


def name_of(wanted: str | Signal) -> str:
    """A signal by its name, or the user's own."""
    return wanted if isinstance(wanted, str) else wanted.name
