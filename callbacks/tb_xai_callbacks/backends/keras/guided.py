# SPDX-License-Identifier: Apache-2.0
"""Guided backpropagation in Keras: for the time of a block, ReLUs let only positive gradients through.

Springenberg et al., "Striving for Simplicity", ICLR Workshop 2015 (arXiv 1412.6806), section 3.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras.src import backend

RELUS = ("relu", "relu6")


class ReluCalls:
    """How often a ReLU was called in the block."""

    def __init__(self) -> None:
        self.count = 0


@contextmanager
def guided_relus() -> Iterator[ReluCalls]:
    """Every way to a ReLU in Keras (activation, layer, operation) looks it up in the backend's module."""
    calls = ReluCalls()
    before = {name: getattr(backend.nn, name) for name in RELUS}
    try:
        for name, function in before.items():
            setattr(backend.nn, name, _guided(function, calls))
        yield calls
    finally:
        for name, function in before.items():
            setattr(backend.nn, name, function)


def _guided(function: Callable[[Any], Any], calls: ReluCalls) -> Callable[[Any], Any]:
    """The same function; only what is positive of its gradient goes on to its own."""

    @keras.ops.custom_gradient
    def clipped(x: Any) -> Any:
        def gradient(*args: Any, upstream: Any = None) -> Any:
            return keras.ops.maximum(args[0] if upstream is None else upstream, 0)

        return x, gradient

    def guided(x: Any) -> Any:
        calls.count += 1
        return clipped(function(x))

    return guided
