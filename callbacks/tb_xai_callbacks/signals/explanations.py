# SPDX-License-Identifier: Apache-2.0
"""Explanations: every method that was asked for, made of the shared pass or of further ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from tb_xai_callbacks.attribution import AUTO, Choice, Method, Question, choose, describe, methods_from
from tb_xai_callbacks.attribution.explained import Explained, middle_of
from tb_xai_callbacks.attribution.method import ATTENTION, LAYER
from tb_xai_callbacks.attribution.question import Tokens
from tb_xai_callbacks.backends.contract import Absence, Capture, CaptureRequest, Layout, TargetLayer
from tb_xai_callbacks.console import LOGGER, reason_of
from tb_xai_callbacks.measure.scores import Selection, select, select_scores
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.run.run import Run
from tb_xai_callbacks.signals.map_layers import resolve_targets, unmapped
from tb_xai_callbacks.signals.signal import NO_PROBE, Signal
from tb_xai_plugin.format.records import Attribution, Descriptions, Record, RunStatus

NO_LABELS = (
    'targets="label", but the probe has no labels, so the predicted class is explained; give probe=(x, y)'
)
TRIED = 'methods="auto" goes on with what else there is; name a method in methods= to have no other'
NONE_LEFT = Absence("none of the methods that were asked for can be had", "see the reason of each")


class Explanations(Signal):
    """Attributions of the probe. A method that fails is off by itself, with its reason in the tab.

    Attributes:
        targets: the layers that are explained, those without a map first.
        asked: the methods that were asked for, and what "auto" chose or tried.
        step: that of the latest snapshot; -1 before.
        explained: what all attributions of it share.
        maps: heat of it by (method, layer), not pooled, of methods that took passes of their own.
    """

    name = "explanations"

    # ---- life

    def begin(self, run: Run, peers: Mapping[str, Signal]) -> None:
        """See `Signal.begin`.

        Raises:
            ValueError: if `target_layers` names a layer that is not there, or that no method can explain;
                or `methods` what is no method.
        """
        super().begin(run, peers)
        self.targets: tuple[TargetLayer, ...] = ()
        self.asked: tuple[Method, ...] = ()
        self.step = -1
        self.explained: Explained | None = None
        self.maps: dict[tuple[str, str], np.ndarray] = {}
        self._no_layers = self._no_map = ""
        self._named: tuple[Method, ...] = ()
        self._chosen = Choice()
        self._shared: list[Method] = []
        if run.status.is_off(self.name):
            return
        settings, layout = run.settings, run.layout
        self.targets, self._no_layers = resolve_targets(settings.target_layers, layout)
        self._named = methods_from(settings.methods)
        if AUTO in settings.methods and run.probe is not None:
            self._chosen = choose(layout, run.probe, self.targets)
        self.asked = methods_from(settings.methods, self._chosen.methods)
        if run.probe is not None:
            self._no_map = unmapped(self.targets, self.asked, layout)
            self._tell_gaps(run.probe)

    def _tell_gaps(self, probe: ProbeSet) -> None:
        """What of this signal is missing from the start."""
        status, layout = self.run.status, self.run.layout
        if layout.no_output_reason:
            self.asked, self._chosen = (), Choice()
            status.notice("warning", self.name, f"off: {layout.no_output_reason}")
            return
        for method in self.asked:
            try:
                reason = method.absent(layout, probe)
            except Exception as error:  # noqa: BLE001 — one method less; the tab says why
                self._drop(method, error)
            else:
                if reason or self._is_blind(method):
                    self._off(method, reason or self._no_map)
        if self._only_layers:
            status.notice("warning", self.name, f"off: {self._no_layers}")
        elif self._no_layers and any(method.explains == LAYER for method in self.asked):
            status.notice("info", self.name, f"no maps of layers: {self._no_layers}")
        targets = self.run.settings.targets
        if isinstance(targets, str) and targets == "label" and probe.truth is None:
            status.notice("warning", self.name, NO_LABELS)
        if told := other_inputs(probe.inputs):
            status.notice("info", self.name, told)

    def _is_blind(self, method: Method) -> bool:
        """Whether it explains layers, and none of those that are explained has what it needs."""
        return bool(self.targets) and method.explains == LAYER and not self._places(method)

    def absent(self, layout: Layout, probe: ProbeSet | None) -> Absence | None:
        """See `Signal.absent`: without samples; or if no method that was asked for is left."""
        if probe is None:
            return NO_PROBE
        if layout.no_output_reason:
            return Absence(layout.no_output_reason, "say which with output=…", level="warning")
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
        return Descriptions(methods=describe(dict.fromkeys((*self.asked, *self._chosen.others))))

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
            if self._places(method) and not status.is_off(f"{self.name}/{method.name}")
        ]

    def _places(self, method: Method) -> Sequence[TargetLayer | None]:
        """What a method is asked about: the layers that it can explain; or once, of no layer."""
        if method.explains != LAYER:
            return (None,)
        return [target for target in self.targets if method.can_explain(target)]

    def request(self) -> CaptureRequest | None:
        """See `Signal.request`."""
        on = self.on()
        if self.run.probe is None or not on:
            return None
        self._shared = [method for method in on if not method.passes]
        layers = [t.name for t in self.targets if any(method.can_explain(t) for method in self._shared)]
        attention = any(method.explains == ATTENTION for method in self._shared)
        return CaptureRequest(tuple(layers), self._choose, attention=attention)

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
        shared = self._shared  # what the pass was made for, whatever is tried from now on
        own = self._run_again(self.explained, capture)
        return chain(self._of_shared_pass(self.explained, capture, shared), own)

    # ---- methods

    def _of_shared_pass(
        self, explained: Explained, capture: Capture, shared: Sequence[Method]
    ) -> Iterator[Attribution]:
        """Maps that cost training nothing: layer by layer, then attention's."""
        question = explained.ask(None, capture)
        for layer in (*self.targets, None):
            for method in shared:
                if layer in self._places(method):
                    for _, record in self._made(method, question, explained, [layer]):
                        yield record

    def _run_again(self, explained: Explained, capture: Capture) -> list[Attribution]:
        """Maps that take further passes: plain ones in one context, guided ones in another.

        Where nothing of what "auto" chose can be, what it tries next is made at once.
        """
        found: list[Attribution] = []
        done: list[Method] = []
        while left := [method for method in self.on() if method.passes and method not in done]:
            guided = all(method.guided for method in left)
            methods = [method for method in left if method.guided == guided]
            done += methods
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
        with self.run.model.explaining(guided=guided) as explainer:
            question = explained.ask(explainer, captured)
            for method in methods:
                for heat, record in self._made(method, question, explained, self._places(method)):
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
            if heat.ndim == 4:
                self._tell_slice(record.layer, heat)
            yield heat, record

    def _tell_slice(self, place: str, heat: np.ndarray) -> None:
        """Name the slice that is kept of volumes [n d h w]."""
        kept = f"slice {middle_of(heat)} of 0 to {heat.shape[1] - 1}, the middle one, is kept"
        self.run.status.notice("info", self.name, f"maps of {place!r} are volumes; {kept}")

    def _drop(self, method: Method, error: Exception) -> None:
        """Switch one method off; the signal, with the last one."""
        if self.run.settings.strict and not isinstance(error, ValueError):
            raise error
        LOGGER.debug("%s failed", method.name, exc_info=error)
        status = self.run.status
        self._off(method, reason_of(error))
        if (
            not self.on()
            and status.off(self.name, NONE_LEFT.reason, NONE_LEFT.remedy)
            and self._chosen.methods
        ):
            # what nobody named went off without a line on the console
            status.notice("warning", self.name, f"off: {reason_of(error)}")

    def _off(self, method: Method, reason: str) -> None:
        """Switch one method off. What "auto" chose goes quietly, as long as there is another to try."""
        status, chosen = self.run.status, self._chosen
        if method in self._named:
            status.method_off(method.name, reason)
            return
        status.off(f"{self.name}/{method.name}", reason, TRIED)
        if not any(one in (*chosen.methods, *chosen.others) for one in self.on()):
            rest = [one for one in chosen.others if one not in self.asked]
            self.asked = (*self.asked, *rest[:1])


def _place(method: Method) -> int:
    """Where a method stands among the captured ones."""
    if method.passes:
        return 1
    return 0 if method.explains == LAYER else 2


def other_inputs(inputs: Any) -> str:
    """A sentence about which of several inputs is explained; "" where there is one."""
    if not isinstance(inputs, (dict, tuple, list)) or len(inputs) < 2:
        return ""
    names = [repr(name) for name in (inputs if isinstance(inputs, dict) else range(len(inputs)))]
    return f"of the inputs {', '.join(names)} the first, {names[0]}, is explained; others stay as they are"
