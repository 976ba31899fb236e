# SPDX-License-Identifier: Apache-2.0
"""Data and tasks of the programs: scikit-learn's bundled sets and generated ones, split by the seed."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from programs_loop import Data, Task
from sklearn.datasets import load_diabetes, load_digits
from torch import Tensor


def split(inputs: Any, targets: Any, seed: int, share: float = 0.8) -> Data:
    """Shuffled by `seed`; the first `share` of the samples is for training."""
    order = np.random.default_rng(seed).permutation(len(inputs))
    count = int(share * len(order))
    xs, ys = torch.as_tensor(inputs)[order], torch.as_tensor(targets)[order]
    return Data(xs[:count], ys[:count], xs[count:], ys[count:])


def standard(values: np.ndarray) -> np.ndarray:
    """Mean 0 and deviation 1 per column."""
    return ((values - values.mean(0)) / values.std(0)).astype(np.float32)


@cache
def _diabetes() -> tuple[np.ndarray, np.ndarray]:
    return load_diabetes(return_X_y=True, scaled=False)


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    return load_digits(return_X_y=True)


def diabetes(seed: int, scaled_inputs: bool = True, scaled_targets: bool = True) -> Data:
    """442 patients: inputs [n, 10], targets [n, 1]; unscaled, inputs go up to 300 and targets to 346."""
    inputs, targets = _diabetes()
    xs = standard(inputs) if scaled_inputs else inputs.astype(np.float32)
    ys = standard(targets[:, None]) if scaled_targets else targets[:, None].astype(np.float32)
    return split(xs, ys, seed)


def digits(seed: int, shape: tuple[int, ...] = (1, 8, 8), scale: float = 1 / 16) -> Data:
    """1797 digits: inputs [n, *shape] in 0..1 (pixels are 0..16), targets [n] in 0..9."""
    inputs, targets = _digits()
    return split((inputs * scale).astype(np.float32).reshape(-1, *shape), targets.astype(np.int64), seed)


def shuffled(data: Data, seed: int) -> Data:
    """The targets of other samples, in both parts: the file was sorted on one side only."""
    generator = torch.Generator().manual_seed(seed)
    train = torch.randperm(len(data.train_y), generator=generator)
    val = torch.randperm(len(data.val_y), generator=generator)
    return Data(data.train_x, data.train_y[train], data.val_x, data.val_y[val])


def with_targets(data: Data, targets: Any) -> Data:
    """`targets` applied to the targets of both parts."""
    return Data(data.train_x, targets(data.train_y), data.val_x, targets(data.val_y))


def with_inputs(data: Data, inputs: Any) -> Data:
    """`inputs` applied to the inputs of both parts."""
    return Data(inputs(data.train_x), data.train_y, inputs(data.val_x), data.val_y)


def rare(data: Data, keep: int, classes: int = 10) -> Data:
    """Training digits of which all but class 0 keep only `keep` samples each; validation stays as it is."""
    chosen = [torch.nonzero(data.train_y == c).flatten()[: None if c == 0 else keep] for c in range(classes)]
    rows = torch.cat(chosen)
    return Data(data.train_x[rows], data.train_y[rows], data.val_x, data.val_y)


def few(data: Data, count: int) -> Data:
    """Only the first `count` training samples."""
    return Data(data.train_x[:count], data.train_y[:count], data.val_x, data.val_y)


def ones_or_zeros(seed: int) -> Data:
    """P1 of RULES §5: rows [128] of ones (target 1) or zeros (target 0)."""
    targets = np.random.default_rng(seed).integers(0, 2, (1000, 1)).astype(np.float32)
    return split(np.repeat(targets, 128, axis=1), targets, seed)


def parabola(seed: int, scaled: bool = False) -> Data:
    """P2 of RULES §5: x in 0..5, y = 5 x² + N(0, 3)."""
    generator = np.random.default_rng(seed)
    x = generator.uniform(0, 5, (1000, 1))
    y = 5 * x**2 + generator.normal(0, 3, x.shape)
    return (
        split(standard(x), standard(y), seed)
        if scaled
        else split(*(v.astype(np.float32) for v in (x, y)), seed)
    )


def moons(seed: int, positive: float = 0.5, count: int = 2000) -> Data:
    """Two half moons, inputs [n, 2], targets [n, 1] in {0, 1}; `positive` is the share of ones."""
    generator = np.random.default_rng(seed)
    label = (generator.random(count) < positive).astype(np.float32)
    angle = generator.uniform(0, np.pi, count)
    x = np.where(label > 0, 1 - np.cos(angle), np.cos(angle))
    y = np.where(label > 0, 0.5 - np.sin(angle), np.sin(angle))
    points = np.stack([x, y], 1) + generator.normal(0, 0.1, (count, 2))
    return split(standard(points), label[:, None], seed)


def waves(seed: int, length: int = 24) -> Data:
    """Sines of two frequencies with noise: inputs [n, length, 1], targets [n] in {0, 1, 2}."""
    generator = np.random.default_rng(seed)
    label = generator.integers(0, 3, 1200)
    phase = generator.uniform(0, 2 * np.pi, (1200, 1))
    time = np.arange(length)[None] * (0.3 + 0.3 * label[:, None]) + phase
    series = np.sin(time) + generator.normal(0, 0.3, time.shape)
    return split(series[..., None].astype(np.float32), label, seed)


# ---- tasks


def accuracy(outputs: Tensor, targets: Tensor) -> float:
    """Share of samples whose largest output is that of the target (class index, or one-hot)."""
    labels = targets.argmax(1) if targets.ndim == 2 else targets
    return float((outputs.reshape(len(labels), -1).argmax(1) == labels).float().mean())


def r_squared(outputs: Tensor, targets: Tensor) -> float:
    """Explained share of the targets' variance."""
    error = (outputs.reshape(targets.shape) - targets).square().mean()
    return 1 - float(error / (targets - targets.mean(0)).square().mean())


def variance(targets: Tensor) -> float:
    """Mean squared error of the best constant."""
    return float((targets - targets.mean(0)).square().mean())


def label_entropy(targets: Tensor) -> float:
    """Cross-entropy in nats of the best constant distribution over classes."""
    labels = targets.argmax(1) if targets.ndim == 2 and targets.shape[1] > 1 else targets.flatten()
    shares = labels.unique(return_counts=True)[1] / len(labels)
    return float(-(shares * shares.log()).sum())


def balanced(threshold: float) -> Any:
    """Mean recall of both classes where outputs above `threshold` mean 1."""

    def score(outputs: Tensor, targets: Tensor) -> float:
        right = (outputs.reshape(-1) > threshold) == (targets.reshape(-1) > 0.5)
        positive = targets.reshape(-1) > 0.5
        return float(right[positive].float().mean() + right[~positive].float().mean()) / 2

    return score


REGRESSION = Task("R²", r_squared, variance)
CLASSES = Task("accuracy", accuracy, label_entropy)
BINARY_LOGIT = Task("accuracy", balanced(0.0), label_entropy)
BINARY_PROBABILITY = Task("accuracy", balanced(0.5), label_entropy)
