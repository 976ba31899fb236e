# SPDX-License-Identifier: Apache-2.0
"""Loss scaling: by what a GradScaler multiplies the loss, so that gradients can be divided by it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

#: Called with a copy of the live scale.
OnScale = Callable[[Tensor], None]

#: Who listens. `GradScaler.scale` is wrapped while there is anyone, once for all of them.
_LISTENERS: list[OnScale] = []


@contextmanager
def noting_loss_scale(on_scale: OnScale) -> Iterator[None]:
    """Tell `on_scale` whenever any `torch.amp.GradScaler` scales a loss."""
    if not _LISTENERS:
        _wrap()
    _LISTENERS.append(on_scale)
    try:
        yield
    finally:
        _LISTENERS.remove(on_scale)
        if not _LISTENERS:
            _unwrap()


_ORIGINAL: Any = torch.amp.GradScaler.scale


def _wrap() -> None:
    def scale(scaler: Any, outputs: Any) -> Any:
        scaled = _ORIGINAL(scaler, outputs)
        if scaler.is_enabled() and scaler._scale is not None:
            for listener in tuple(_LISTENERS):
                listener(scaler._scale.detach().clone())
        return scaled

    torch.amp.GradScaler.scale = scale  # type: ignore[method-assign, assignment]


def _unwrap() -> None:
    torch.amp.GradScaler.scale = _ORIGINAL  # type: ignore[method-assign]
