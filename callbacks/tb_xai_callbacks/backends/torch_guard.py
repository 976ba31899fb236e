# SPDX-License-Identifier: Apache-2.0
"""The probe context for torch: whatever a probe pass does, training finds everything as it was."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import nn


def unwrap(model: nn.Module) -> nn.Module:
    """The user's module inside DataParallel, DistributedDataParallel or `torch.compile`."""
    while True:
        if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            model = model.module
        elif hasattr(model, "_orig_mod"):
            model = model._orig_mod
        else:
            return model


def is_compiled(model: nn.Module) -> bool:
    """Whether calls go through `torch.compile`, so that hooks added later never fire."""
    return hasattr(model, "_orig_mod") or any(
        getattr(module, "_compiled_call_impl", None) is not None for module in model.modules()
    )


@contextmanager
def forked_rng(device: torch.device) -> Iterator[None]:
    """Torch (CPU and `device`), numpy and Python draw the same numbers afterwards as without us."""
    python, old = random.getstate(), np.random.get_state()
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(old)


@contextmanager
def kept_buffers(model: nn.Module) -> Iterator[None]:
    """Buffers (batch statistics, counters) have their values again afterwards."""
    saved = [(buffer, buffer.detach().clone()) for buffer in model.buffers() if buffer is not None]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in saved:
                if not torch.equal(buffer, value):
                    buffer.copy_(value)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Every module in eval mode; each gets back its own flag, not just the root's."""
    flags = [(module, module.training) for module in model.modules()]
    for module, _ in flags:
        module.training = False
    try:
        yield
    finally:
        for module, flag in flags:
            module.training = flag


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Parameters do not require gradients, so the backward pass only goes to the taps."""
    flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    for parameter, _ in flags:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter, flag in flags:
            parameter.requires_grad_(flag)


@contextmanager
def uncompiled(model: nn.Module) -> Iterator[None]:
    """Modules compiled in place run eagerly, so that hooks fire."""
    saved = []
    for module in model.modules():
        if getattr(module, "_compiled_call_impl", None) is not None:
            saved.append((module, module._compiled_call_impl))
            module._compiled_call_impl = None
    try:
        yield
    finally:
        for module, compiled in saved:
            module._compiled_call_impl = compiled


@contextmanager
def probing(model: nn.Module, device: torch.device) -> Iterator[None]:
    """All of the above: the context in which a probe runs the model with gradients to taps."""
    with ExitStack() as stack:
        stack.enter_context(forked_rng(device))
        stack.enter_context(kept_buffers(model))
        stack.enter_context(evaluating(model))
        stack.enter_context(frozen(model))
        stack.enter_context(uncompiled(model))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.autocast(device.type, enabled=False, cache_enabled=False))
        yield
