# SPDX-License-Identifier: Apache-2.0
"""What the default settings cost over a whole run, start and end of the recorder included.

A machine that others use as well is 10 % faster or slower from one minute to the next, which is more than
what is to be measured. So a bare run and a watched one take turns within one process, a second at a time, and
the recorder's own clock stands still while the bare one has its turn: it plans as if it were alone.
"""

from __future__ import annotations

import functools
import logging
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

from benchmarks.interleave import Figure, quartiles
from benchmarks.nets import Task, Trainer

DEFAULT_BAR, CUDA_DEFAULT_BAR = 1.03, 1.01
#: Steps of a run, half a minute to two minutes of the larger ones; and of a turn, about a second.
RUNS = {"digits CNN": (5000, 250), "transformer": (300, 10), "ResNet-18": (150, 2)}


class Stopwatch:
    """`time.perf_counter` that can be stopped."""

    def __init__(self) -> None:
        self.stood = 0.0

    def __call__(self) -> float:
        """Seconds, less those for which it stood."""
        return time.perf_counter() - self.stood

    def stand(self, seconds: float) -> None:
        """Take back that much."""
        self.stood += seconds


def settle(explain: Any) -> None:
    """Wait until everything that a `Watch` has queued is written; nothing is before its first step."""
    recorder = explain._session._recorder
    if recorder is not None:
        recorder._writer.flush()


def _timed(work: Callable[[], object]) -> float:
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def _turns(task: Task, steps: int, turn: int, answer: Any) -> None:
    """(bare seconds, watched seconds) of a whole run each, in a fresh process."""
    logging.getLogger("tb_xai_callbacks").setLevel(logging.ERROR)
    from tb_xai_callbacks.run.budget import Budget
    from tb_xai_callbacks.torch import watch

    alone, watched = Trainer(task), Trainer(task)
    alone.step()
    watched.step()
    clock = Stopwatch()
    totals = [0.0, 0.0]

    def bare() -> None:
        for _ in range(turn):
            alone.step()

    def observed() -> None:
        for _ in range(turn):
            explain.step(loss=watched.step())
        settle(explain)

    # The recorder makes its pace with the first batch, so the patch stays until the end.
    ours = functools.partial(Budget, clock=clock)
    patched = mock.patch("tb_xai_callbacks.signals.ensemble.Budget", ours)
    with tempfile.TemporaryDirectory() as directory, patched:
        explain = watch(
            watched.model, watched.optimizer, log_dir=directory
        )  # 2 ms: it waits for the first batch
        for _ in range(steps // turn):
            seconds = _timed(bare)
            totals[0] += seconds
            clock.stand(seconds)
            totals[1] += _timed(observed)
        totals[1] += _timed(explain.close)
    answer.put(tuple(totals))


def default_settings(task: Task, rounds: int, steps: int = 0) -> Figure:
    """Whole runs of `steps` steps (0: as in `RUNS`) with the default settings as multiples of bare ones."""
    whole, turn = RUNS[task.name]
    steps = steps or whole
    context, found = multiprocessing.get_context("spawn"), []
    for _ in range(rounds):
        answer = context.Queue()
        process = context.Process(target=_turns, args=(task, steps, min(turn, steps), answer))
        process.start()
        bare, ours = answer.get(timeout=3600)
        process.join()
        found.append(ours / bare)
    middle, low, high = quartiles(found)
    bar = None
    if task.name == "ResNet-18":
        bar = DEFAULT_BAR if task.device == "cpu" else CUDA_DEFAULT_BAR
    name = f"{task.name}: this recorder, default settings, a run of {steps} steps"
    return Figure(name, middle, "×", low, high, bar)
