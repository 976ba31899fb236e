# SPDX-License-Identifier: Apache-2.0
"""Networks that several programs share, written as users write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


def mlp(*sizes: int, activation: Callable[[], nn.Module] = nn.ReLU, dropout: float = 0.0) -> nn.Sequential:
    """Linear layers of these sizes with an activation (and dropout) between."""
    layers: list[nn.Module] = []
    for index, (before, after) in enumerate(pairwise(sizes)):
        if index:
            layers.append(activation())
            if dropout:
                layers.append(nn.Dropout(dropout))
        layers.append(nn.Linear(before, after))
    return nn.Sequential(*layers)


def norm_net() -> nn.Sequential:
    """A CNN with BatchNorm: [n, 1, 8, 8] → [n, 10]."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 10),
    )


class RowTransformer(nn.Module):
    """Two encoder layers over the eight rows of a digit: [n, 8, 8] → [n, 10]."""

    def __init__(self, width: int = 32, layers: int = 2, dropout: float = 0.1) -> None:
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.position = nn.Parameter(torch.randn(8, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, 10)

    def forward(self, rows: Tensor) -> Tensor:
        return self.head(self.encoder(self.embed(rows) + self.position).mean(1))


class RowRecurrent(nn.Module):
    """A recurrent layer (`nn.LSTM`, `nn.GRU`, `nn.RNN`) and a head on its last state: [n, t, d] → [n, c]."""

    def __init__(
        self, kind: Callable[..., nn.Module], inputs: int = 8, width: int = 64, classes: int = 10
    ) -> None:
        super().__init__()
        self.rnn = kind(inputs, width, batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, series: Tensor) -> Tensor:
        outputs, _ = self.rnn(series)
        return self.head(outputs[:, -1])


class Residual(nn.Module):
    """Four pre-norm residual blocks: [n, 64] → [n, 10]."""

    def __init__(self, width: int = 64, blocks: int = 4) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(blocks)
        )
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


def frozen(model: nn.Module, layers: Sequence[str]) -> nn.Module:
    """`model` with requires_grad False in the layers of these names."""
    for name, parameter in model.named_parameters():
        if any(name.startswith(f"{layer}.") for layer in layers):
            parameter.requires_grad_(False)
    return model


def filled(model: nn.Module, fill: Callable[[Tensor], object], biases: bool = False) -> nn.Module:
    """`model` after `fill` of every weight matrix, or every bias."""
    with torch.no_grad():
        for parameter in model.parameters():
            if (parameter.ndim == 1) is biases:
                fill(parameter)
    return model
