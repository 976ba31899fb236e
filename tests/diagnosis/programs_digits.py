# SPDX-License-Identifier: Apache-2.0
"""Family C of RULES §5: digits, Conv5×5·32 relu → pool → Conv3×3·64 relu → pool → 512 relu → 10, SGD 0.1."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from programs_data import CLASSES, digits, rare, shuffled, with_targets
from programs_loop import Builder, Data, Program, Script, faulty, healthy
from torch import Tensor, nn
from torch.nn import functional

DIVERGED = (
    "worse_than_constant constant_output dead_layer dying_layer exploding_gradients oscillation nonfinite"
)


class ConvNet(nn.Module):
    """The network of family C; `middle` follows the 512 units, `head` the 10."""

    def __init__(self, middle: nn.Module | None = None, head: nn.Module | None = None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 5, padding=2)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.relu1, self.relu2, self.relu3 = nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.fc1 = nn.Linear(256, 512)
        self.middle = middle or nn.Identity()
        self.fc2 = nn.Linear(512, 10)
        self.head = head or nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        x = self.pool(self.relu1(self.conv1(images)))
        x = self.pool(self.relu2(self.conv2(x)))
        return self.head(self.fc2(self.middle(self.relu3(self.fc1(x.flatten(1))))))


class DetachedNet(ConvNet):
    """Both convolutions are cut off from the loss."""

    def forward(self, images: Tensor) -> Tensor:
        x = self.pool(self.relu1(self.conv1(images)))
        x = self.pool(self.relu2(self.conv2(x))).detach()
        return self.fc2(self.relu3(self.fc1(x.flatten(1))))


def constant_network() -> ConvNet:
    model = ConvNet()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.01)
    return model


def classes(
    seed: int,
    data: Callable[[int], Data] = digits,
    model: Callable[[], nn.Module] = ConvNet,
    loss: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
    lr: float = 0.1,
    **settings: Any,
) -> Script:
    """Family C; `settings` are the optimiser's, and `steps`, `batch_size` and `update` the script's."""
    net = model()
    names = ("steps", "batch_size", "update")
    script = {name: settings.pop(name) for name in names if name in settings}
    return Script(data(seed), CLASSES, net, optimizer(net.parameters(), lr=lr, **settings), loss, **script)


# ---- faults


def labels_shuffled(seed: int) -> Data:
    return shuffled(digits(seed), seed)


def one_hot(seed: int) -> Data:
    return with_targets(digits(seed), lambda labels: functional.one_hot(labels, 10).float())


def mostly_zeros(seed: int) -> Data:
    """142 zeros and 2 of every other digit."""
    return rare(digits(seed), keep=2)


def log_of_outputs(outputs: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of probabilities, guarded against log 0, as Keras has it."""
    return -torch.log(outputs.clamp(1e-7, 1.0))[torch.arange(len(labels)), labels].mean()


def ascending(seed: int) -> Script:
    """A negative learning rate, which the constructor refuses and a schedule can set."""
    script = classes(seed)
    script.optimizer.param_groups[0]["lr"] = -1e-3
    return script


def without(*names: str) -> Builder:
    """The optimiser was not given the layers of these names."""

    def build(seed: int) -> Script:
        script = classes(seed)
        given = [p for name, p in script.model.named_parameters() if name.split(".")[0] not in names]
        script.optimizer = torch.optim.SGD(given, lr=0.1)
        return script

    return build


def other_model(seed: int) -> Script:
    """The optimiser holds the parameters of a model that was built before this one."""
    script = classes(seed)
    script.optimizer = torch.optim.SGD(ConvNet().parameters(), lr=0.1)
    return script


def _fault(name: str, fault: str, causes: str, symptoms: str, **changes: Any) -> Program:
    return faulty(f"C {name}", "C healthy", fault, causes, symptoms, partial(classes, **changes))


def _built(name: str, fault: str, causes: str, symptoms: str, build: Builder) -> Program:
    return faulty(f"C {name}", "C healthy", fault, causes, symptoms, build)


DIGITS_PROGRAMS = (
    healthy("C healthy", 0.93, classes),
    healthy("C momentum", 0.93, partial(classes, lr=0.01, momentum=0.9)),
    healthy("C adam", 0.93, partial(classes, optimizer=torch.optim.Adam, lr=1e-3)),
    _fault("lr 0.5", "SGD with a learning rate of 0.5.", "update_ratio_high", DIVERGED, lr=0.5),
    _fault("lr 3", "SGD with a learning rate of 3.", "update_ratio_high", DIVERGED, lr=3.0),
    _fault(
        "lr low",
        "SGD with a learning rate of 1e-3.",
        "update_ratio_low",
        "worse_than_constant plateau",
        lr=1e-3,
    ),
    _fault(
        "hidden softmax",
        "A softmax follows the hidden layer.",
        "hidden_softmax",
        "plateau worse_than_constant vanishing_gradients lagging_layer rank_collapse update_ratio_low",
        model=partial(ConvNet, middle=nn.Softmax(dim=1)),
    ),
    _fault(
        "softmax twice",
        "The model ends in softmax and the loss applies another.",
        "head_loss_mismatch",
        "plateau worse_than_constant",
        model=partial(ConvNet, head=nn.Softmax(dim=1)),
    ),
    _fault(
        "mse",
        "Mean squared error on one-hot labels.",
        "",
        "head_loss_mismatch plateau worse_than_constant",
        data=one_hot,
        loss=functional.mse_loss,
    ),
    _fault(
        "shuffled labels",
        "Labels belong to other samples.",
        "worse_than_constant plateau",
        "overfitting constant_output missing_class constant_prediction",
        data=labels_shuffled,
    ),
    _fault(
        "constant init",
        "All weights start at 0.01.",
        "constant_init",
        "rank_collapse worse_than_constant plateau constant_output missing_class constant_prediction",
        model=constant_network,
    ),
    _fault(
        "imbalance",
        "Nine of ten classes have two samples each.",
        "missing_class",
        "constant_prediction overfitting",
        data=mostly_zeros,
    ),
    _fault(
        "nll on logits",
        "nll_loss expects log-probabilities and gets logits.",
        "head_loss_mismatch",
        f"negative_loss update_ratio_high {DIVERGED}",
        loss=functional.nll_loss,
    ),
    _fault(
        "nll on probabilities",
        "nll_loss expects log-probabilities and gets probabilities.",
        "head_loss_mismatch negative_loss",
        "plateau",
        model=partial(ConvNet, head=nn.Softmax(dim=1)),
        loss=functional.nll_loss,
    ),
    _fault(
        "logits into log",
        "A loss of probabilities gets logits and clamps them.",
        "head_loss_mismatch",
        "high_initial_loss worse_than_constant no_training plateau dead_layer dying_layer constant_output",
        loss=log_of_outputs,
    ),
    _built("lr negative", "The learning rate is −1e-3.", "uphill_updates", DIVERGED, ascending),
    _built(
        "conv left out",
        "The optimiser was not given the convolutions.",
        "no_update",
        "",
        without("conv1", "conv2"),
    ),
    _built(
        "trunk left out",
        "The optimiser was given the first convolution only.",
        "no_update",
        "worse_than_constant update_ratio_low",
        without("conv2", "fc1", "fc2"),
    ),
    _built(
        "other model's optimiser",
        "The optimiser holds the parameters of another model.",
        "no_training no_update",
        "worse_than_constant plateau update_ratio_low",
        other_model,
    ),
    _fault("detached", "The convolutions are detached from the loss.", "no_update", "", model=DetachedNet),
)
