# SPDX-License-Identifier: Apache-2.0
"""Explanations: every method that was asked for, made of the shared pass or of further ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from tb_xai_callbacks.attribution import Method, Question, describe, methods_from
from tb_xai_callbacks.attribution.explained import Explained
from tb_xai_callbacks.attribution.method import ATTENTION, LAYER
from tb_xai_callbacks.attribution.question import Tokens
from tb_xai_callbacks.backends.contract import Absence, Capture, CaptureRequest, Layout, TargetLayer
from tb_xai_callbacks.console import LOGGER, reason_of
from tb_xai_callbacks.measure.scores import Selection, select, select_scores
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.run.run import Run
from tb_xai_callbacks.signals.map_layers import resolve_targets
from tb_xai_callbacks.signals.signal import NO_PROBE, Signal
from tb_xai_plugin.format.records import Attribution, Descriptions, Record, RunStatus

NO_LABELS = (
    'targets="label", but the probe has no labels, so the predicted class is explained; give probe=(x, y)'
)
NONE_LEFT = Absence("none of the methods that were asked for can be had", "see the reason of each")


class Explanations(Signal):
    """Attributions of the probe. A method that fails is off by itself, with its reason in the tab.

    Attributes:
        targets: the layers that are explained.
        asked: the methods that were asked for.
        step: that of the latest snapshot; -1 before.
        explained: what all attributions of it share.
        maps: heat of it by (method, layer), not pooled, of methods that took passes of their own.
    """

    name = "explanations"

    # ---- life

    def begin(self, run: Run, peers: Mapping[str, Signal]) -> None:
        """See `Signal.begin`.

        Raises:
            ValueError: if `target_layers` names a layer that is not there or has no map, or `methods` what
                is no method.
        """
        super().begin(run, peers)
        self.targets: tuple[TargetLayer, ...] = ()
        self.asked: tuple[Method, ...] = ()
        self.step = -1
        self.explained: Explained | None = None
        self.maps: dict[tuple[str, str], np.ndarray] = {}
        self._no_layers = ""
        if run.status.is_off(self.name):
            return
        self.asked = methods_from(run.settings.methods)
        self.targets, self._no_layers = resolve_targets(run.settings.target_layers, run.layout)
        if run.probe is not None:
            self._tell_gaps(run.probe)

    def _tell_gaps(self, probe: ProbeSet) -> None:
        """What of this signal is missing from the start."""
        status, layout = self.run.status, self.run.layout
        for method in self.asked:
            try:
                reason = method.absent(layout, probe)
            except Exception as error:  # noqa: BLE001 — one method less; the tab says why
                self._drop(method, error)
            else:
                if reason:
                    status.method_off(method.name, reason)
        if self._only_layers:
            status.notice("warning", self.name, f"off: {self._no_layers}")
        elif self._no_layers:
            status.notice("info", self.name, f"no maps of layers: {self._no_layers}")
        targets = self.run.settings.targets
        if isinstance(targets, str) and targets == "label" and probe.truth is None:
            status.notice("warning", self.name, NO_LABELS)

    def absent(self, layout: Layout, probe: ProbeSet | None) -> Absence | None:
        """See `Signal.absent`: without samples; or if no method that was asked for is left."""
        if probe is None:
            return NO_PROBE
        if self.on():
            return None
        if self._only_layers:
            return Absence(self._no_layers, 'name a layer: target_layers="…"', level="warning")
        return NONE_LEFT if self.asked else Absence("methods= asks for none")

    @property
    def _only_layers(self) -> bool:
        """Whether there is no layer to explain, and nothing else was asked for."""
        return bool(self._no_layers and self.asked) and all(m.explains == LAYER for m in self.asked)

    # ---- what the log says of it

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of what is captured: of the shared pass those at layers first, those at attention last."""
        return tuple(method.name for method in sorted(self.on(), key=_place))

    def describe(self) -> Descriptions:
        """See `Signal.describe`."""
        return Descriptions(methods=describe(self.asked))

    def complete(self, status: RunStatus) -> RunStatus:
        """See `Signal.complete`."""
        names = tuple(target.name for target in self.targets)
        return replace(status, target_layers=names, methods=self.methods)

    # ---- passes over the probe

    @property
    def passes(self) -> float:
        """See `Signal.passes`."""
        places = {LAYER: max(len(self.targets), 1)}
        return float(sum(method.passes * places.get(method.explains, 1) for method in self.on()))

    def on(self) -> list[Method]:
        """The methods that were asked for and are not off, in the order asked."""
        status = self.run.status
        return [
            method
            for method in self.asked
            if (self.targets or method.explains != LAYER) and not status.is_off(f"{self.name}/{method.name}")
        ]

    def request(self) -> CaptureRequest | None:
        """See `Signal.request`."""
        on = self.on()
        if self.run.probe is None or not on:
            return None
        shared = {method.explains for method in on if not method.passes}
        layers = [target.name for target in self.targets] if LAYER in shared else []
        return CaptureRequest(tuple(layers), self._choose, attention=ATTENTION in shared)

    def _choose(self, outputs: np.ndarray) -> Selection:
        """What to explain of the outputs [n, …] on the probe."""
        run, targets = self.run, self.run.settings.targets
        if callable(targets):
            return select_scores(outputs, run.model.scoring(targets), targets)
        assert run.probe is not None, "without a probe nothing is asked for"
        regression = run.probe.targets is not None
        return select(outputs, targets, run.probe.labels, regression, run.layout.sigmoid_output)

    def observe(self, step: int, capture: Capture | None) -> Iterable[Record]:
        """See `Signal.observe`: what takes passes of its own is made now, the rest while it is written."""
        run = self.run
        if run.probe is None or capture is None or capture.choice is None:
            return ()
        self.step = step
        tokens = Tokens.of(run.layout, run.probe)
        self.explained = Explained(capture.choice, run.probe.hash, run.layout.call_counts, tokens)
        self.maps = {}
        own = self._run_again(self.explained, capture)
        return chain(self._of_shared_pass(self.explained, capture), own)

    # ---- methods

    def _of_shared_pass(self, explained: Explained, capture: Capture) -> Iterator[Attribution]:
        """Maps that cost training nothing: layer by layer, then attention's."""
        question = explained.ask(None, capture)
        shared = [method for method in self.on() if not method.passes]
        for layer in (*self.targets, None):
            for method in shared:
                if (method.explains == LAYER) == (layer is not None):
                    for _, record in self._made(method, question, explained, [layer]):
                        yield record

    def _run_again(self, explained: Explained, capture: Capture) -> list[Attribution]:
        """Maps that take further passes: plain ones in one context, guided ones in another."""
        found: list[Attribution] = []
        for guided in (False, True):
            methods = [method for method in self.on() if method.passes and method.guided == guided]
            # no guided pass was captured
            captured = None if guided else capture
            try:
                for record in self._in_one_context(methods, guided, explained, captured):
                    found.append(record)
            except Exception as error:  # noqa: BLE001 — the model cannot be differentiated by its input
                for method in methods:
                    self._drop(method, error)
        return found

    def _in_one_context(
        self, methods: Sequence[Method], guided: bool, explained: Explained, captured: Capture | None
    ) -> Iterator[Attribution]:
        if not methods:
            return
        with self.run.model.explaining(guided=guided) as explainer:
            question = explained.ask(explainer, captured)
            for method in methods:
                places = self.targets if method.explains == LAYER else (None,)
                for heat, record in self._made(method, question, explained, places):
                    self.maps[record.method, record.layer] = heat
                    yield record

    def _made(
        self,
        method: Method,
        question: Question,
        explained: Explained,
        places: Sequence[TargetLayer | None],
    ) -> Iterator[tuple[np.ndarray, Attribution]]:
        """One method's heat as it was made, and as it is recorded, as long as the method does not fail."""
        if self.run.status.is_off(f"{self.name}/{method.name}"):
            return
        for layer in places:
            try:
                heat = np.asarray(method.make(question, layer))
                record = explained.record(method, layer, heat)
            except Exception as error:  # noqa: BLE001 — one method less; the tab says why
                self._drop(method, error)
                return
            yield heat, record

    def _drop(self, method: Method, error: Exception) -> None:
        """Switch one method off; the signal, with the last one."""
        if self.run.settings.strict and not isinstance(error, ValueError):
            raise error
        LOGGER.debug("%s failed", method.name, exc_info=error)
        self.run.status.method_off(method.name, reason_of(error))
        if not self.on():
            self.run.status.off(self.name, NONE_LEFT.reason, NONE_LEFT.remedy)


def _place(method: Method) -> int:
    """Where a method stands among the captured ones."""
    if method.passes:
        return 1
    return 0 if method.explains == LAYER else 2
