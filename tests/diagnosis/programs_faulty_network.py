# SPDX-License-Identifier: Apache-2.0
"""Faults of the network, its head and its starting weights that users post about, beyond R and C."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from programs_data import (
    BINARY_PROBABILITY,
    REGRESSION,
    diabetes,
    digits,
    moons,
    ones_or_zeros,
    waves,
)
from programs_digits import DIVERGED, ConvNet
from programs_faulty_training import SLOW, STUCK
from programs_healthy import digit_mlp, row_digits, script
from programs_loop import Program, faulty
from programs_nets import RowRecurrent, RowTransformer, filled, mlp
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD, Adam


def started(net: Callable[[], nn.Module], deviation: float) -> nn.Module:
    """Weights of `deviation`, whatever the width."""
    return filled(net(), lambda weights: nn.init.normal_(weights, std=deviation))


def drowned() -> nn.Module:
    """Biases of −3: no unit is ever active."""
    return filled(digit_mlp(), lambda bias: bias.fill_(-3.0), biases=True)


def zeros() -> nn.Module:
    """Weights and biases of 0."""
    return filled(filled(digit_mlp(), nn.init.zeros_), nn.init.zeros_, biases=True)


def bottleneck() -> nn.Sequential:
    """One hidden unit between, as left over from a test."""
    return mlp(64, 128, 1, 64, 10)


class SharpTransformer(RowTransformer):
    """Queries and keys start thirty times too large: every query attends to one key."""

    def __init__(self) -> None:
        super().__init__()
        with torch.no_grad():
            for layer in self.encoder.layers:
                layer.self_attn.in_proj_weight[:64] *= 30


class DetachedMiddle(nn.Module):
    """`.detach()` (or `.data`) between trunk and head."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(mlp(64, 128, 64), nn.ReLU(), nn.Linear(64, 4), nn.ReLU())
        self.head = nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.trunk(x).detach())


