# SPDX-License-Identifier: Apache-2.0
"""A small training that the examples of extensions are tried on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tb_xai_callbacks.torch import watch


def network() -> nn.Sequential:
    """Pictures [n 1 8 8] → logits [n 3]."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 3),
    )  # fmt: skip


def pictures(n: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise with a bright column; the class is its third of the picture."""
    labels = torch.arange(n) % 3
    images = torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.3
    for image, label in zip(images, labels.tolist(), strict=True):
        image[0, :, 1 + 2 * label] += 1
    return images, labels


def train(log_dir: Path, steps: int = 12, **options: Any) -> nn.Module:
    """Train and watch; the trained model."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    images, labels = pictures()
    settings = {"max_overhead": None, "log_every_n_steps": 2, "explain_every_n_steps": 4, **options}
    with watch(model, optimizer, log_dir=log_dir, probe=(images[:9], labels[:9]), **settings) as explain:
        for _ in range(steps):
            loss = functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            explain.step(loss=loss)
    return model
