# SPDX-License-Identifier: Apache-2.0
"""What the training steps themselves bring: armed before a step, collected after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from tb_xai_callbacks.backends.contract import Pending, Reductions
from tb_xai_callbacks.run.run import Run
from tb_xai_callbacks.signals.probe_pass import probe_passes
from tb_xai_callbacks.signals.signal import Signal
from tb_xai_plugin.format.records import Record


class TrainingSteps:
    """Has the backend watch the steps that are due, and hands what it brought to the signals that record it.

    Args:
        run: the services.
        signals: those of the run; the ones with `reductions` take part.
    """

    def __init__(self, run: Run, signals: Sequence[Signal]) -> None:
        self.armed = False
        self._run = run
        self._signals = [signal for signal in signals if signal.reductions]

    def arm_if_due(self, step: int) -> None:
        """Watch the next step, if that is due after `step` done ones."""
        model, wanted = self._run.model, self._wanted()
        self.armed = False
        # what is observed on the probe is known after the step and belongs to the step that follows
        label = step if model.observes_training else step + 1
        if wanted and self._run.layout.table.layers and self._run.budget.log_due(label):
            with self._run.guard(*self._names()):
                model.arm(wanted)
                self.armed = True

    def collect(self, step: int) -> int:
        """What the armed step brought, `step` steps being done; returns the step that it belongs to."""
        model = self._run.model
        observed = step - 1 if model.observes_training else step
        self.armed = False
        self._put(observed, model.collect)
        if not model.observes_training:
            for signal, capture in probe_passes(self._run, self._on()):
                with self._run.guard(signal.name):
                    made = signal.observe(observed, capture)
                    self._run.put(observed, signal.name, partial(iter, made))
        return observed

    def at_rest(self, step: int) -> None:
        """The weights and the most recent training batch as they are now, between two steps."""
        with self._run.budget.timed_statistics():
            self.weights(step)
            self._put(step, lambda: self._run.model.last_batch(self._wanted()))

    def weights(self, step: int) -> None:
        """The weights as they are now."""
        self._put(step, lambda: self._run.model.parameters(self._wanted()))

    def _on(self) -> list[Signal]:
        return [signal for signal in self._signals if not self._run.status.is_off(signal.name)]

    def _names(self) -> tuple[str, ...]:
        return tuple(signal.name for signal in self._on())

    def _wanted(self) -> frozenset[str]:
        """Which reductions somebody records."""
        return frozenset(name for signal in self._on() for name in signal.reductions)

    def _put(self, step: int, observe: Callable[[], Reductions]) -> None:
        found: Reductions = {}
        if names := self._names():
            with self._run.guard(*names):
                found = observe()
        for name, resolve in found.items():
            for signal in self._on():
                if name in signal.reductions:
                    self._run.put(step, signal.name, _reduced(signal, resolve))


def _reduced(signal: Signal, resolve: Pending) -> Callable[[], Iterable[Record]]:
    return lambda: [record for reduction in resolve() for record in signal.reduced(reduction)]
