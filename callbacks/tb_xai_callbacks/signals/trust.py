# SPDX-License-Identifier: Apache-2.0
"""Trust: how far to believe the maps of a snapshot, measured ever more rarely and at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tb_xai_callbacks.attribution import Method
from tb_xai_callbacks.attribution.explained import Explained
from tb_xai_callbacks.attribution.method import LAYER
from tb_xai_callbacks.attribution.trust import Measured, is_judged
from tb_xai_callbacks.backends.contract import TargetLayer
from tb_xai_callbacks.run.budget import BACK
from tb_xai_callbacks.run.run import Run
from tb_xai_callbacks.signals.explanations import Explanations
from tb_xai_callbacks.signals.signal import Signal

#: Trust is measured from this step on, each time the steps have grown by this, and at the end.
FIRST_STEP, RATIO = 10.0, 4.0
#: What judging a method takes, in passes forward and back: some 22 forward of deletion and insertion, and its
#: map anew of four noisy inputs and of shuffled weights.
SCORES, MAPS = 22 / BACK, 5

#: A method, and the layer that it is judged at; None: the input.
Job = tuple[Method, TargetLayer | None]


class Trust(Signal):
    """Measures of the maps that explanations just made: at the last explained layer, and at the input."""

    name = "trust"
    optional = False

    def begin(self, run: Run, peers: Mapping[str, Signal]) -> None:
        """See `Signal.begin`."""
        super().begin(run, peers)
        explanations = peers["explanations"]
        assert isinstance(explanations, Explanations), "it judges nothing else"
        self._explanations = explanations
        self._measured, self._next = -1, FIRST_STEP

    def due(self, step: int) -> bool:
        """See `Signal.due`: it needs no part of the pass, only what became of it."""
        return False

    def after_snapshot(self, step: int, last: bool) -> None:
        """See `Signal.after_snapshot`."""
        run, seen = self.run, self._explanations
        due = step != self._measured and (last or step >= self._next)
        # maps of an earlier step are of other weights
        if not due or seen.explained is None or seen.step != step or not (jobs := self._jobs()):
            return
        if run.budget.affords(self.name, sum(SCORES + MAPS * max(method.passes, 1) for method, _ in jobs)):
            self._measured, self._next = step, RATIO * step
            with run.budget.timed(self.name):
                for guided in (False, True):
                    chosen = [job for job in jobs if job[0].guided == guided]
                    if chosen:
                        self._judge_if_it_can_be(step, chosen, guided, seen.explained)

    def _jobs(self) -> list[Job]:
        """Methods at the last layer first, then those of the input."""
        seen = self._explanations
        judged = [method for method in seen.on() if is_judged(method)]
        at_layer: list[Job] = [(m, seen.targets[-1]) for m in judged if m.explains == LAYER]
        return at_layer + [(method, None) for method in judged if method.explains != LAYER]

    def _judge_if_it_can_be(self, step: int, jobs: Sequence[Job], guided: bool, explained: Explained) -> None:
        try:
            self._judge(step, jobs, guided, explained)
        except ValueError as error:  # inputs that cannot be differentiated: a fact, and no failure
            self.run.status.off(self.name, str(error))

    def _judge(self, step: int, jobs: Sequence[Job], guided: bool, explained: Explained) -> None:
        """One context after the other: in the second the weights are not the model's."""
        probe, maps = self.run.probe, self._explanations.maps
        assert probe is not None, "without a probe nothing is explained"
        measured: list[Measured] = []
        with self.run.model.explaining(guided=guided) as explainer:
            for method, layer in jobs:
                question = explained.ask(explainer)
                heat = maps.get((method.name, method.place(layer)))
                heat = method.make(question, layer) if heat is None else heat
                measured.append(Measured(method, layer, heat, probe.regions))
                measured[-1].on_trained(question)
        with self.run.model.explaining(guided=guided, randomised=True) as explainer:
            for one in measured:
                one.on_shuffled(explained.ask(explainer))
        self.run.put(step, self.name, lambda: [one.record(probe.hash) for one in measured])
