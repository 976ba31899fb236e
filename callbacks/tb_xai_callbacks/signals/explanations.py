# SPDX-License-Identifier: Apache-2.0
"""The explanations of a run: every method that was asked for, and now and then how far to believe them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tb_xai_callbacks.attribution import maps as attribution
from tb_xai_callbacks.attribution.maps import Explained
from tb_xai_callbacks.attribution.methods import (
    GRADIENT_ROLLOUT,
    INPUT,
    INPUT_METHODS,
    LAYER_METHODS,
    ROLLOUTS,
    Question,
    map_of,
)
from tb_xai_callbacks.attribution.trust import Measured
from tb_xai_callbacks.backends.contract import Capture, Layout, Observer, TargetLayer
from tb_xai_callbacks.console import LOGGER, sentence
from tb_xai_callbacks.measure.cam import CAMS
from tb_xai_callbacks.options import Options
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.run.budget import Pace
from tb_xai_callbacks.run.status import Journal
from tb_xai_callbacks.signals.attention import without_padding
from tb_xai_plugin.format.records import Attribution

#: Trust is measured from this step on, each time the steps have grown by this, and at the end.
TRUST_FROM, TRUST_RATIO = 10.0, 4.0
#: How many times as long as the explanation that it judges, as a guess before it was measured.
TRUST_PASSES = 25
#: The layer that rollouts are recorded under.
ATTENTION = "attention"

Put = Callable[[int, str, Callable[[], Iterable[Any]]], None]


class Explanations:
    """Makes the attributions of a snapshot.

    A method that fails is switched off by itself, with its reason in the tab.

    Args:
        observer: the model.
        probe: the samples; None: there is nothing to explain.
        layout: attention's grid of tokens, call counts.
        targets: the layers that are explained.
        options: `methods`, `strict`.
        put: the recorder's queue.
        pace: accounts for the time of trust.
        journal: where a method's state is told.
    """

    def __init__(
        self,
        observer: Observer,
        probe: ProbeSet | None,
        layout: Layout,
        targets: Sequence[TargetLayer],
        options: Options,
        put: Put,
        pace: Pace,
        journal: Journal,
    ) -> None:
        self.observer = observer
        self.probe = probe
        self.layout = layout
        self.targets = tuple(targets)
        self.strict = options.strict
        wanted = tuple(dict.fromkeys(options.methods))
        self.cams = tuple(name for name in wanted if name in CAMS)
        self.others = [name for name in wanted if name in (*INPUT_METHODS, *LAYER_METHODS)]
        self.others += [name for name in wanted if name == GRADIENT_ROLLOUT]
        self.rollouts = [name for name in wanted if name in ROLLOUTS]
        self._put = put
        self._pace = pace
        self._journal = journal
        self._trusted, self._trust_next = -1, TRUST_FROM
        self._explained: Explained | None = None
        self._maps: dict[tuple[str, str], np.ndarray] = {}

    @property
    def wanted(self) -> bool:
        """Whether there is anything that a pass with a choice of targets is needed for."""
        return self.probe is not None and bool((self.cams and self.targets) or self.others or self.rollouts)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that are captured."""
        return (*(self.cams if self.targets else ()), *self.others, *self.rollouts)

    def observe(self, step: int, capture: Capture) -> None:
        """All methods, from the pass that was made and from further ones."""
        if self.probe is None or capture.choice is None:
            return
        explained = Explained(capture.choice, self.probe.hash, self.layout.call_counts)
        if self.cams and self.targets:
            self._put(
                step, "explanations", lambda: attribution.observe(capture, self.targets, self.cams, explained)
            )
        self._roll_out(step, capture, explained)
        self._maps = {}
        if self.others:
            self._explain(step, explained)
        self._explained = explained

    def trust(self, step: int, last: bool = False) -> None:
        """How far to believe the maps of the snapshot just made, if that is due."""
        explained = self._explained
        due = step != self._trusted and (last or step >= self._trust_next)
        guess = TRUST_PASSES * len(self.methods) * self._journal.mean_cost("explanations")
        if explained is not None and due and self._pace.affords("trust", self._journal, guess):
            self._trusted, self._trust_next = step, TRUST_RATIO * step
            with self._pace.timed("trust", self._journal):
                self._measure_trust(step, explained)

    # ---- methods

    def _roll_out(self, step: int, capture: Capture, explained: Explained) -> None:
        for method in list(self.rollouts):
            auto = self.layout.auto
            grid, prefix = (auto.grid, auto.prefix_tokens) if auto is not None else (None, 0)
            try:
                if not capture.attention:
                    raise ValueError(self.layout.no_attention_reason or "attention was not captured")
                heat = attribution.rollout(capture.attention, grid, prefix)
            except Exception as error:  # noqa: BLE001 — one method less; the tab says why
                self._drop(method, self.rollouts, error)
                continue
            self._write(step, explained.record(method, ATTENTION, heat))

    def _explain(self, step: int, explained: Explained) -> None:
        """Methods that run the model again: plain ones in one context, guided ones in another."""
        plain = [name for name in self.others if name != "guided_backprop"]
        for guided, names in ((False, plain), (True, [n for n in self.others if n == "guided_backprop"])):
            if not names:
                continue
            try:
                with self.observer.explaining(guided=guided) as explainer:
                    for name in names:
                        self._one_method(step, name, Question(explainer, explained.choice), explained)
            except Exception as error:  # noqa: BLE001 — the model cannot be differentiated by its input
                for name in names:
                    self._drop(name, self.others, error)

    def _one_method(self, step: int, method: str, question: Question, explained: Explained) -> None:
        if method == GRADIENT_ROLLOUT:
            self._class_rollout(step, question, explained)
            return
        places: Sequence[TargetLayer | None] = self.targets if method in LAYER_METHODS else (None,)
        for target in places:
            layer = INPUT if target is None else target.name
            try:
                heat = map_of(method, question, target, question.explainer.inputs)
            except Exception as error:  # noqa: BLE001 — one method less; the tab says why
                self._drop(method, self.others, error)
                return
            self._maps[method, layer] = heat
            self._write(step, explained.record(method, layer, heat))

    def _class_rollout(self, step: int, question: Question, explained: Explained) -> None:
        assert self.probe is not None
        auto = self.layout.auto
        grid, prefix = (auto.grid, auto.prefix_tokens) if auto is not None else (None, 0)
        try:
            weights, slopes = question.explainer.attend(explained.choice.cotangent)
            weights = without_padding(weights, self.probe.real)
            heat = attribution.class_rollout(weights, slopes, grid, prefix)
        except Exception as error:  # noqa: BLE001 — one method less; the tab says why
            self._drop(GRADIENT_ROLLOUT, self.others, error)
            return
        self._write(step, explained.record(GRADIENT_ROLLOUT, ATTENTION, heat))

    def _write(self, step: int, record: Attribution) -> None:
        self._put(step, "explanations", lambda: [record])

    def _drop(self, method: str, names: list[str], error: Exception) -> None:
        """Switch one method off."""
        if self.strict and not isinstance(error, ValueError):
            raise error
        if method in names:
            names.remove(method)
        LOGGER.debug("%s failed", method, exc_info=error)
        reason = str(error) if isinstance(error, ValueError) else sentence(error)
        self._journal.method_off(method, reason)

    # ---- trust

    def _measure_trust(self, step: int, explained: Explained) -> None:
        """Every method's maps: at its last layer, or at the input."""
        jobs: list[tuple[str, TargetLayer | None]] = []
        if self.targets:
            jobs += [(name, self.targets[-1]) for name in self.cams]
        jobs += [(name, None) for name in self.others if name in INPUT_METHODS]
        for guided in (False, True):
            chosen = [job for job in jobs if (job[0] == "guided_backprop") == guided]
            try:
                if chosen:
                    self._trust_of(step, chosen, guided, explained)
            except Exception as error:
                if self.strict:
                    raise
                LOGGER.debug("trust failed", exc_info=error)  # maps without trust are drawn as such

    def _trust_of(
        self, step: int, jobs: Sequence[tuple[str, TargetLayer | None]], guided: bool, explained: Explained
    ) -> None:
        """One context after the other: in the second the weights are not the model's."""
        assert self.probe is not None
        probe = self.probe.hash
        measured = []
        with self.observer.explaining(guided=guided) as explainer:
            question = Question(explainer, explained.choice)
            for method, target in jobs:
                heat = self._maps.get((method, INPUT if target is None else target.name))
                if heat is None:
                    heat = map_of(method, question, target, explainer.inputs)
                measured.append(Measured(method, target, heat, self.probe.regions))
                measured[-1].on_trained(question)
        with self.observer.explaining(guided=guided, randomised=True) as explainer:
            for one in measured:
                one.on_shuffled(Question(explainer, explained.choice))
        self._put(step, "trust", lambda: [one.record(probe) for one in measured])
