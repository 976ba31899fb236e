# SPDX-License-Identifier: Apache-2.0
"""Facts about a torch training: its optimizers' options and groups, and its losses as numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tb_xai_callbacks.backends.torch.reduce import to_host

#: Options of an optimizer that a diagnosis may turn on; `betas` is a pair, of which the first is told.
OPTIONS = ("lr", "momentum", "weight_decay", "eps", "betas")


def optimizer_facts(optimizers: Sequence[torch.optim.Optimizer]) -> tuple[str, dict[str, float]]:
    """Name and first group's options, as they are now; ("", {}) without an optimizer."""
    if not optimizers or not optimizers[0].param_groups:
        return "", {}
    group = optimizers[0].param_groups[0]
    found = {name: _first(group[name]) for name in OPTIONS if name in group}
    return type(optimizers[0]).__name__, {n: float(v) for n, v in found.items() if _is_number(v)}


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and value else value


def _is_number(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.device.type == "cpu" and value.numel() == 1
    return isinstance(value, (int, float))


def group_of(optimizers: Sequence[torch.optim.Optimizer]) -> dict[int, int]:
    """id of a parameter -> its group, counted through all optimizers."""
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    return {id(p): number for number, group in enumerate(groups) for p in group["params"]}


def stack_numbers(values: Sequence[Any]) -> Callable[[], np.ndarray]:
    """0-d tensors and numbers [k] -> float32 [k]; tensors on a device are joined and copied at once."""
    tensors = [v if isinstance(v, Tensor) else torch.tensor(float(v)) for v in values]
    return to_host([tensor.float().reshape(()) for tensor in tensors])
