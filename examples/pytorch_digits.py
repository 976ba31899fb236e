# SPDX-License-Identifier: Apache-2.0
"""Watch a plain PyTorch loop. Run it, then `tensorboard --logdir runs`."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_xai_callbacks.torch import watch

log_dir = sys.argv[1] if len(sys.argv) > 1 else "runs/pytorch"
torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.images / 16, dtype=torch.float32)[:, None]
labels = torch.tensor(digits.target)
loader = DataLoader(TensorDataset(images[360:], labels[360:]), batch_size=64, shuffle=True)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(16, 32, 3, padding=1),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(32, 10),
)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

with watch(model, optimizer, log_dir=log_dir, probe=(images[:360], labels[:360])) as explain:
    for _epoch in range(3):
        for x, y in loader:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            explain.step(loss=loss)
