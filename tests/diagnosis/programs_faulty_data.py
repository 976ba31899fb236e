# SPDX-License-Identifier: Apache-2.0
"""Faults of the data that users post about, beyond the families R and C."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from programs_data import (
    BINARY_LOGIT,
    BINARY_PROBABILITY,
    REGRESSION,
    diabetes,
    digits,
    few,
    moons,
    parabola,
    shuffled,
    with_inputs,
    with_targets,
)
from programs_digits import DIVERGED, ConvNet
from programs_faulty_training import SLOW, STUCK
from programs_healthy import digit_mlp, flat_digits, row_digits, script
from programs_loop import Data, Program, faulty
from programs_nets import RowTransformer, mlp, norm_net
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD, Adam

pixels = partial(digits, shape=(64,), scale=255 / 16)
pixel_images = partial(digits, scale=255 / 16)


def forty(seed: int) -> Data:
    return few(diabetes(seed), 40)


def noisy(seed: int) -> Data:
    """Forty per cent of the labels are wrong, in a small training set."""
    data = few(flat_digits(seed), 300)
    generator = torch.Generator().manual_seed(seed)
    wrong = torch.rand(300, generator=generator) < 0.4
    labels = torch.where(wrong, torch.randint(0, 10, (300,), generator=generator), data.train_y)
    return Data(data.train_x, labels, data.val_x, data.val_y)


def one_missing(seed: int) -> Data:
    """A value of one sample is NaN."""

    def damage(inputs: Tensor) -> Tensor:
        inputs = inputs.clone()
        inputs[5, 3] = float("nan")
        return inputs

    data = flat_digits(seed)
    return Data(damage(data.train_x), data.train_y, data.val_x, data.val_y)


def one_outlier(seed: int) -> Data:
    """One target was typed with six zeros too many."""
    data = diabetes(seed)
    targets = data.train_y.clone()
    targets[7] = 1e6
    return Data(data.train_x, targets, data.val_x, data.val_y)


def big_feature(seed: int) -> Data:
    """One column is in other units, ten thousand times the others."""
    factors = torch.ones(10)
    factors[4] = 1e4
    return with_inputs(diabetes(seed), lambda inputs: inputs * factors)


def no_signal(seed: int) -> Data:
    """All images are black: divided by 255 twice, as integers."""
    return with_inputs(flat_digits(seed), lambda inputs: torch.floor(inputs / 255))


def faint(seed: int) -> Data:
    """Inputs divided by 255 three times."""
    return with_inputs(flat_digits(seed), lambda inputs: inputs / 255**2)


def plus_minus(seed: int) -> Data:
    """Labels −1 and 1 for a loss of labels 0 and 1."""
    return with_targets(moons(seed), lambda targets: 2 * targets - 1)


def rank_noise(seed: int) -> Data:
    """Inputs that say nothing about the labels."""
    data = row_digits(seed)
    return with_inputs(
        data, lambda inputs: torch.rand(inputs.shape, generator=torch.Generator().manual_seed(seed))
    )


def sorted_batches(seed: int) -> Data:
    """The training part holds the first five classes only: the file was sorted and not shuffled."""
    data = flat_digits(seed)
    known = data.train_y < 5
    return Data(data.train_x[known], data.train_y[known], data.val_x, data.val_y)


def _fault(name: str, reference: str, fault: str, causes: str, symptoms: str, **parts: Any) -> Program:
    return faulty(name, reference, fault, causes, symptoms, partial(script, **parts))


_diabetes = {
    "task": REGRESSION,
    "loss": functional.mse_loss,
    "steps": 300,
    "model": partial(mlp, 10, 64, 64, 1),
}
_binary = {"task": BINARY_LOGIT, "model": partial(mlp, 2, 32, 32, 1), "loss": nn.BCEWithLogitsLoss()}
_sgd = partial(SGD, lr=0.1)

# fmt: off
DATA_FAULTS = (
    _fault("p2", "p2 scaled", "Nothing is scaled, under SGD of 0.1.",
           "unscaled_targets high_initial_loss update_ratio_high", f"unscaled_inputs {DIVERGED}",
           data=parabola, task=REGRESSION, loss=functional.mse_loss, optimizer=_sgd,
           model=partial(mlp, 1, 50, 30, 1)),
    _fault("pixels 0..255", "mlp sgd", "Pixels of 0 to 255, under SGD.",
           "unscaled_inputs", f"high_initial_loss update_ratio_high {STUCK} {DIVERGED}", data=pixels,
           optimizer=_sgd),
    _fault("pixels 0..255 cnn", "C healthy", "Pixels of 0 to 255 into convolutions, under SGD.",
           "unscaled_inputs", f"high_initial_loss update_ratio_high {STUCK} {DIVERGED}",
           data=pixel_images, model=ConvNet, optimizer=_sgd),
    _fault("pixels 0..255 sigmoid", "tanh", "Pixels of 0 to 255 into sigmoids.",
           "unscaled_inputs", f"saturation {STUCK}", data=pixels, optimizer=partial(SGD, lr=0.01),
           model=partial(digit_mlp, activation=nn.Sigmoid)),
    _fault("one big feature", "R healthy", "One column is ten thousand times the others.",
           "unscaled_inputs", f"high_initial_loss update_ratio_high {DIVERGED}", data=big_feature,
           **_diabetes),
    _fault("one outlier", "R healthy", "One target is a million.",
           "exploding_gradients unscaled_targets", f"high_initial_loss {DIVERGED}", data=one_outlier,
           **_diabetes),
    _fault("nan in data", "mlp adam", "One value of one sample is NaN.",
           "nonfinite", "", data=one_missing),
    _fault("black images", "mlp adam", "All inputs are 0.",
           "constant_output", f"rank_collapse {STUCK}", data=no_signal),
    _fault("faint images", "mlp sgd", "Inputs were divided by 255 twice too often.",
           "unscaled_inputs", f"vanishing_gradients lagging_layer {SLOW}", data=faint, optimizer=_sgd),
    _fault("labels -1 and 1", "binary logit", "Labels −1 and 1 for a loss of labels 0 and 1.",
           "target_range negative_loss", f"update_ratio_high {DIVERGED}", data=plus_minus, **_binary,
           optimizer=partial(Adam, lr=3e-2)),
    _fault("inputs are noise", "transformer adam", "Inputs say nothing about the labels.",
           "worse_than_constant plateau overfitting", STUCK, data=rank_noise, model=RowTransformer),
    _fault("moons shuffled", "binary logit", "Labels of a binary task belong to other samples.",
           "worse_than_constant plateau overfitting", STUCK, data=lambda seed: shuffled(moons(seed), seed),
           **_binary),
    _fault("99 to 1", "rare positives", "One sample in a hundred is positive and nothing is weighted.",
           "missing_class constant_prediction", "overfitting constant_output plateau worse_than_constant",
           data=partial(moons, positive=0.01), **_binary, optimizer=_sgd),
    _fault("five classes only", "mlp adam", "Half of the classes are not in the training data.",
           "missing_class", "overfitting", data=sorted_batches),
    _fault("forty samples", "R healthy", "Forty samples, learned by heart.",
           "overfitting", "", data=forty, **_diabetes),
    _fault("forty samples cnn", "batchnorm cnn adam", "Thirty-two digits, learned by heart.",
           "overfitting", "", data=lambda seed: few(digits(seed), 32), model=norm_net),
    _fault("noisy labels", "mlp adam",
           "Forty per cent of 300 labels are wrong, for 600 steps of a large network.",
           "overfitting", "worse_than_constant", data=noisy, model=partial(mlp, 64, 512, 512, 10), steps=600),
    _fault("targets beyond sigmoid", "R healthy", "Raw targets of 25 to 346 behind a sigmoid.",
           "target_range head_loss_mismatch",
           f"unscaled_targets high_initial_loss saturation no_training {STUCK}",
           data=partial(diabetes, scaled_targets=False), **{**_diabetes, "model": lambda: nn.Sequential(
               mlp(10, 64, 64, 1), nn.Sigmoid())}),
    _fault("flat labels", "binary logit", "Outputs [n, 1] against labels [n] in a loss written by hand.",
           "broadcast_loss", STUCK,
           data=lambda seed: with_targets(moons(seed), lambda targets: targets[:, 0]),
           task=BINARY_PROBABILITY, model=lambda: nn.Sequential(mlp(2, 32, 32, 1), nn.Sigmoid()),
           loss=lambda p, y: -(y * torch.log(p + 1e-7) + (1 - y) * torch.log(1 - p + 1e-7)).mean()),
)
# fmt: on
