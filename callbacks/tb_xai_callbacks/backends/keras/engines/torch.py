# SPDX-License-Identifier: Apache-2.0
"""Keras on torch: `autograd.grad` on layer outputs, so that nobody's `.grad` is touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from tb_xai_callbacks.backends.keras.engines.engine import Engine, Forward, Outcome, Pull


class TorchEngine(Engine):
    """See `keras_engine.Engine`."""

    name = "torch"
    has_training_gradients = True

    def version(self) -> str:
        """Torch's version."""
        return f"torch {torch.__version__}"

    def run(self, forward: Forward) -> Any:
        """Run `forward` without autograd."""
        with torch.inference_mode(False), torch.no_grad():
            return forward(lambda tensor: tensor)

    def differentiate(self, forward: Forward, variables: Sequence[Any]) -> tuple[Outcome, Pull]:
        """Run `forward` with autograd on. Weights record anyway; outputs of frozen layers are made to."""
        with torch.inference_mode(False), torch.enable_grad():
            outcome = forward(_watch)

        def pull(target: Any, sources: Sequence[Any], cotangent: np.ndarray | None) -> list[Any]:
            if not target.requires_grad or not sources:
                return [None] * len(sources)
            seed = None if cotangent is None else torch.as_tensor(cotangent).to(target)
            wanted = [source for source in sources if source.requires_grad]
            found = torch.autograd.grad(target, wanted, seed, retain_graph=True, allow_unused=True)
            by_id = {id(source): gradient for source, gradient in zip(wanted, found, strict=True)}
            return [by_id.get(id(source)) for source in sources]

        return outcome, pull

    def training_gradient(self, variable: Any) -> Any | None:
        """`.grad`, which Keras leaves in place until the next step."""
        return variable.value.grad

    @contextmanager
    def untouched(self, layers: Sequence[Any]) -> Iterator[None]:
        """Put back torch's RNG streams and every module's train/eval flag."""
        modules = {id(module): module for layer in layers for module in layer.modules()}.values()
        modes = [(module, module.training) for module in modules]
        try:
            with torch.random.fork_rng():
                yield
        finally:
            for module, mode in modes:
                module.training = mode


def _watch(tensor: Any) -> Any:
    if tensor.requires_grad or not tensor.is_floating_point():
        return tensor
    watched = tensor.detach().requires_grad_()
    # Keras notes the logits behind a softmax here.
    if hasattr(tensor, "_keras_logits"):
        watched._keras_logits = tensor._keras_logits
    return watched
