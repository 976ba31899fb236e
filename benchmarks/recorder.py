# SPDX-License-Identifier: Apache-2.0
"""What observing a training step costs: ours, and what others log of the same step.

Every contestant trains its own copy of the same network on the same batch; blocks of steps are taken in
turn, and what a contestant still has to write when its block is over counts as its own. The default settings
are measured over whole runs instead (`whole_runs`), since their cost is one of the schedule's.
"""

from __future__ import annotations

import logging
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.interleave import Figure, Section, interleaved, missing, quartiles, ratio
from benchmarks.nets import Task, Trainer, ladder
from benchmarks.whole_runs import default_settings, settle

EVERYTHING = ("activations", "gradients", "weights")
#: On CUDA the recorder's kernels hide behind the training's.
EVERY_STEP_BAR, CUDA_EVERY_STEP_BAR = 1.15, 1.05
#: Steps of a block, so that one takes some tenths of a second.
BLOCKS = {"digits CNN": 50, "transformer": 4, "ResNet-18": 1}
#: Check-ups of the outputs are rare after these steps, so that what is timed is a step.
SETTLED = 40


class Contestant(ABC):
    """A training loop with somebody watching."""

    name: str

    def __init__(self, task: Task, directory: str) -> None:
        self.task, self.trainer = task, Trainer(task)
        self.directory = directory

    @abstractmethod
    def step(self) -> None:
        """One optimiser step and everything that is logged of it."""

    def settle(self) -> None:  # noqa: B027 — most are done when their step is
        """Wait for what is still being written."""

    def block(self) -> None:
        """Some steps, and all that is to be done for them."""
        for _ in range(BLOCKS[self.task.name]):
            self.step()
        self.settle()

    def close(self) -> None:  # noqa: B027 — most have nothing left
        """Write what is left."""


class Bare(Contestant):
    """Nobody is watching."""

    name = "bare loop"

    def step(self) -> None:
        self.trainer.step()


class Ours(Contestant):
    """Activations, gradients and weights of every layer, histograms and unit counts, at every step."""

    name = "this recorder, everything, every step"

    def __init__(self, task: Task, directory: str) -> None:
        super().__init__(task, directory)
        from tb_xai_callbacks.torch import watch

        self.watch = watch(
            self.trainer.model,
            self.trainer.optimizer,
            log_dir=directory,
            signals=EVERYTHING,
            log_every_n_steps=1,
            max_overhead=None,
        )
        for _ in range(SETTLED if task.name != "ResNet-18" else 12):
            self.step()

    def step(self) -> None:
        self.watch.step(loss=self.trainer.step())

    def settle(self) -> None:
        settle(self.watch)

    def close(self) -> None:
        self.watch.close()


class AddHistogram(Contestant):
    """`SummaryWriter.add_histogram` of all leaf modules' outputs and all parameters' gradients."""

    name = "SummaryWriter.add_histogram"

    def __init__(self, task: Task, directory: str) -> None:
        super().__init__(task, directory)
        from torch.utils.tensorboard import SummaryWriter

        self.writer, self.number = SummaryWriter(directory), 0
        for name, module in self.trainer.model.named_modules():
            if not list(module.children()):
                module.register_forward_hook(self._hook(name))

    def _hook(self, name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                self.writer.add_histogram(f"activation/{name}", output.detach(), self.number)

        return hook

    def step(self) -> None:
        self.trainer.step()
        for name, parameter in self.trainer.model.named_parameters():
            if parameter.grad is not None:
                self.writer.add_histogram(f"gradient/{name}", parameter.grad, self.number)
        self.number += 1

    def close(self) -> None:
        self.writer.close()


class Wandb(Contestant):
    """`wandb.watch(log="all", log_freq=1)` offline: gradients and parameters, no activations."""

    name = 'wandb.watch(log="all"), no activations'

    def __init__(self, task: Task, directory: str) -> None:
        super().__init__(task, directory)
        os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DIR=directory)
        import wandb

        self.run = wandb.init(project="bench", dir=directory)
        self.run.watch(self.trainer.model, log="all", log_freq=1)

    def step(self) -> None:
        self.run.log({"loss": float(self.trainer.step().detach())})

    def close(self) -> None:
        self.run.finish()


PEERS: tuple[type[Contestant], ...] = (AddHistogram, Wandb)


@contextmanager
def quiet() -> Iterator[None]:
    """Without the recorder's notices."""
    logger = logging.getLogger("tb_xai_callbacks")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def every_step(task: Task, rounds: int) -> list[Figure]:
    """The contestants' steps as multiples of the bare one's."""
    figures: list[Figure] = []
    with ExitStack() as stack:
        stack.enter_context(quiet())
        contestants: list[Contestant] = []
        for kind in (Bare, Ours, *PEERS):
            directory = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            try:
                contestants.append(kind(task, directory))
            except ImportError as error:
                figures.append(missing(f"{task.name}: {kind.name}", f"not installed: {error}"))
                continue
            stack.callback(contestants[-1].close)
        times = interleaved({one.name: one.block for one in contestants}, rounds)
    bar = EVERY_STEP_BAR if task.device == "cpu" else CUDA_EVERY_STEP_BAR
    for one in contestants[1:]:
        cpu = ratio(times.cpu, one.name, Bare.name)[0]
        judged = bar if isinstance(one, Ours) and task.name == "ResNet-18" else None
        middle, low, high = ratio(times.wall, one.name, Bare.name)
        note = f"processor time {cpu:.2f} ×"
        figures.append(Figure(f"{task.name}: {one.name}", middle, "×", low, high, judged, note))
    bare = quartiles(times.wall[Bare.name])[0] / BLOCKS[task.name]
    return [Figure(f"{task.name}: a bare step", bare * 1e3, "ms"), *figures]


def no_synchronisation(task: Task) -> Figure:
    """Whether a step that is observed waits for the device: torch raises if it does."""
    with quiet(), tempfile.TemporaryDirectory() as directory:
        ours = Ours(task, directory)
        torch.cuda.set_sync_debug_mode("error")
        try:
            ours.step()
            waits = 0.0
        except RuntimeError:
            waits = 1.0
        finally:
            torch.cuda.set_sync_debug_mode("default")
            ours.close()
    return Figure(f"{task.name}: calls in a step that wait for the device", waits, "", bar=0.0)


def run(quick: bool = False) -> list[Section]:
    """All networks, on the CPU and on CUDA where there is one."""
    sections = []
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        section = Section(
            f"A training step that is observed ({device}, {torch.get_num_threads()} threads)",
            "Wall time of a step and its writing as a multiple of the bare step of the round; batch 32, SGD.",
        )
        for task in ladder(device)[:1] if quick else ladder(device):
            section.figures += every_step(task, 3 if quick else 16)
            section.figures.append(default_settings(task, 1 if quick else 3, 50 if quick else 0))
            if device == "cuda":
                section.figures.append(no_synchronisation(task))
        sections.append(section)
    return sections
