# SPDX-License-Identifier: Apache-2.0
"""The networks of the benchmarks: a small CNN, ResNet-18 (He et al. 2016) and a small transformer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


class DigitsNet(nn.Module):
    """Three convolutions for 8 × 8 digits [n 1 8 8]; 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.relu1 = nn.Conv2d(1, 16, 3, padding=1), nn.ReLU()
        self.conv2, self.relu2 = nn.Conv2d(16, 32, 3, padding=1), nn.ReLU()
        self.conv3, self.relu3 = nn.Conv2d(32, 32, 3, padding=1), nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [n 10]."""
        x = self.relu2(self.conv2(self.relu1(self.conv1(x))))
        return self.head(self.pool(self.relu3(self.conv3(x))).flatten(1))


class Block(nn.Module):
    """Two 3 × 3 convolutions and a shortcut."""

    def __init__(self, inside: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inside, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inside != out:
            self.shortcut = nn.Sequential(nn.Conv2d(inside, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        """[n c h w] -> [n out h/stride w/stride]."""
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(y + self.shortcut(x))


class ResNet18(nn.Module):
    """ResNet-18 for 32 × 32 pictures (3 × 3 stem, no pooling), or for 224 × 224 ones (`large`)."""

    def __init__(self, large: bool = False, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 7 if large else 3, 2 if large else 1, 3 if large else 1, bias=False)
        self.bn, self.relu = nn.BatchNorm2d(64), nn.ReLU()
        self.pool: nn.Module = nn.MaxPool2d(3, 2, 1) if large else nn.Identity()
        self.layer1 = nn.Sequential(Block(64, 64, 1), Block(64, 64, 1))
        self.layer2 = nn.Sequential(Block(64, 128, 2), Block(128, 128, 1))
        self.layer3 = nn.Sequential(Block(128, 256, 2), Block(256, 256, 1))
        self.layer4 = nn.Sequential(Block(256, 512, 2), Block(512, 512, 1))
        self.head = nn.Linear(512, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [n classes]."""
        x = self.pool(self.relu(self.bn(self.stem(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.head(x.mean((2, 3)))


class Transformer(nn.Module):
    """Four encoder layers of 128 features and 4 heads over 64 tokens [n 64]; 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(1000, 128)
        self.place = nn.Parameter(torch.randn(64, 128) * 0.02)
        layers = [
            nn.TransformerEncoderLayer(128, 4, 256, dropout=0.0, batch_first=True, norm_first=True)
            for _ in range(4)
        ]
        self.layers = nn.Sequential(*layers)
        self.norm, self.head = nn.LayerNorm(128), nn.Linear(128, 10)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits [n 10]."""
        return self.head(self.norm(self.layers(self.embedding(tokens) + self.place)).mean(1))


@dataclass(frozen=True)
class Task:
    """A network's maker and one batch for it."""

    name: str
    make: type[nn.Module]
    inputs: Tensor
    labels: Tensor
    device: str = "cpu"

    def trainer(self) -> Trainer:
        """A fresh network and its loop; the same weights every time."""
        return Trainer(self)


class Trainer:
    """A plain loop: cross-entropy, SGD with momentum."""

    def __init__(self, task: Task) -> None:
        torch.manual_seed(0)
        self.inputs, self.labels = task.inputs.to(task.device), task.labels.to(task.device)
        self.model = task.make().to(task.device).train()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)

    def step(self) -> Tensor:
        """One optimiser step; the loss."""
        self.optimizer.zero_grad()
        loss = functional.cross_entropy(self.model(self.inputs), self.labels)
        loss.backward()
        self.optimizer.step()
        return loss


def ladder(device: str = "cpu") -> list[Task]:
    """The networks from small to large, with generated batches of 32."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 10, (32,), generator=generator)
    tokens = torch.randint(0, 1000, (32, 64), generator=generator)
    return [
        Task("digits CNN", DigitsNet, torch.randn(32, 1, 8, 8, generator=generator), labels, device),
        Task("transformer", Transformer, tokens, labels, device),
        Task("ResNet-18", ResNet18, torch.randn(32, 3, 32, 32, generator=generator), labels, device),
    ]
