# SPDX-License-Identifier: Apache-2.0
"""Trains the demo's runs on digits: one healthy, one in which a wrong learning rate kills a layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from tb_xai_callbacks.demo.network import DigitsNet, batches, digits
from tb_xai_callbacks.torch import watch

STEPS = 400
LEARNING_RATE = 0.02
#: From this step on, and for `FAULT_STEPS` steps, the sick run trains the second convolution's bias at
#: `FAULT_FACTOR` times the learning rate, as a parameter group that was given the wrong one would.
FAULT_STEP = 200
FAULT_STEPS = 20
FAULT_FACTOR = 1000.0


def bias_rate(step: int, sick: bool) -> float:
    """The learning rate of the second convolution's bias at `step`."""
    faulty = sick and FAULT_STEP <= step < FAULT_STEP + FAULT_STEPS
    return LEARNING_RATE * (FAULT_FACTOR if faulty else 1.0)


def make_optimizer(model: DigitsNet) -> torch.optim.Optimizer:
    """SGD with momentum; the second convolution's bias is a group of its own."""
    bias = model.conv2.bias
    rest = [parameter for parameter in model.parameters() if parameter is not bias]
    groups: list[dict[str, Any]] = [{"params": rest}, {"params": [bias]}]
    return torch.optim.SGD(groups, lr=LEARNING_RATE, momentum=0.9)


def train(log_dir: Path, sick: bool, on_step: Callable[[], None], steps: int, **options: Any) -> float:
    """Train one run into `log_dir` and return its accuracy on the validation digits.

    `options` are further ones of `watch`.
    """
    torch.manual_seed(0)
    train_x, train_y, probe_x, probe_y = digits()
    model = DigitsNet()
    optimizer = make_optimizer(model)
    stream = batches(train_x, train_y, size=64, seed=0)
    names = [f"digit {d}" for d in range(10)]
    with watch(
        model,
        optimizer,
        log_dir=log_dir,
        probe=(probe_x, probe_y),
        class_names=names,
        target_layers=["relu1", "relu2"],
        **options,
    ) as explain:
        for step in range(steps):
            optimizer.param_groups[1]["lr"] = bias_rate(step, sick)
            images, labels = next(stream)
            loss = functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            explain.step(loss=loss)
            on_step()
    with torch.no_grad():
        return float((model(probe_x).argmax(1) == probe_y).float().mean())
