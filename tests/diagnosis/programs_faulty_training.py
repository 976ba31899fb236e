# SPDX-License-Identifier: Apache-2.0
"""Faults of the loop and the optimiser that users post about, beyond the families R and C."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from programs_data import digits
from programs_digits import DIVERGED, ConvNet
from programs_healthy import clipped, flat_digits, row_digits, script
from programs_loop import Program, Script, faulty
from programs_nets import RowRecurrent, RowTransformer, frozen, norm_net
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, RMSprop

STUCK = "worse_than_constant plateau constant_output rank_collapse missing_class constant_prediction"
SLOW = f"update_ratio_low {STUCK}"


def accumulating(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    """Nobody zeroes the gradients."""
    loss.backward()
    optimizer.step()


def without_step(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    loss.backward()


def zero_after_backward(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()


def clipped_to_nothing(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], 1e-4)
    optimizer.step()


def replaced_head(seed: int) -> Script:
    """Fine-tuning where the head is replaced after the optimiser was made; the trunk is frozen."""
    net = ConvNet()
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    optimizer = SGD(net.parameters(), lr=0.1)
    net.fc2 = nn.Linear(512, 10)
    made = script(seed, digits, lambda: net, lambda _: optimizer)
    return made


def all_but_bias_frozen() -> nn.Module:
    """Only the head's bias is left to train."""
    net = frozen(ConvNet(), ("conv1", "conv2", "fc1", "fc2"))
    net.fc2.bias.requires_grad_(True)
    return net


def halving(optimizer: torch.optim.Optimizer) -> Any:
    """Meant per epoch, called per step."""
    return torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)


def climbing(optimizer: torch.optim.Optimizer) -> Any:
    """A decay factor above 1."""
    return torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=1.03)


def _fault(name: str, reference: str, fault: str, causes: str, symptoms: str, **parts: Any) -> Program:
    return faulty(name, reference, fault, causes, symptoms, partial(script, **parts))


_sgd = partial(SGD, lr=0.1)
_momentum = partial(SGD, lr=0.1, momentum=0.9)
_lstm = partial(RowRecurrent, nn.LSTM)
_rnn = partial(RowRecurrent, nn.RNN)

# fmt: off
TRAINING_FAULTS = (
    _fault("no zero_grad", "mlp sgd", "Gradients are never zeroed.",
           "update_ratio_high", DIVERGED, update=accumulating, optimizer=_sgd),
    _fault("no zero_grad momentum", "mlp momentum", "Gradients are never zeroed, under momentum.",
           "update_ratio_high", DIVERGED, update=accumulating, optimizer=_momentum),
    _fault("no step", "mlp adam", "optimizer.step() is missing.",
           "no_training no_update", SLOW, update=without_step),
    _fault("zeroed after backward", "mlp sgd", "zero_grad comes between backward and step.",
           "no_training no_update", SLOW, update=zero_after_backward, optimizer=_sgd),
    _fault("clipped to nothing", "mlp sgd", "Gradients are clipped to a norm of 1e-4.",
           "update_ratio_low", STUCK, update=clipped_to_nothing, optimizer=_sgd),
    _fault("halved per step", "mlp sgd", "A schedule meant per epoch halves the rate every 5 steps.",
           "update_ratio_low", f"no_training no_update {STUCK}", optimizer=_sgd, schedule=halving),
    _fault("rate climbs", "mlp sgd", "The decay factor of the schedule is above 1.",
           "update_ratio_high", DIVERGED, optimizer=partial(SGD, lr=0.05), schedule=climbing),
    _fault("adam lr 10", "mlp adam", "Adam with a learning rate of 10.",
           "update_ratio_high", DIVERGED, optimizer=partial(Adam, lr=10.0)),
    _fault("adam lr 0.1", "mlp adam", "Adam with a learning rate of 0.1.",
           "update_ratio_high", f"{STUCK} {DIVERGED}", optimizer=partial(Adam, lr=0.1)),
    _fault("momentum 0.999", "mlp momentum", "Momentum of 0.999 at a rate meant for 0.9.",
           "update_ratio_high", DIVERGED, optimizer=partial(SGD, lr=0.1, momentum=0.999)),
    _fault("rmsprop lr 1", "batchnorm cnn adam", "RMSprop with a learning rate of 1 under BatchNorm.",
           "update_ratio_high", DIVERGED, data=digits, model=norm_net, optimizer=partial(RMSprop, lr=1.0)),
    _fault("adam lr 1e-6", "batchnorm cnn adam", "Adam with a learning rate of 1e-6.",
           "update_ratio_low", STUCK, data=digits, model=norm_net, optimizer=partial(Adam, lr=1e-6)),
    _fault("sgd lr 1e-5", "gelu", "SGD with a learning rate of 1e-5.",
           "update_ratio_low", STUCK, optimizer=partial(SGD, lr=1e-5)),
    _fault("transformer lr 0.1", "transformer adam", "A transformer under Adam with a learning rate of 0.1.",
           "update_ratio_high attention_collapse", f"dead_head {STUCK} {DIVERGED}",
           data=row_digits, model=RowTransformer, optimizer=partial(Adam, lr=0.1)),
    _fault("transformer sgd lr 3", "transformer sgd", "A transformer under SGD with a learning rate of 3.",
           "update_ratio_high attention_collapse", f"dead_head {STUCK} {DIVERGED}",
           data=row_digits, model=RowTransformer, optimizer=partial(SGD, lr=3.0)),
    _fault("lstm lr 0.3", "lstm rows", "An LSTM under Adam with a learning rate of 0.3.",
           "update_ratio_high", f"saturation {STUCK} {DIVERGED}",
           data=row_digits, model=_lstm, optimizer=partial(Adam, lr=0.3)),
    _fault("rnn unclipped", "lstm rows", "A plain RNN under SGD of 3 without clipping.",
           "update_ratio_high exploding_gradients", f"saturation {STUCK} {DIVERGED}",
           data=row_digits, model=_rnn, optimizer=partial(SGD, lr=3.0)),
    _fault("adamw lr 0.1", "weight decay", "AdamW with a learning rate of 0.1 and a decay of 1.",
           "update_ratio_high", f"{STUCK} {DIVERGED}", optimizer=partial(AdamW, lr=0.1, weight_decay=1.0)),
    _fault("l2 in sgd", "mlp sgd", "SGD with L2 of 0.3.",
           "", f"vanishing_gradients lagging_layer {SLOW}",
           optimizer=partial(SGD, lr=0.1, weight_decay=0.3)),
    faulty("replaced head", "frozen trunk",
           "The head was replaced after the optimiser was made; the rest is frozen.",
           "no_training no_update", SLOW, replaced_head),
    _fault("all but a bias frozen", "frozen trunk", "Everything but the head's bias is frozen.",
           "no_update no_training", SLOW, data=digits, model=all_but_bias_frozen,
           optimizer=partial(Adam, lr=1e-3)),
    _fault("clipping hides it", "clipped", "A learning rate of 30 under clipping at 1.",
           "update_ratio_high", f"saturation {STUCK} {DIVERGED}", data=row_digits, model=_lstm,
           update=clipped,
           optimizer=partial(SGD, lr=30.0, momentum=0.9)),
    _fault("batch of one", "mlp momentum", "Batches of one at a rate for 32.",
           "update_ratio_high", f"{STUCK} {DIVERGED}", data=flat_digits, batch_size=1, optimizer=_momentum,
           steps=600),
)
# fmt: on
