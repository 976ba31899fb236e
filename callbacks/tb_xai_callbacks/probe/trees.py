# SPDX-License-Identifier: Apache-2.0
"""Inputs that are one array, or a dict, tuple or list of them: what is done to every array of such a tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def map_arrays(inputs: Any, function: Callable[[np.ndarray], Any]) -> Any:
    """Apply `function` to every array of an array, dict, tuple or list of arrays."""
    if isinstance(inputs, dict):
        return {key: map_arrays(value, function) for key, value in inputs.items()}
    if isinstance(inputs, (tuple, list)):
        return type(inputs)(map_arrays(value, function) for value in inputs)
    return function(inputs)


def with_first(inputs: Any, first: Any) -> Any:
    """The same structure with its first array (or tensor) exchanged."""
    if isinstance(inputs, dict):
        key = next(iter(inputs))
        return {**inputs, key: with_first(inputs[key], first)}
    if isinstance(inputs, (tuple, list)):
        return type(inputs)([with_first(inputs[0], first), *inputs[1:]])
    return first


def arrays_of(inputs: Any) -> list[np.ndarray]:
    """All arrays of an array, dict, tuple or list of arrays."""
    found: list[np.ndarray] = []
    map_arrays(inputs, found.append)
    return found
