# SPDX-License-Identifier: Apache-2.0
"""The probe context for torch: whatever a probe pass does, training finds everything as it was."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter


def unwrap(model: nn.Module) -> nn.Module:
    """The user's module inside DataParallel, DistributedDataParallel or `torch.compile`."""
    wrapped = isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel))
    inner = getattr(model, "module" if wrapped else "_orig_mod", None)
    return unwrap(inner) if isinstance(inner, nn.Module) else model


def is_compiled(model: nn.Module) -> bool:
    """Whether calls of it or of a part go through `torch.compile`, so that later hooks never fire."""
    return any(
        hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None
        for module in model.modules()
    )


def has_lazy_parameters(model: nn.Module) -> bool:
    """Whether a parameter has no shape yet: the first forward pass would draw it from the RNG."""
    return any(isinstance(p, UninitializedParameter) for p in model.parameters())


@contextmanager
def forked_rng(model: nn.Module) -> Iterator[None]:
    """Torch (CPU and the model's devices), numpy and Python draw the same numbers as without us."""
    python, old = random.getstate(), np.random.get_state()
    devices = {tensor.device for tensor in model.parameters() if tensor.is_cuda}
    with torch.random.fork_rng(devices=list(devices)):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(old)


@contextmanager
def kept_buffers(model: nn.Module) -> Iterator[None]:
    """Buffers (batch statistics, counters) have their values again afterwards, and are the same tensors."""
    saved = [
        (module, name, buffer, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    try:
        yield
    finally:
        for module, name, buffer, value in saved:
            # Not compared, which would wait for the device; `.data`, so that a graph that saved the buffer
            # does not take this for a change.
            buffer.data.copy_(value)
            module._buffers[name] = buffer


@contextmanager
def modes(model: nn.Module, wanted: dict[nn.Module, bool] | None = None) -> Iterator[None]:
    """Modules in the modes `wanted` (None: all in eval); each gets back its own flag, not the root's."""
    flags = {module: module.training for module in model.modules()}
    for module in flags:
        module.training = wanted.get(module, module.training) if wanted is not None else False
    try:
        yield
    finally:
        for module, flag in flags.items():
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
    """Compiled modules run eagerly, so that hooks fire, and find their compiled code again afterwards."""
    compiled = [m for m in model.modules() if getattr(m, "_compiled_call_impl", None) is not None]
    implementations = [module._compiled_call_impl for module in compiled]
    with ExitStack() as stack:
        if is_compiled(model):  # only then: this imports the compiler
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        for module in compiled:
            module._compiled_call_impl = None
        try:
            yield
        finally:
            for module, implementation in zip(compiled, implementations, strict=True):
                module._compiled_call_impl = implementation


@contextmanager
def every_layer_runs() -> Iterator[None]:
    """`nn.TransformerEncoder` calls its layers: its fast path, which hooks cannot see, is off."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@contextmanager
def full_precision() -> Iterator[None]:
    """No autocast, whose cache of cast weights could serve a stale copy to the probe, or one of ours."""
    with (
        torch.autocast("cpu", enabled=False, cache_enabled=False),
        torch.autocast("cuda", enabled=False, cache_enabled=False),
    ):
        yield


@contextmanager
def probing(model: nn.Module) -> Iterator[None]:
    """All of the above: the context in which a probe runs the model with gradients to taps."""
    with (
        torch.inference_mode(False),
        forked_rng(model),
        kept_buffers(model),
        modes(model),
        frozen(model),
        uncompiled(model),
        every_layer_runs(),
        torch.enable_grad(),
        full_precision(),
    ):
        yield
