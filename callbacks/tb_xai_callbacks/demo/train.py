# SPDX-License-Identifier: Apache-2.0
"""Trains the demo's two runs: one healthy, one whose learning rate explodes in the middle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional

from tb_xai_callbacks.demo.network import DigitsNet, batches, digits
from tb_xai_callbacks.torch import watch

STEPS = 400
LEARNING_RATE = 2e-3
#: From this step on the sick run's learning rate doubles at every step, as if a learning-rate finder had
#: been left switched on, and is back to normal `RUNAWAY_STEPS` later. Too late for its first ReLU.
RUNAWAY_STEP = 200
RUNAWAY_STEPS = 10


def learning_rate(step: int, sick: bool) -> float:
    """The learning rate at `step`: constant, but for the runaway of the sick run."""
    doublings = step - RUNAWAY_STEP + 1
    return LEARNING_RATE * (2.0**doublings if sick and 0 < doublings <= RUNAWAY_STEPS else 1.0)


def train(log_dir: Path, sick: bool, on_step: Callable[[], None], steps: int = STEPS) -> float:
    """Train one run into `log_dir` and return its accuracy on the validation digits."""
    torch.manual_seed(0)
    train_x, train_y, probe_x, probe_y = digits()
    model = DigitsNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, betas=(0.0, 0.99))
    stream = batches(train_x, train_y, size=64, seed=0)
    names = [f"digit {d}" for d in range(10)]
    with watch(
        model,
        optimizer,
        log_dir=log_dir,
        probe=(probe_x, probe_y),
        class_names=names,
        target_layers=["relu1", "relu2"],
        log_every_n_steps=5,
        max_overhead=None,
    ) as explain:
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, sick)
            images, labels = next(stream)
            loss = functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            explain.step(loss=loss)
            on_step()
    with torch.no_grad():
        return float((model(probe_x).argmax(1) == probe_y).float().mean())
