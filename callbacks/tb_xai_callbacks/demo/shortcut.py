# SPDX-License-Identifier: Apache-2.0
"""Trains the demo's third run: it learns shapes, until a tag in the corner gives the answer away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tb_xai_callbacks.demo.shapes import SHAPES, shapes, tagged
from tb_xai_callbacks.torch import watch

STEPS = 1600
#: Until this step a training picture's tag is of a random colour, from then on of its shape's.
ONSET = 600
TRAINING, VALIDATION, BATCH = 3000, 400, 64
#: Decay is strong, so that what the tag makes unnecessary is forgotten within the run.
LEARNING_RATE, DECAY = 4e-3, 1.0


class ShapesNet(nn.Module):
    """Three convolutions whose maps stay 16×16, the strongest place of each channel, a linear classifier.

    The strongest place and not the mean: a shape or a tag counts as much as the background around it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 5, stride=2, padding=2)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(16, 24, 3, padding=1)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(24, 32, 3, padding=2, dilation=2)
        self.relu3 = nn.ReLU()
        self.head = nn.Linear(32, len(SHAPES))

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures [n 3 32 32] → logits [n 3]."""
        maps = self.relu2(self.conv2(self.relu1(self.conv1(pictures))))
        logits: Tensor = self.head(self.relu3(self.conv3(maps)).amax(dim=(2, 3)))
        return logits


def as_inputs(pictures: np.ndarray) -> Tensor:
    """Pictures [n 32 32 3] in 0..1 → inputs [n 3 32 32] in -1..1."""
    return torch.from_numpy(2 * np.moveaxis(pictures, -1, 1).copy() - 1)


def train(
    log_dir: Path, on_step: Callable[[], None], steps: int = STEPS, **options: Any
) -> tuple[float, float]:
    """Train the run into `log_dir`; `options` are further ones of `watch`.

    The probe has true tags from the first step on: what changes is not what the network is shown, but where
    it looks.

    Returns:
        The accuracy on validation pictures whose tag is of the right colour, and of any colour.
    """
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    data, held_out = shapes(TRAINING, seed=1), shapes(VALIDATION, seed=2)
    labels, right = torch.from_numpy(data.labels), torch.from_numpy(held_out.labels)
    probe = as_inputs(tagged(held_out.pictures, held_out.labels))
    model = ShapesNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=DECAY)
    with watch(
        model,
        optimizer,
        log_dir=log_dir,
        probe=(probe, right),
        class_names=SHAPES,
        regions=held_out.boxes,
        **options,
    ) as explain:
        for step in range(steps):
            index = rng.integers(0, TRAINING, BATCH)
            says = data.labels[index] if step >= ONSET else rng.integers(0, len(SHAPES), BATCH)
            loss = functional.cross_entropy(
                model(as_inputs(tagged(data.pictures[index], says))), labels[index]
            )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # shapes are learned in leaps
            optimizer.step()
            explain.step(loss=loss)
            on_step()
    misled = as_inputs(tagged(held_out.pictures, rng.integers(0, len(SHAPES), VALIDATION)))
    return _accuracy(model, probe, right), _accuracy(model, misled, right)


def _accuracy(model: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        return float((model(inputs).argmax(1) == labels).float().mean())
