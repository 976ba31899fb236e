# SPDX-License-Identifier: Apache-2.0
"""Taps in the autograd graph of a pass: outputs of layers as ends that gradients can reach."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tb_xai_callbacks.backends.torch.layout import first_tensor


def pull_back(output: Tensor, taps: dict[str, Tensor], cotangent: np.ndarray) -> dict[str, Tensor]:
    """Gradients of the score at the taps; zero where the score does not depend on one."""
    if not output.requires_grad:
        return {name: torch.zeros_like(tap) for name, tap in taps.items()}
    seed = torch.from_numpy(cotangent).to(output.device, output.dtype).reshape(output.shape)
    found = torch.autograd.grad(output, list(taps.values()), grad_outputs=seed, allow_unused=True)
    return {
        name: torch.zeros_like(tap) if gradient is None else gradient
        for (name, tap), gradient in zip(taps.items(), found, strict=True)
    }


def tap_hook(name: str, taps: dict[str, Tensor]) -> Callable[..., Any]:
    """A forward hook that keeps the output and hands a clone on, which in-place operations may change."""

    def hook(module: nn.Module, args: Any, output: Any) -> Any:
        tensor = first_tensor(output)
        if tensor is None:
            return None
        with torch.enable_grad():  # a model may run its backbone without
            taps[name] = tap = tensor if tensor.requires_grad else tensor.detach().requires_grad_()
            return _replaced(output, tensor, tap.clone())

    return hook


def _replaced(output: Any, old: Tensor, new: Tensor) -> Any:
    """The output with one tensor exchanged."""
    if output is old:
        return new
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        return type(output)(*(_replaced(value, old, new) for value in output))
    if isinstance(output, (tuple, list)):
        return type(output)(_replaced(value, old, new) for value in output)
    if isinstance(output, dict):
        changed = copy.copy(output)  # dicts of a kind of their own keep it
        for key, value in output.items():
            changed[key] = _replaced(value, old, new)
        return changed
    return output
