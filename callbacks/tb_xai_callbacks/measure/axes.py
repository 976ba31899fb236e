# SPDX-License-Identifier: Apache-2.0
"""What the axes of an input mean: which one holds its features, which ones its positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Numbers of channels that make an array a picture.
COLOURS = (1, 3, 4)


@dataclass(frozen=True)
class Axes:
    """Where an input [n …] has its features (None: every value is one) and its positions."""

    features: int | None
    positions: tuple[int, ...]


def channel_axis(inputs: np.ndarray) -> int | None:
    """The axis of the channels of pictures [n c h w] or [n h w c]; None where there is no such axis."""
    if inputs.ndim != 4:
        return None
    return next((axis for axis in (1, 3) if inputs.shape[axis] in COLOURS), None)


def input_kind(inputs: np.ndarray) -> str:
    """What [n, …] is drawn as: image, tokens (integers [n t]), series [n t c], tabular [n f], tensor."""
    if channel_axis(inputs) is not None:
        return "image"
    if inputs.ndim == 3 and min(inputs.shape[1:]) > 4 and inputs.shape[1] == inputs.shape[2]:
        return "image"
    if inputs.ndim == 2:
        return "tokens" if inputs.dtype.kind in "iu" else "tabular"
    return "series" if inputs.ndim == 3 else "tensor"


def axes_of(inputs: np.ndarray, embedded: bool = False, features_first: bool = False) -> Axes:
    """The axes of an input; `embedded`: embeddings [n t e], `features_first`: series are [n c t]."""
    if embedded or input_kind(inputs) == "series":
        return Axes(1, (2,)) if features_first and not embedded else Axes(inputs.ndim - 1, (1,))
    if inputs.ndim == 2:
        return Axes(None, (1,))
    channels = channel_axis(inputs)
    if channels is None and inputs.ndim in (4, 5):
        channels = _features_axis(inputs.shape)
    return Axes(channels, tuple(axis for axis in range(1, inputs.ndim) if axis != channels))


def _features_axis(shape: tuple[int, ...]) -> int:
    """The features of pictures [n c h w] of no colours, of volumes [n c d h w] and of films [n t c h w].

    They may be last as well. A film's are told by their number; else they are the shorter of both axes.
    """
    last = len(shape) - 1
    if last == 4 and shape[2] in COLOURS and shape[1] not in COLOURS and shape[4] not in COLOURS:
        return 2
    return 1 if shape[1] <= shape[last] else last