def log_loss(probabilities: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy without a guard: log 0 is −∞."""
    return -(targets * torch.log(probabilities) + (1 - targets) * torch.log(1 - probabilities)).mean()


def _fault(name: str, reference: str, fault: str, causes: str, symptoms: str, **parts: Any) -> Program:
    return faulty(name, reference, fault, causes, symptoms, partial(script, **parts))


def _regression(*head: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(mlp(10, 64, 64, 1), *head)


_diabetes = {"data": diabetes, "task": REGRESSION, "loss": functional.mse_loss, "steps": 300}
_moons = {"data": moons, "task": BINARY_PROBABILITY, "loss": functional.binary_cross_entropy}
_sgd = partial(SGD, lr=0.1)

# fmt: off
NETWORK_FAULTS = (
    _fault("p1 softmax", "p1 sigmoid", "Softmax over one unit gives 1 for every sample.",
           "head_loss_mismatch", f"no_training high_initial_loss {STUCK}",
           data=ones_or_zeros, task=BINARY_PROBABILITY, loss=functional.binary_cross_entropy,
           optimizer=partial(torch.optim.RMSprop, lr=1e-3),
           model=lambda: nn.Sequential(mlp(128, 50, 50, 1, dropout=0.2), nn.Softmax(dim=1))),
    _fault("moons softmax", "binary logit", "Softmax over one unit, for two classes.",
           "head_loss_mismatch", f"no_training high_initial_loss {STUCK}", **_moons,
           model=lambda: nn.Sequential(mlp(2, 32, 32, 1), nn.Softmax(dim=-1))),
    _fault("moons relu head", "binary logit", "ReLU before a loss of probabilities, clamped.",
           "head_loss_mismatch", f"no_training high_initial_loss dead_layer dying_layer {STUCK}",
           data=moons, task=BINARY_PROBABILITY, optimizer=partial(Adam, lr=3e-3),
           loss=lambda p, y: functional.binary_cross_entropy(p.clamp(0, 1), y),
           model=lambda: nn.Sequential(mlp(2, 32, 32, 1), nn.ReLU())),
    _fault("moons sigmoid twice", "binary logit", "Sigmoid in the model and in BCEWithLogits.",
           "head_loss_mismatch", STUCK, data=moons, task=BINARY_PROBABILITY, optimizer=_sgd,
           loss=nn.BCEWithLogitsLoss(), model=lambda: nn.Sequential(mlp(2, 32, 32, 1), nn.Sigmoid())),
    _fault("relu on logits", "mlp adam", "ReLU on the logits of a classifier.",
           "head_loss_mismatch dead_layer", f"dying_layer {STUCK}", optimizer=partial(Adam, lr=1e-2),
           model=lambda: nn.Sequential(digit_mlp(), nn.ReLU())),
    _fault("tanh on logits", "mlp adam", "tanh on the logits of a classifier.",
           "head_loss_mismatch", f"saturation {STUCK}", optimizer=_sgd,
           model=lambda: nn.Sequential(digit_mlp(), nn.Tanh())),
    _fault("relu head", "R healthy", "A ReLU head cannot reach targets below 0.",
           "target_range head_loss_mismatch", f"dead_layer dying_layer {STUCK}", **_diabetes,
           model=_regression(nn.ReLU())),
    _fault("softmax over batch", "mlp adam", "Softmax over the batch axis before nll_loss.",
           "head_loss_mismatch", STUCK, loss=lambda p, y: functional.nll_loss(torch.log(p), y),
           model=lambda: nn.Sequential(digit_mlp(), nn.Softmax(dim=0))),
    _fault("deep sigmoid", "mlp sgd", "Ten sigmoid layers: gradients vanish.",
           "vanishing_gradients", f"lagging_layer {SLOW}", optimizer=_sgd,
           model=partial(mlp, 64, *[64] * 10, 10, activation=nn.Sigmoid)),
    _fault("deep sigmoid adam", "mlp adam", "Ten sigmoid layers under Adam.",
           "vanishing_gradients", f"lagging_layer {SLOW}",
           model=partial(mlp, 64, *[64] * 10, 10, activation=nn.Sigmoid)),
    _fault("deep tanh, large start", "tanh", "Eight tanh layers whose weights start saturated.",
           "saturation bad_init",
           f"exploding_gradients vanishing_gradients high_initial_loss {STUCK} {DIVERGED}",
           optimizer=_sgd, model=lambda: started(partial(mlp, 64, *[64] * 8, 10, activation=nn.Tanh), 2.0)),
    _fault("sigmoid, large start", "mlp sgd", "Sigmoid layers whose weights start saturated.",
           "saturation bad_init", f"high_initial_loss {STUCK} {DIVERGED}",
           optimizer=_sgd, model=lambda: started(partial(digit_mlp, activation=nn.Sigmoid), 5.0)),
    _fault("deep relu, small start", "mlp sgd", "Eight relu layers whose weights start five times too small.",
           "bad_init vanishing_gradients", f"lagging_layer {SLOW}",
           optimizer=_sgd, model=lambda: started(partial(mlp, 64, *[64] * 8, 10), 0.035)),
    _fault("deep relu, large start", "mlp sgd", "Eight relu layers whose weights start four times too large.",
           "bad_init", f"high_initial_loss exploding_gradients update_ratio_high {DIVERGED}",
           optimizer=_sgd, model=lambda: started(partial(mlp, 64, *[64] * 8, 10), 0.7)),
    _fault("unit normal start", "mlp adam", "Weights start at a deviation of 1, whatever the width.",
           "bad_init", "high_initial_loss update_ratio_low overfitting dead_layer",
           model=lambda: started(digit_mlp, 1.0)),
    _fault("zero start", "mlp sgd", "All weights start at 0.",
           "constant_init", f"no_training bad_init dead_layer {SLOW}", optimizer=_sgd, model=zeros),
    _fault("drowned biases", "mlp sgd", "Biases of −3: no unit is ever active.",
           "dead_layer bad_init", f"no_update no_training vanishing_gradients {SLOW}", optimizer=_sgd,
           model=drowned),
    _fault("one hidden unit", "mlp adam", "One hidden unit between the layers.",
           "rank_collapse", f"dead_layer dying_layer {STUCK}", model=bottleneck),
    _fault("no activation", "gru waves", "No activation between the layers: the network is linear.",
           "", "plateau", data=waves, optimizer=partial(Adam, lr=5e-3), steps=300,
           model=lambda: nn.Sequential(nn.Flatten(), mlp(24, 32, 32, 3, activation=nn.Identity))),
    _fault("dropout 0.95", "dropout half", "Dropout of 0.95 in every layer.",
           "", SLOW, model=partial(mlp, 64, 64, 32, 10, dropout=0.95)),
    _fault("softmax between", "mlp sgd", "Softmax as the activation of every hidden layer.",
           "hidden_softmax", f"vanishing_gradients lagging_layer {SLOW}", optimizer=_sgd,
           model=partial(digit_mlp, activation=partial(nn.Softmax, dim=1))),
    _fault("detached trunk", "mlp adam", "The trunk's output is detached before the head.",
           "no_update", STUCK, model=DetachedMiddle),
    _fault("sharp attention", "transformer adam", "Queries and keys start thirty times too large.",
           "attention_collapse bad_init", "dead_head plateau", data=row_digits, model=SharpTransformer),
    _fault("plain rnn, large start", "lstm rows", "Recurrent weights start at a deviation of 1.",
           "bad_init exploding_gradients", f"saturation high_initial_loss {STUCK} {DIVERGED}",
           data=row_digits,
           model=lambda: started(partial(RowRecurrent, nn.RNN), 1.0), optimizer=_sgd),
    _fault("log of zero", "binary logit", "A hand-written log loss meets log 0.",
           "nonfinite", "update_ratio_high saturation", data=moons, task=BINARY_PROBABILITY, loss=log_loss,
           model=lambda: nn.Sequential(mlp(2, 32, 32, 1), nn.Sigmoid()), optimizer=partial(Adam, lr=3e-2),
           steps=600),
    _fault("drowned convolutions", "C healthy", "Convolutions' biases of −5: no unit is ever active.",
           "dead_layer bad_init", f"no_update no_training {SLOW}", data=digits, optimizer=_sgd,
           model=lambda: filled(ConvNet(), lambda bias: bias.fill_(-5.0), biases=True)),
)
# fmt: on
