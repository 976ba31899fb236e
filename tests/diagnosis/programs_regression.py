# SPDX-License-Identifier: Apache-2.0
"""Family R of RULES §5: diabetes, 10 → 64 relu → 64 relu → 1, Adam 1e-3, MSE; one fault each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from programs_data import REGRESSION, diabetes, shuffled, with_targets
from programs_loop import Data, Program, Script, faulty, healthy
from torch import Tensor, nn
from torch.nn import functional

DIVERGED = (
    "worse_than_constant constant_output dead_layer dying_layer exploding_gradients oscillation nonfinite"
)

DECAYED = (
    "constant_output worse_than_constant rank_collapse dead_layer dying_layer plateau vanishing_gradients"
)


def network(*head: nn.Module, inputs: int = 10) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), *head
    )


def constant_network(value: float = 0.01) -> nn.Sequential:
    model = network()
    for parameter in model.parameters():
        nn.init.constant_(parameter, value)
    return model


def regression(
    seed: int,
    data: Callable[[int], Data] = diabetes,
    model: Callable[[], nn.Module] = network,
    loss: Callable[[Tensor, Tensor], Tensor] = functional.mse_loss,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    **settings: Any,
) -> Script:
    """Family R; `settings` are those of the optimiser, and `steps` and `update` of the script."""
    net = model()
    script = {name: settings.pop(name) for name in ("steps", "update") if name in settings}
    chosen = optimizer(net.parameters(), **{"lr": 1e-3, **settings})
    return Script(data(seed), REGRESSION, net, chosen, loss, **{"steps": 300, **script})


# ---- faults


def uphill(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    (-loss).backward()
    optimizer.step()


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return ((outputs - targets) ** 2).mean()


def flat_targets(seed: int) -> Data:
    """Targets [n] for a network whose outputs are [n, 1]."""
    return with_targets(diabetes(seed), lambda targets: targets[:, 0])


def targets_in_one(seed: int) -> Data:
    """Targets scaled to −1..1."""
    low, high = -1.65, 2.53  # of the standardised targets
    return with_targets(diabetes(seed), lambda targets: (targets - low) / (high - low) * 2 - 1)


def features_shuffled(seed: int) -> Data:
    return shuffled(diabetes(seed), seed)


def _fault(name: str, fault: str, causes: str, symptoms: str, **changes: Any) -> Program:
    return faulty(f"R {name}", "R healthy", fault, causes, symptoms, partial(regression, **changes))


REGRESSION_PROGRAMS = (
    healthy("R healthy", 0.2, regression),
    healthy("R momentum", 0.2, partial(regression, optimizer=torch.optim.SGD, lr=1e-2, momentum=0.9)),
    healthy("R sgd", 0.2, partial(regression, optimizer=torch.optim.SGD, lr=3e-2)),
    _fault("lr high", "Adam with a learning rate of 0.1.", "update_ratio_high", DIVERGED, lr=0.1),
    _fault(
        "lr low",
        "Adam with a learning rate of 1e-5.",
        "update_ratio_low",
        "worse_than_constant plateau",
        lr=1e-5,
    ),
    _fault("uphill", "The gradient's sign is flipped.", "uphill_updates", DIVERGED, update=uphill),
    _fault("adam eps", "Adam's epsilon is 1e-16.", "update_ratio_high", DIVERGED, eps=1e-16),
    _fault(
        "weight decay",
        "L2 of 0.1 inside Adam outweighs the loss.",
        "",
        DECAYED,
        weight_decay=0.1,
    ),
    _fault(
        "weight decay 2",
        "L2 of 2 inside Adam outweighs the loss.",
        "",
        DECAYED,
        weight_decay=2.0,
    ),
    _fault(
        "constant init",
        "All weights start at 0.01.",
        "constant_init",
        "rank_collapse",
        model=constant_network,
    ),
    _fault(
        "softmax head",
        "Softmax over one unit gives 1 for every sample.",
        "head_loss_mismatch",
        "constant_output no_training worse_than_constant target_range plateau",
        model=partial(network, nn.Softmax(dim=1)),
    ),
    _fault(
        "sigmoid head",
        "A sigmoid head cannot reach targets below 0.",
        "target_range head_loss_mismatch",
        "worse_than_constant saturation plateau",
        data=targets_in_one,
        model=partial(network, nn.Sigmoid()),
    ),
    _fault(
        "unscaled inputs",
        "Inputs are not standardised.",
        "unscaled_inputs",
        "high_initial_loss worse_than_constant dead_layer dying_layer constant_output oscillation",
        data=partial(diabetes, scaled_inputs=False),
    ),
    _fault(
        "unscaled inputs sgd",
        "Inputs are not standardised, under SGD.",
        "unscaled_inputs",
        f"high_initial_loss update_ratio_high {DIVERGED}",
        data=partial(diabetes, scaled_inputs=False),
        optimizer=torch.optim.SGD,
        lr=1e-2,
    ),
    _fault(
        "nothing scaled",
        "Neither inputs nor targets are scaled.",
        "unscaled_inputs unscaled_targets",
        "high_initial_loss worse_than_constant dead_layer dying_layer constant_output",
        data=partial(diabetes, scaled_inputs=False, scaled_targets=False),
    ),
    _fault(
        "unscaled targets sgd",
        "Targets of 25 to 346 are not scaled, under SGD.",
        "unscaled_targets high_initial_loss",
        f"update_ratio_high {DIVERGED}",
        data=partial(diabetes, scaled_targets=False),
        optimizer=torch.optim.SGD,
        lr=1e-2,
    ),
    _fault(
        "unscaled targets",
        "Targets of 25 to 346 are not scaled.",
        "unscaled_targets high_initial_loss",
        "worse_than_constant",
        data=partial(diabetes, scaled_targets=False),
    ),
    _fault(
        "sum loss",
        "The loss is summed over the batch.",
        "",
        "update_ratio_high exploding_gradients oscillation",
        loss=partial(functional.mse_loss, reduction="sum"),
    ),
    _fault(
        "sum loss sgd",
        "The loss is summed over the batch, under SGD at a rate for means.",
        "update_ratio_high high_initial_loss",
        DIVERGED,
        loss=partial(functional.mse_loss, reduction="sum"),
        optimizer=torch.optim.SGD,
        lr=3e-2,
    ),
    _fault(
        "broadcast",
        "Outputs [n, 1] minus targets [n] broadcast to [n, n].",
        "broadcast_loss",
        "worse_than_constant constant_output plateau",
        data=flat_targets,
    ),
    _fault(
        "broadcast by hand",
        "Outputs [n, 1] minus targets [n] broadcast to [n, n], in a loss written by hand.",
        "broadcast_loss",
        "worse_than_constant constant_output plateau",
        data=flat_targets,
        loss=squared_error,
    ),
    _fault(
        "cross-entropy",
        "Cross-entropy over one output is 0 whatever the target.",
        "head_loss_mismatch",
        "no_training worse_than_constant negative_loss target_range",
        loss=functional.cross_entropy,
    ),
    _fault(
        "features shuffled",
        "Features were shuffled without their targets.",
        "worse_than_constant overfitting",
        "plateau constant_output",
        data=features_shuffled,
    ),
)
