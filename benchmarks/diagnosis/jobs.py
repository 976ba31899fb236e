# SPDX-License-Identifier: Apache-2.0
"""One run of one program: trained in a worker process, watched by the recorder, the anchors or nobody."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
import warnings
from dataclasses import dataclass
from typing import Any

from benchmarks.diagnosis.development_set import BY_NAME, Outcome

OURS, ANCHORS, NOBODY = "ours", "anchors", "nobody"


@dataclass(frozen=True)
class Flag:
    """A rule that fired; `root` is False where it follows from another finding."""

    rule: str
    severity: str
    layer: str
    step: int
    value: float
    threshold: float
    root: bool = True
    tool: str = OURS


@dataclass(frozen=True)
class Job:
    """What a worker is asked to do."""

    program: str
    seed: int
    monitor: str


@dataclass(frozen=True)
class Result:
    """What it answers: `flags` worst first; `error` is the exception that ended training, or ""."""

    job: Job
    outcome: Outcome | None
    flags: tuple[Flag, ...]
    seconds: float
    error: str = ""


class Nobody:
    """Training without a monitor."""

    def on_torch(self, script: Any) -> contextlib.AbstractContextManager[Any]:
        return contextlib.nullcontext(self)

    def on_keras(self, script: Any) -> list[Any]:
        return []

    def step(self, loss: Any) -> None:
        """Nothing is seen."""


class Ours:
    """The recorder with its default options."""

    def __init__(self, log_dir: str) -> None:
        self._log_dir = log_dir

    def on_torch(self, script: Any) -> Any:
        from tb_xai_callbacks.torch import watch

        return watch(script.model, script.optimizer, log_dir=self._log_dir, probe=script.probe)

    def on_keras(self, script: Any) -> list[Any]:
        from tb_xai_callbacks.keras import ExplainCallback

        return [ExplainCallback(self._log_dir, validation_data=script.probe)]


def our_flags(log_dir: str) -> tuple[Flag, ...]:
    """The findings of a log, all severities."""
    from tb_xai_plugin.log import open_log

    log = open_log(log_dir)
    findings = log["."].findings if "." in log else ()
    return tuple(
        Flag(f.rule, f.severity, f.layer, f.first_step, float(f.value), float(f.threshold), not f.root)
        for f in findings
    )


def work(job: Job) -> Result:
    """Run a job; nothing is raised."""
    warnings.simplefilter("ignore")
    start = time.perf_counter()
    try:
        outcome, flags = _train(job)
    except Exception as error:  # noqa: BLE001  a program that raises is one line of the report
        return Result(job, None, (), time.perf_counter() - start, f"{type(error).__name__}: {error}")
    return Result(job, outcome, flags, time.perf_counter() - start)


def _train(job: Job) -> tuple[Outcome, tuple[Flag, ...]]:
    train = BY_NAME[job.program].train
    if job.monitor == NOBODY:
        return train(job.seed, Nobody()), ()
    if job.monitor == ANCHORS:
        from benchmarks.diagnosis.anchors import Anchors

        anchors = Anchors()
        outcome = train(job.seed, anchors)
        fired = ((tool, rule, step) for (tool, rule), step in anchors.fired.items())
        nan = float("nan")
        return outcome, tuple(Flag(r, "warning", "", step, nan, nan, tool=tool) for tool, r, step in fired)
    with tempfile.TemporaryDirectory(prefix="diagnosis-") as folder:
        outcome = train(job.seed, Ours(folder))
        return outcome, our_flags(folder)


def begin_worker() -> None:
    """One thread a process, and no chatter."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    import logging

    import torch

    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
