# SPDX-License-Identifier: Apache-2.0
"""The protocol of what is observed. `SIGNALS` lists ours; `signals=` takes instances of your own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tb_xai_callbacks.backends.contract import Absence, Capture, CaptureRequest, Layout, Reduction
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.run.run import Run
from tb_xai_plugin.format.columns import NumbersKind
from tb_xai_plugin.format.records import Descriptions, KindDescription, Record, RunStatus

NO_PROBE = Absence("there is no probe", "give probe=(inputs, labels)")


class Signal:
    """One thing that is observed of a run; subclass it and give what differs.

    The recorder asks each signal what is due, makes one pass over the probe for all of them, and hands each
    what it brought. If the shared pass fails, every signal is given a pass of its own, so that only the one
    that cannot goes off.

    Methods named `observe`, `reduced` and `saw` say on which thread they run; all others run between two
    training steps. What they raise switches the signal off, with its reason in the tab.
    """

    #: Its name in `signals=`, in the status and among the costs.
    name: str = ""
    #: Whether `signals=` turns it on and off. Others are part of every run.
    optional: bool = True
    #: Which of a training step's reductions it records, by `Reduction.signal`.
    reductions: tuple[str, ...] = ()
    #: For a user's own signal that writes `Numbers`: what they are called and mean in the tab.
    kind: NumbersKind | None = None

    run: Run

    @property
    def passes(self) -> float:
        """Passes forward and back over the probe that `observe` takes, beyond the shared one."""
        return 0.0

    # ---- life

    def begin(self, run: Run, peers: Mapping[str, Signal]) -> None:
        """The run's services, and its other signals by name. Before anything is observed.

        Raises:
            ValueError: for an option that cannot be; the only error that reaches the user.
        """
        self.run = run

    def absent(self, layout: Layout, probe: ProbeSet | None) -> Absence | None:
        """Why there is nothing to observe in this model; None if there is."""
        return None

    def start(self, step: int) -> None:
        """`step` optimiser steps are done, and training is about to begin."""

    def after_step(self, step: int, observed: bool, loss: Any) -> None:
        """`step` optimiser steps are done; `observed` says whether the last one was watched.

        `loss` is a number or a detached 0-d tensor, which must not be waited for; None where there is none.
        """

    def finish(self, step: int) -> None:
        """Training is over."""

    def tell(self) -> None:
        """Call the user's own functions, if there is something to tell them. Not guarded: raising is how they
        end training."""

    # ---- what the log says of it

    def describe(self) -> Descriptions:
        """What its records are called and mean, for the tab: the user's own kind, if it has one."""
        kind = self.kind
        if kind is None:
            return Descriptions()
        return Descriptions(
            kinds=(KindDescription(kind.name, kind.title, kind.meaning, kind.unit, kind.scale),)
        )

    def complete(self, status: RunStatus) -> RunStatus:
        """The run's status with what only this signal knows."""
        return status

    # ---- passes over the probe

    def due(self, step: int) -> bool:
        """Whether to take part in a pass over the probe now. By default whenever explanations are due."""
        return self.run.budget.explain_due(step)

    def request(self) -> CaptureRequest | None:
        """What a pass has to bring; None if none is needed to observe."""
        return None

    def reduced(self, reduction: Reduction) -> Iterable[Record]:
        """The records of one of its `reductions`; on the sink's thread."""
        return ()

    def observe(self, step: int, capture: Capture | None) -> Iterable[Record]:
        """The records of one pass (None: it needed none), as soon as it was made.

        What is returned may be a generator: it is exhausted on the sink's thread.
        """
        return ()

    def after_snapshot(self, step: int, last: bool) -> None:
        """All that was due at `step` has been observed; `last`: there will be no other."""

    # ---- records on their way to the log, on the sink's thread

    def saw(self, step: int, records: Sequence[Record]) -> None:
        """Take in records that any signal is writing."""
