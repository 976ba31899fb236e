# SPDX-License-Identifier: Apache-2.0
"""Axes are checked at the door: `expect` names them, so that a wrong shape is an error with a sentence."""

from __future__ import annotations

from typing import Any


def expect(array: Any, axes: str, what: str = "array") -> tuple[int, ...]:
    """The shape of `array` if it has the axes that `axes` names ("n c h w"), else ValueError."""
    shape = tuple(int(size) for size in array.shape)
    names = axes.split()
    if len(shape) != len(names):
        raise ValueError(f"{what}: expected {len(names)} axes [{axes}], got shape {shape}")
    return shape
