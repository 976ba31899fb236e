# SPDX-License-Identifier: Apache-2.0
"""Programs without a fault beyond the families R and C: what users do, some of it unusual, all of it fine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from programs_data import (
    BINARY_LOGIT,
    BINARY_PROBABILITY,
    CLASSES,
    REGRESSION,
    diabetes,
    digits,
    moons,
    ones_or_zeros,
    parabola,
    waves,
)
from programs_digits import ConvNet
from programs_loop import Data, Program, Script, Task, healthy
from programs_nets import Residual, RowRecurrent, RowTransformer, frozen, mlp, norm_net
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR

flat_digits = partial(digits, shape=(64,))
row_digits = partial(digits, shape=(8, 8))
adam = partial(Adam, lr=1e-3)
digit_mlp = partial(mlp, 64, 128, 64, 10)


def script(
    seed: int,
    data: Callable[[int], Data] = flat_digits,
    model: Callable[[], nn.Module] = digit_mlp,
    optimizer: Callable[..., torch.optim.Optimizer] = adam,
    loss: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
    task: Task = CLASSES,
    schedule: Callable[[torch.optim.Optimizer], Any] | None = None,
    **settings: Any,
) -> Script:
    """A script of these parts; `settings` are `steps`, `batch_size` and `update`."""
    net = model()
    chosen = optimizer([p for p in net.parameters() if p.requires_grad])
    scheduler = schedule(chosen) if schedule else None
    return Script(data(seed), task, net, chosen, loss, scheduler=scheduler, **settings)


def autoencoder(seed: int) -> Script:
    """Digits through 8 numbers and back, without labels."""
    data = flat_digits(seed)
    pairs = Data(data.train_x, data.train_x, data.val_x, data.val_x)
    made = script(
        seed,
        lambda _: pairs,
        partial(mlp, 64, 48, 16, 48, 64),
        partial(Adam, lr=3e-3),
        functional.mse_loss,
        REGRESSION,
    )
    made.has_labels = False
    return made


def warm_up(optimizer: torch.optim.Optimizer) -> LambdaLR:
    return LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 100))


def _three_optimizers(
    name: str, sgd: float, momentum: float, adam: float, good: float, **parts: Any
) -> tuple[Program, ...]:
    """The same network under SGD, momentum and Adam at a sensible rate each."""
    return (
        healthy(f"{name} sgd", good, partial(script, optimizer=partial(SGD, lr=sgd), **parts)),
        healthy(
            f"{name} momentum",
            good,
            partial(script, optimizer=partial(SGD, lr=momentum, momentum=0.9), **parts),
        ),
        healthy(f"{name} adam", good, partial(script, optimizer=partial(Adam, lr=adam), **parts)),
    )


HEALTHY_PROGRAMS = (
    *_three_optimizers("mlp", 0.1, 0.03, 1e-3, 0.85),
    *_three_optimizers("batchnorm cnn", 0.1, 0.01, 1e-3, 0.85, data=digits, model=norm_net),
    *_three_optimizers("transformer", 0.1, 0.02, 1e-3, 0.8, data=row_digits, model=RowTransformer, steps=600),
    healthy(
        "p1 sigmoid",
        0.95,
        partial(
            script,
            data=ones_or_zeros,
            task=BINARY_PROBABILITY,
            loss=functional.binary_cross_entropy,
            optimizer=partial(torch.optim.RMSprop, lr=1e-3),
            model=lambda: nn.Sequential(mlp(128, 50, 50, 1, dropout=0.2), nn.Sigmoid()),
        ),
    ),
    healthy(
        "p2 scaled",
        0.9,
        partial(
            script,
            data=partial(parabola, scaled=True),
            task=REGRESSION,
            loss=functional.mse_loss,
            optimizer=partial(SGD, lr=0.05),
            model=partial(mlp, 1, 50, 30, 1),
        ),
    ),
    healthy(
        "label smoothing", 0.9, partial(script, loss=partial(functional.cross_entropy, label_smoothing=0.1))
    ),
    healthy("dropout half", 0.85, partial(script, model=partial(mlp, 64, 256, 128, 10, dropout=0.5))),
    healthy("gelu", 0.85, partial(script, model=partial(digit_mlp, activation=nn.GELU))),
    healthy("tanh", 0.85, partial(script, model=partial(digit_mlp, activation=nn.Tanh))),
    healthy("weight decay", 0.85, partial(script, optimizer=partial(AdamW, lr=1e-3, weight_decay=1e-4))),
    healthy(
        "warm-up",
        0.8,
        partial(
            script, data=row_digits, model=RowTransformer, optimizer=partial(AdamW, lr=2e-3), schedule=warm_up
        ),
    ),
    healthy(
        "cosine",
        0.85,
        partial(
            script, optimizer=partial(SGD, lr=0.1, momentum=0.9), schedule=lambda o: CosineAnnealingLR(o, 400)
        ),
    ),
    healthy(
        "one cycle",
        0.85,
        partial(
            script,
            data=digits,
            model=norm_net,
            optimizer=partial(SGD, lr=0.1, momentum=0.9),
            schedule=lambda o: OneCycleLR(o, 0.3, total_steps=400),
        ),
    ),
    healthy(
        "batchnorm high lr", 0.9, partial(script, data=digits, model=norm_net, optimizer=partial(SGD, lr=0.5))
    ),
    healthy(
        "frozen trunk",
        0.85,
        partial(
            script,
            data=digits,
            model=lambda: frozen(ConvNet(), ("conv1", "conv2")),
            optimizer=partial(Adam, lr=1e-3),
        ),
    ),
    healthy("small batch", 0.85, partial(script, batch_size=8, steps=600)),
    healthy(
        "large batch", 0.85, partial(script, batch_size=256, optimizer=partial(Adam, lr=3e-3), steps=200)
    ),
    healthy(
        "binary logit",
        0.9,
        partial(
            script,
            data=moons,
            task=BINARY_LOGIT,
            model=partial(mlp, 2, 32, 32, 1),
            optimizer=partial(Adam, lr=3e-3),
            loss=nn.BCEWithLogitsLoss(),
        ),
    ),
    healthy(
        "rare positives",
        0.9,
        partial(
            script,
            data=partial(moons, positive=0.1),
            task=BINARY_LOGIT,
            model=partial(mlp, 2, 32, 32, 1),
            optimizer=partial(Adam, lr=3e-3),
            loss=nn.BCEWithLogitsLoss(pos_weight=torch.tensor([9.0])),
        ),
    ),
    healthy(
        "huber",
        0.2,
        partial(
            script,
            data=diabetes,
            task=REGRESSION,
            model=partial(mlp, 10, 64, 64, 1),
            loss=nn.HuberLoss(),
            steps=300,
        ),
    ),
    healthy(
        "linear",
        0.3,
        partial(
            script,
            data=diabetes,
            task=REGRESSION,
            model=partial(nn.Linear, 10, 1),
            loss=functional.mse_loss,
            optimizer=partial(SGD, lr=0.02),
            steps=300,
        ),
    ),
    healthy(
        "lstm rows",
        0.8,
        partial(
            script, data=row_digits, model=partial(RowRecurrent, nn.LSTM), optimizer=partial(Adam, lr=3e-3)
        ),
    ),
    healthy(
        "gru waves",
        0.85,
        partial(
            script,
            data=waves,
            model=partial(RowRecurrent, nn.GRU, 1, 32, 3),
            optimizer=partial(Adam, lr=5e-3),
            steps=300,
        ),
    ),
    healthy("residual", 0.9, partial(script, model=Residual, optimizer=partial(AdamW, lr=1e-3))),
    healthy("autoencoder", 0.45, autoencoder),
    healthy(
        "mnist style",
        0.8,
        partial(
            script,
            model=lambda: nn.Sequential(mlp(64, 64, 10), nn.LogSoftmax(dim=1)),
            loss=functional.nll_loss,
        ),
    ),
    healthy(
        "clipped",
        0.8,
        partial(
            script,
            data=row_digits,
            model=partial(RowRecurrent, nn.LSTM),
            optimizer=partial(SGD, lr=0.3, momentum=0.9),
            update=lambda loss, optimizer: clipped(loss, optimizer),
        ),
    ),
)


def clipped(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    """Gradient norm clipped at 1."""
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], 1.0)
    optimizer.step()
