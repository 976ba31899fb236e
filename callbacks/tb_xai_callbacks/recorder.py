# SPDX-License-Identifier: Apache-2.0
"""Schedule × probes → sink: what happens before, between and after the training steps.

Hosts drive it; it drives an `Observer`. Nothing in here raises into training, unless `strict`.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tb_xai_callbacks.attribution import maps as attribution
from tb_xai_callbacks.backends.contract import Capture, Layout, Observer, Pending
from tb_xai_callbacks.measure.scores import Selection, select_scores
from tb_xai_callbacks.options import SIGNALS, Options
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.run import schedule
from tb_xai_callbacks.run.budget import Pace
from tb_xai_callbacks.run.guard import Guard
from tb_xai_callbacks.run.sink import EventFileSink
from tb_xai_callbacks.run.status import Journal, initial_signals
from tb_xai_callbacks.signals import attention
from tb_xai_callbacks.signals import statistics as layer_stats
from tb_xai_callbacks.signals.diagnosis import LiveDiagnosis
from tb_xai_callbacks.signals.explanations import Explanations
from tb_xai_callbacks.signals.opening import explained_layers, tell_gaps
from tb_xai_callbacks.signals.probe_pass import ProbePasses
from tb_xai_plugin.format.records import LayerTable, RunStatus, Scalars

#: Which signal of the options a reduction belongs to.
SIGNAL_OF = {
    "activation": "activations",
    "gradient": "gradients",
    "weight_gradient": "gradients",
    "weight": "weights",
}


class Recorder:
    """Watches one training run.

    Args:
        observer: the model as its backend shows it.
        probe: the fixed samples; None where there are none (explanations and attention are off then).
        log_dir: the run's directory.
        host: who drives: torch, lightning, keras, transformers.
        options: the shared options.

    Raises:
        ValueError: if `options.target_layers` names a layer that is not there or has no map.
    """

    def __init__(
        self,
        observer: Observer,
        probe: ProbeSet | None,
        *,
        log_dir: str | os.PathLike[str],
        host: str,
        options: Options,
    ) -> None:
        self.observer = observer
        self.probe = probe
        self.host = host
        self.options = options
        self.step = 0
        self.journal = Journal(initial_signals(options))
        self.guard = Guard(options.strict, self._probe_failed)
        self.pace = Pace(options)
        self._log_dir = log_dir
        self._sink: EventFileSink | None = None
        self._armed = False
        self._finished = False
        self._snapshot_step = -1
        self._statistics_step = -1
        self._layout = Layout(table=_EMPTY_TABLE)
        with self.guard("layout"):
            self._layout = observer.layout()
        self.targets = explained_layers(options, self._layout, self.journal)
        self._passes = ProbePasses(
            observer, self.guard, self._choose, [target.name for target in self.targets]
        )
        tell_gaps(probe, options, self._layout, self.journal)
        self.explanations = Explanations(
            observer, probe, self._layout, self.targets, options, self._put, self.pace, self.journal
        )
        self.diagnosis = LiveDiagnosis(
            observer, probe, self._layout.table, options, self._put, self.guard, self.pace, self.journal
        )

    # ---- what hosts call

    def start(self, step: int = 0) -> None:
        """Training is about to begin, `step` optimiser steps are done: log the state before it."""
        self.step = step
        with self.guard("event file"):
            self._sink = EventFileSink(self._log_dir, self._sink_failed, step)
        if self._sink is None:
            return
        atexit.register(self.finish_at_exit)
        self._put(step, "event file", self._opening)
        if not self.observer.observes_training:
            self._put_reductions(step, self._guarded_pending(self.observer.parameters))
        self.snapshot(step)
        self.diagnosis.start(step)
        self._arm_if_due(step)
        self.pace.resume()

    def after_step(self, step: int, scalars: Mapping[str, Any] | None = None, loss: Any = None) -> None:
        """`step` optimiser steps are done. Collects what was observed, explains and arms as scheduled.

        `scalars` are of an observed step; `loss`, a number or detached 0-d tensor, is of every one.
        """
        if self._sink is None or self._finished:
            return
        self.pace.pause(armed=self._armed)
        self.step = step
        observed = self._armed
        self.diagnosis.note_loss(loss)
        if observed:
            self._collect(step, scalars)
        self.diagnosis.after_step(step, observed)
        if self.pace.explain_due(step, self.journal):
            self.snapshot(step)
        self._arm_if_due(step)
        if self.journal.changed:
            self._put_status("running")
        self.pace.resume()

    def tell(self) -> None:
        """Hand new findings to the user's `on_finding`; what it raises is the user's."""
        self.diagnosis.tell()

    def due_next(self) -> bool:
        """Whether the next training step will be observed."""
        return self._armed

    def snapshot(self, step: int) -> None:
        """Explanations and attention now, whatever the schedule says."""
        if self._sink is None or step == self._snapshot_step:
            return
        self._snapshot_step = self.step = step
        with self.pace.timed("explanations", self.journal):
            for capture in self._passes.run(*self._wanted_passes()):
                self._put_capture(step, capture)
        self.explanations.trust(step)
        self._put_status("running")

    def snapshot_all(self, step: int) -> None:
        """Every signal now, whatever the schedule says: `explain.snapshot()`."""
        if self._sink is None or self._finished:
            return
        self._snapshot_step = -1
        self.snapshot(step)
        self._observe_now(step)

    def log_scalars(self, step: int, scalars: Mapping[str, Any]) -> None:
        """Log numbers that come at times of their own, such as a validation loss at the end of an epoch."""
        if self._sink is not None and not self._finished and scalars:
            self._put_scalars(step, dict(scalars), "validation")

    def notice(self, level: str, subject: str, message: str) -> None:
        """Tell the user something: in the tab, and in Python's log if it is no mere information."""
        self.journal.notice(level, subject, message, self.step)

    def finish(self, step: int, failed: bool = False) -> None:
        """Training ended: log the last state, write everything, remove every hook."""
        if self._finished:
            return
        self._finished = True
        self.step = step
        with self.guard("hooks"):
            self.observer.disarm()
        if self._sink is not None:
            if step > 0:
                self._observe_now(step)
            self.snapshot(step)
            self.explanations.trust(step, last=True)
            self.diagnosis.finish(step)
            self._sink.flush()  # the last status tells what failed while writing, too
            self._put_status("failed" if failed else "finished")
            self._sink.close()
            atexit.unregister(self.finish_at_exit)
            if self.options.strict and self._sink.error is not None:
                raise self._sink.error

    def finish_at_exit(self) -> None:
        """The interpreter ends without `finish`: what was logged is written, no more is computed."""
        if not self._finished and self._sink is not None:
            self._finished = True
            self._sink.close()

    # ---- observing

    def _choose(self, outputs: np.ndarray) -> Selection:
        assert self.probe is not None, "without a probe there is nothing to choose from"
        function = self.options.targets
        if callable(function):
            return select_scores(outputs, self.observer.scoring(function), function)
        return attribution.choose(outputs, function, self.probe, self._layout.sigmoid_output)

    def _arm_if_due(self, step: int) -> None:
        self._armed = False
        # what is observed on the probe is known after the step and belongs to the step that follows
        label = step if self.observer.observes_training else step + 1
        wanted = self._layout.table.layers and not self.guard.is_off("training statistics")
        if wanted and self.pace.log_due(label, self.journal):
            with self.guard("training statistics"):
                self.observer.arm()
                self._armed = True

    def _collect(self, step: int, scalars: Mapping[str, Any] | None) -> None:
        observed = step - 1 if self.observer.observes_training else step
        self._armed = False
        self._statistics_step = observed
        with self.pace.timed("statistics", self.journal):
            self._put_reductions(observed, self._guarded_pending(self.observer.collect))
            if scalars:
                self._put_scalars(observed, dict(scalars))

    def _observe_now(self, step: int) -> None:
        with self.pace.timed("statistics", self.journal):
            self._put_reductions(step, self._guarded_pending(self.observer.parameters))
            self._put_reductions(step, self._guarded_pending(self.observer.last_batch))

    def _guarded_pending(self, observe: Callable[[], Pending | None]) -> Pending | None:
        with self.guard("training statistics"):
            return observe()
        return None

    def _wanted_passes(self) -> tuple[bool, bool, bool]:
        """Whether to explain, to look at attention, to take statistics on the probe."""
        explain = self.explanations.wanted and not self.journal.is_off("explanations")
        attend = bool(self._layout.attention_layers) and not self.journal.is_off("attention")
        statistics = (
            not self.observer.observes_training
            and not self.journal.is_off("activations")
            and self._statistics_step != self.step
        )
        return explain, attend, statistics

    # ---- writing

    def _put(self, step: int, name: str, make: Callable[[], Iterable[Any]]) -> None:
        """Queue records; what fails on the sink's thread switches off `name` only."""

        def guarded() -> Iterable[Any]:
            with self.guard(name):
                records = list(make())
                self.diagnosis.look_at(step, records)
                return records
            return ()

        if self._sink is not None and not self.guard.is_off(name):
            self._sink.put(step, guarded)

    def _opening(self) -> list[Any]:
        """The records that all others refer to: row names, and the samples with their grid of patches."""
        grid = self._layout.auto.grid if self._layout.auto else None
        if self.probe is None:
            return [self._layout.table]
        probe = self.probe.record(self._layout.features_first)
        if grid and self._layout.auto:
            probe = replace(probe, patch_grid=grid, prefix_tokens=self._layout.auto.prefix_tokens)
        return [self._layout.table, probe]

    def _put_reductions(self, step: int, pending: Pending | None) -> None:
        if pending is None:
            return
        table = self._layout.table.id

        def make() -> Iterable[Any]:
            wanted = [part for part in pending() if not self.journal.is_off(SIGNAL_OF[part.signal])]
            for part in wanted:
                self.journal.signal(SIGNAL_OF[part.signal], "captured", part.source)
            return layer_stats.observe(wanted, table)

        self._put(step, "training statistics", make)

    def _put_capture(self, step: int, capture: Capture) -> None:
        probe = self.probe
        if probe is None:
            return
        capture = replace(capture, attention=attention.without_padding(capture.attention, probe.real))
        if capture.choice is not None:
            self.journal.signal("explanations", "captured")
            self.explanations.observe(step, capture)
        if capture.attention:
            self.journal.signal("attention", "captured")
            self._put(step, "attention", lambda: attention.observe(capture.attention, probe.hash))
        self._put_reductions(step, capture.statistics)

    def _put_scalars(self, step: int, values: dict[str, Any], group: str = "") -> None:
        self._put(step, "scalars", lambda: [Scalars(_plain(values), group)])

    def _put_status(self, state: str) -> None:
        signals, notices, costs = self.journal.contents()
        status = RunStatus(
            state=state,
            host=self.host,
            backend=self.observer.backend,
            versions=self.observer.versions,
            step=self.step,
            signals=signals,
            notices=notices,
            costs=costs,
            training_seconds=self.pace.budget.training_seconds(),
            max_overhead=self.options.max_overhead or 0.0,
            dropped_records=self._sink.dropped if self._sink else 0,
            target_layers=tuple(target.name for target in self.targets),
            methods=self.explanations.methods,
            next_log_step=schedule.next_due(self.pace.log, self.step),
            next_explain_step=schedule.next_due(self.pace.explain, self.step),
            log_every_n_steps=self.options.log_every_n_steps or 0,
        )
        self._put(self.step, "status", lambda: [status])

    # ---- troubles

    def _probe_failed(self, name: str, reason: str) -> None:
        for signal in _SIGNALS_OF_PROBE.get(name, ()):
            self.journal.signal(signal, "off", reason, "see the training log; everything else goes on")
        self.journal.notice("error", name, f"switched off: {reason}", self.step)

    def _sink_failed(self, reason: str) -> None:
        self.journal.notice("error", "event file", reason, self.step)


_EMPTY_TABLE = LayerTable(id="", layers=())

_SIGNALS_OF_PROBE = {
    "layout": SIGNALS,
    "explanations": ("explanations",),
    "attention": ("attention",),
    "training statistics": ("activations", "gradients", "weights"),
}


def _plain(values: Mapping[str, Any]) -> dict[str, float]:
    """0-d tensors and numbers → floats; on the sink's thread, because it may wait for the device."""
    return {name: float(value) for name, value in values.items() if value is not None}
