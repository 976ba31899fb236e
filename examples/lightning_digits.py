# SPDX-License-Identifier: Apache-2.0
"""Watch a Lightning run without configuration. Run it, then `tensorboard --logdir runs`."""

import sys

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_xai_callbacks.lightning import ExplainCallback


class Digits(LightningModule):
    """One convolution and a linear classifier."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Linear(16 * 16, 10)

    def forward(self, images):
        return self.head(self.features(images).flatten(1))

    def training_step(self, batch, _):
        images, labels = batch
        return nn.functional.cross_entropy(self(images), labels)

    def validation_step(self, batch, _):
        images, labels = batch
        self.log("accuracy", (self(images).argmax(1) == labels).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=5e-3)


log_dir = sys.argv[1] if len(sys.argv) > 1 else "runs/lightning"
torch.manual_seed(0)
digits = load_digits()
data = TensorDataset(
    torch.tensor(digits.images / 16, dtype=torch.float32)[:, None], torch.tensor(digits.target)
)
train, validation = torch.utils.data.random_split(data, [0.8, 0.2])
trainer = Trainer(
    max_epochs=2,
    logger=TensorBoardLogger(log_dir, name="", version=""),
    callbacks=[ExplainCallback()],
    accelerator="cpu",
    enable_progress_bar=False,
)
trainer.fit(Digits(), DataLoader(train, batch_size=64, shuffle=True), DataLoader(validation, batch_size=64))
