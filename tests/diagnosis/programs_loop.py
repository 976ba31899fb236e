# SPDX-License-Identifier: Apache-2.0
"""The training loop that all PyTorch programs share, and what a program is.

The loop is what a user would write: it knows nothing of faults. Who watches is handed in, so that the
recorder, the competitors' rules and nobody can run on the same programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from outcomes import Outcome
from torch import Tensor, nn


@dataclass(frozen=True)
class Data:
    """Training and validation samples: inputs [n, …] and targets [n] or [n, …]."""

    train_x: Tensor
    train_y: Tensor
    val_x: Tensor
    val_y: Tensor


@dataclass
class Task:
    """How good outputs are: `score` (outputs, targets); `base_loss` (targets) is the best constant's loss."""

    name: str
    score: Callable[[Tensor, Tensor], float]
    base_loss: Callable[[Tensor], float]


def zero_backward_step(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    """The three lines of every training loop."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@dataclass
class Script:
    """One training script before it runs. `loss` takes (outputs, targets) of a batch."""

    data: Data
    task: Task
    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Callable[[Tensor, Tensor], Tensor]
    steps: int = 400
    batch_size: int = 32
    update: Callable[[Tensor, torch.optim.Optimizer], None] = zero_backward_step
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None
    has_labels: bool = True

    @property
    def probe(self) -> Any:
        """What the user gives to `watch`: the validation data."""
        return (self.data.val_x, self.data.val_y) if self.has_labels else self.data.val_x


class Monitor(Protocol):
    """Somebody who watches a program: both methods are handed a script just before training."""

    def on_torch(self, script: Script) -> AbstractContextManager[Any]:
        """A context manager whose value has `step(loss=…)`."""

    def on_keras(self, script: Any) -> list[Any]:
        """Callbacks for `fit`."""


@dataclass(frozen=True)
class Program:
    """A training program of the development set.

    Args:
        name: unique.
        kind: "healthy" or "faulty".
        train: runs it with a seed and a monitor.
        fault: one sentence, "" if healthy.
        expected: rules that are right to fire.
        causes: those of `expected` that name the cause, not a symptom; () if no rule can.
        reference: the healthy program that a faulty one is compared with.
        good_score: accuracy or R² that a healthy one must reach.
        framework: "torch" or "keras".
    """

    name: str
    kind: str
    train: Callable[[int, Monitor], Outcome]
    fault: str = ""
    expected: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    reference: str = ""
    good_score: float = float("nan")
    framework: str = "torch"


Builder = Callable[[int], Script]


def healthy(name: str, good_score: float, build: Builder) -> Program:
    """A program that trains well."""
    return Program(name, "healthy", lambda seed, monitor: run(build, seed, monitor), good_score=good_score)


def faulty(
    name: str,
    reference: str,
    fault: str,
    causes: str,
    symptoms: str,
    build: Builder,
    framework: str = "torch",
) -> Program:
    """A program with one fault; `causes` and `symptoms` are rule names with blanks between."""
    found = tuple(causes.split())
    return Program(
        name,
        "faulty",
        lambda seed, monitor: run(build, seed, monitor),
        fault=fault,
        expected=tuple(dict.fromkeys([*found, *symptoms.split()])),
        causes=found,
        reference=reference,
        framework=framework,
    )


def batches(data: Data, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled batches without end; what does not fill a batch is left out of the epoch."""
    generator = torch.Generator().manual_seed(seed)
    count = len(data.train_x)
    while True:
        order = torch.randperm(count, generator=generator)
        for start in range(0, count - size + 1, size):
            chosen = order[start : start + size]
            yield data.train_x[chosen], data.train_y[chosen]


def run(build: Builder, seed: int, monitor: Monitor) -> Outcome:
    """Build the script under `seed`, train it while `monitor` watches, say how it ended."""
    torch.manual_seed(seed)
    script = build(seed)
    losses = train(script, seed, monitor)
    task, data = script.task, script.data
    score = evaluate(script.model, data.val_x, data.val_y, task.score)
    return Outcome(tuple(losses), task.base_loss(data.train_y), score, task.name)


def train(script: Script, seed: int, monitor: Monitor) -> list[float]:
    """The loop; returns the loss of every step."""
    model, optimizer, criterion = script.model, script.optimizer, script.loss
    stream = batches(script.data, script.batch_size, seed)
    losses = []
    model.train()
    with monitor.on_torch(script) as explain:
        for _ in range(script.steps):
            inputs, targets = next(stream)
            loss = criterion(model(inputs), targets)
            script.update(loss, optimizer)
            if script.scheduler is not None:
                script.scheduler.step()
            explain.step(loss=loss)
            losses.append(loss.item())
    return losses


@torch.no_grad()
def evaluate(
    model: nn.Module, inputs: Tensor, targets: Tensor, score: Callable[[Tensor, Tensor], float]
) -> float:
    """The score on validation data in eval mode; NaN if an output is not finite."""
    model.eval()
    outputs = model(inputs)
    return score(outputs, targets) if bool(torch.isfinite(outputs).all()) else float("nan")
