# SPDX-License-Identifier: Apache-2.0
"""The demo's data and network: scikit-learn's handwritten digits, convolutions, then attention."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn


class DigitsNet(nn.Module):
    """Two convolutions, one block of self-attention over 4×4 positions, a linear classifier."""

    def __init__(self, channels: int = 32, heads: int = 4, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.relu2 = nn.ReLU()
        self.pool = nn.MaxPool2d(2)  # a sixteenth of the attention maps: the log stays small
        self.norm = nn.LayerNorm(channels)
        self.attention = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.head = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images [n 1 8 8] → logits [n classes]."""
        maps = self.relu2(self.conv2(self.relu1(self.conv1(images))))
        tokens = self.pool(maps).flatten(2).transpose(1, 2)
        normed = self.norm(tokens)
        attended, _ = self.attention(normed, normed, normed, need_weights=False)
        logits: Tensor = self.head((tokens + attended).mean(dim=1))
        return logits


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training images [1437 1 8 8] in 0..1 and labels, then the 360 validation ones."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = torch.tensor(data.images / 16, dtype=torch.float32)[:, None]
    labels = torch.tensor(data.target)
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(labels)))
    split = len(labels) - 360
    return images[order[:split]], labels[order[:split]], images[order[split:]], labels[order[split:]]


def batches(images: Tensor, labels: Tensor, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled batches without end."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(images), generator=generator)
        for start in range(0, len(images) - size + 1, size):
            index = order[start : start + size]
            yield images[index], labels[index]
