# SPDX-License-Identifier: Apache-2.0
"""The life of a watched run, which all hosts share: begin, begin late, after each step, close.

A host turns what its framework calls into these four, and does nothing else. Nothing that goes wrong in here
reaches the training that is watched, but for a wrong option, told when it is begun, and what the user's own
`on_finding` raises.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tb_xai_callbacks.backends.contract import Observer
from tb_xai_callbacks.console import LOGGER, reason_of
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.recorder import Recorder
from tb_xai_callbacks.settings import Settings

#: A model on its probe, and what is wrong with the probe.
Watched = tuple[Observer, ProbeSet | None, Sequence[str]]
#: Chooses the probe; None: there is none.
Choose = Callable[[], "ProbeSet | None"]
#: From the first training batch to the probe, and to what else a call of the model is given.
ChooseBatch = Callable[[], "tuple[ProbeSet, Any]"]


class OptionError(ValueError):
    """An option that this model cannot have: the one error of ours that is raised."""


class Session(ABC):
    """One watched run. A subclass says how a model is watched.

    Args:
        settings: the user's options.
        log_dir: the run's directory; records go to its child run `xai`.
        host: who drives the loop, as the tab names it.
    """

    def __init__(self, settings: Settings, log_dir: str | os.PathLike[str], host: str) -> None:
        self.settings = settings
        self.log_dir = log_dir
        self.host = host
        self.step = 0
        #: Optimiser steps that the run will have, counted as `step` is; None: not known.
        self.total: int | None = None
        self._recorder: Recorder | None = None
        self._observer: Observer | None = None
        self._problem = ""
        self._closed = False

    @abstractmethod
    def watch(self, probe: ProbeSet | None, call: Any = None) -> Watched:
        """The model, run once on the probe. `call` is what else a call of the model is given.

        Raises:
            ValueError: if the model does not run on the probe.
        """

    # ---- what hosts call

    @property
    def is_on(self) -> bool:
        """Whether the run is being recorded."""
        return self._recorder is not None

    @property
    def is_waiting(self) -> bool:
        """Whether the first training batch has to be the probe."""
        return bool(self._problem) and self._recorder is None and not self._closed

    def begin(self, choose: Choose, step: int = 0, total: int | None = None) -> bool:
        """Watch the model on the probe that `choose` returns; `step` optimiser steps are done, of `total`.

        Returns:
            Whether that was possible; if not, the first batch is to be the probe: `begin_late`.

        Raises:
            OptionError: if an option names what the model does not have.
        """
        self.step, self.total = step, total
        try:
            self._begin(choose(), step)
        except OptionError:
            raise
        except Exception as error:
            if self.settings.strict:
                raise
            self.wait(reason_of(error))
        return self.is_on

    def wait(self, problem: str) -> None:
        """There was no probe to be had, for this reason: the first training batch is one."""
        self._problem = f"{problem}; the first training batch is the probe instead"
        LOGGER.warning("probe: %s", self._problem)

    def begin_late(self, choose: ChooseBatch, step: int | None = None) -> None:
        """The second and last attempt, with a training batch, before the model has learned from it."""
        try:
            probe, call = choose()
            self._begin(probe, self.step if step is None else step, call)
        except Exception as error:
            if self.settings.strict:
                raise
            LOGGER.warning("nothing is logged, training goes on: %s", reason_of(error))
        self._problem = ""

    def after_step(
        self, step: int, loss: Any = None, scalars: Callable[[], Mapping[str, Any]] | None = None
    ) -> None:
        """`step` optimiser steps are done. Steps that were told already are passed over.

        `loss` is that of the step's batch, with its graph if it has one; `scalars` is called, for what else
        there is to log, only where the step was observed.
        """
        recorder = self._recorder
        if recorder is None or step == self.step:
            return
        self.step = step
        with recorder.run.guard("recorder"):
            value, logged = self.plain(loss), None
            if recorder.due_next() and self._observer is not None:  # the step just done was observed
                with recorder.run.guard("loss"):
                    self._observer.note_loss(self.graph(loss))
                with recorder.run.guard("scalars"):
                    found = {} if scalars is None else scalars()
                    logged = found if "loss" in found else {"loss": value, **found}
            recorder.after_step(step, logged, value)
        recorder.tell()

    def is_observed(self) -> bool:
        """Whether the next training step will be observed."""
        return self._recorder is not None and self._recorder.due_next()

    def log_scalars(self, step: int, scalars: Mapping[str, Any]) -> None:
        """Log numbers that come at times of their own, such as a validation loss at the end of an epoch."""
        if self._recorder is not None:
            self._recorder.log_scalars(step, scalars)

    def snapshot(self) -> None:
        """Log every signal now, whatever the schedule says."""
        if self._recorder is not None:
            self._recorder.snapshot(self.step, anew=True)

    def notice(self, level: str, subject: str, message: str) -> None:
        """Tell the user something: in the tab, and in Python's log if it is no mere information."""
        if self._recorder is not None:
            self._recorder.run.status.notice(level, subject, message)

    def close(self, failed: bool = False) -> None:
        """Training is over: log the last state and remove every hook. May be called twice."""
        recorder, self._recorder = self._recorder, None
        observer, self._observer = self._observer, None
        self._closed = True
        try:
            if recorder is not None:
                with recorder.run.guard("recorder"):
                    recorder.finish(self.step, failed)
                if not failed:
                    recorder.tell()
        finally:
            if observer is not None:
                observer.close()

    def abandon(self) -> None:
        """Training was cut off: what was logged is written, no more is computed, every hook is removed."""
        if self._recorder is not None:
            self._recorder.abandon()
        if self._observer is not None:
            self._observer.close()
        self._recorder = self._observer = None
        self._closed = True

    # ---- what a framework may do differently

    def plain(self, loss: Any) -> Any:
        """A loss as a number or detached 0-d tensor, without waiting for a device; None if it is neither."""
        return loss if isinstance(loss, (int, float)) else None

    def graph(self, loss: Any) -> Any:
        """The loss with its graph."""
        return loss

    # ---- within

    def _begin(self, probe: ProbeSet | None, step: int, call: Any = None) -> None:
        observer, probe, problems = self.watch(probe, call)
        try:
            recorder = Recorder(observer, probe, self.log_dir, self.host, self.settings)
        except BaseException as error:
            observer.close()
            if isinstance(error, ValueError):
                raise OptionError(str(error)) from None
            raise
        for problem in (self._problem, *problems):
            if problem:
                recorder.run.status.notice("warning", "probe", problem, told=problem == self._problem)
        self._observer, self._recorder, self.step = observer, recorder, step
        recorder.start(step, self.total)
