# SPDX-License-Identifier: Apache-2.0
"""Which layers of a Keras model can be explained as a map, and which one is meant if nobody says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tb_xai_callbacks.backends.contract import TargetLayer
from tb_xai_callbacks.backends.keras.calls import Call
from tb_xai_callbacks.backends.keras.taps import ATTENTION_TYPES, NamedLayer

#: More tokens than this without a place in the picture (class token, registers) are not believed.
MOST_PREFIX_TOKENS = 8
#: Convolutions of series.
SERIES = (
    keras.layers.Conv1D,
    keras.layers.Conv1DTranspose,
    keras.layers.SeparableConv1D,
    keras.layers.DepthwiseConv1D,
)


def picture_size(shape: tuple[int, ...], channels_last: bool) -> tuple[int, int]:
    """(h, w) of [n h w c] or [n c h w]."""
    return (shape[1], shape[2]) if channels_last else (shape[2], shape[3])


def is_spatial(shape: tuple[int, ...], channels_last: bool) -> bool:
    """Whether an output is a picture with more than one row and column."""
    return len(shape) == 4 and min(picture_size(shape, channels_last)) > 1


def is_volume(shape: tuple[int, ...], channels_last: bool) -> bool:
    """Whether an output is a volume [n d h w c] or [n c d h w] with more than one of each of d, h and w."""
    return len(shape) == 5 and min(shape[1:4] if channels_last else shape[2:]) > 1


def find_targets(
    in_order: Sequence[Call], calls: Sequence[Call], channels_last: frozenset[str]
) -> tuple[tuple[TargetLayer, ...], TargetLayer | None, str]:
    """(candidates, auto, why there is no auto). Whether the model works on tokens is decided first."""
    pictures = [c for c in in_order if is_spatial(c.shape, c.named.name in channels_last)]
    candidates = [TargetLayer(c.named.name) for c in pictures]
    layers = [c for c in pictures if not c.named.container]
    attention = [c for c in in_order if isinstance(c.named.layer, ATTENTION_TYPES)]
    after = [c for c in layers if attention and calls.index(c) > calls.index(attention[-1])]
    if attention and not after:
        tokens, auto = _token_targets(in_order, calls, attention[-1], channels_last)
        if auto is not None:
            return (*candidates, *tokens), auto, ""
    if layers:
        return tuple(candidates), TargetLayer((after or layers)[-1].named.name), ""
    volumes = [c for c in in_order if is_volume(c.shape, c.named.name in channels_last)]
    if volumes:
        inner = [c for c in volumes if not c.named.container]
        targets = tuple(TargetLayer(c.named.name) for c in volumes)
        return targets, TargetLayer((inner or volumes)[-1].named.name), ""
    names = series_names(in_order)
    lines = [TargetLayer(c.named.name) for c in in_order if c.named.name in names and not c.named.container]
    if lines:
        return tuple(lines), lines[-1], ""
    return tuple(candidates), None, "no layer's output has rows and columns, so there is no map to draw"


def series_names(in_order: Sequence[Call]) -> frozenset[str]:
    """Layers with outputs [n t c] of more than one position, from the first convolution of series on."""
    found: list[str] = []
    for call in in_order:
        if found or isinstance(call.named.layer, SERIES):
            series = len(call.shape) == 3 and call.shape[1] > 1 and not _channels_first(call.named.layer)
            found += [call.named.name] if series else []
    return frozenset(found)


def features_first(layers: Sequence[NamedLayer]) -> bool:
    """Whether series are taken as [n c t]."""
    return any(isinstance(named.layer, SERIES) and _channels_first(named.layer) for named in layers)


def _channels_first(layer: Any) -> bool:
    return getattr(layer, "data_format", None) == "channels_first"


def _token_targets(
    in_order: Sequence[Call], calls: Sequence[Call], attention: Call, channels_last: frozenset[str]
) -> tuple[list[TargetLayer], TargetLayer | None]:
    """(all token layers, the input of the last attention).

    The last block's *output* will not do: where the class token decides, the gradient at its patches is
    zero, because nothing mixes tokens after the last attention.
    """
    before = [c for c in calls[: calls.index(attention)] if not c.named.container]
    tokens = [c for c in before if len(c.shape) == 3]
    source = next((c for c in reversed(tokens) if c.output is attention.inputs[0]), None)
    source = source or (tokens[-1] if tokens else None)
    if source is None:
        return [], None
    grid = token_grid(source.shape[1], _patch_sizes(before, channels_last))
    if grid is None:
        return [], None
    prefix = source.shape[1] - grid[0] * grid[1]
    same = [c for c in in_order if len(c.shape) == 3 and c.shape[1] == source.shape[1]]
    targets = [TargetLayer(c.named.name, grid, prefix) for c in same if not c.named.container]
    return targets, TargetLayer(source.named.name, grid, prefix)


def _patch_sizes(calls: Sequence[Call], channels_last: frozenset[str]) -> list[tuple[int, int]]:
    """(h, w) of the pictures among the calls' outputs and inputs, the latest first."""
    sizes = []
    for call in calls:
        last = call.named.name in channels_last
        for tensor in (*call.inputs, call.output):
            shape = tuple(int(size) for size in getattr(tensor, "shape", ()) if size is not None)
            if is_spatial(shape, last):
                sizes.append(picture_size(shape, last))
    return sizes[::-1]


def token_grid(tokens: int, pictures: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """The rows and columns of patches that `tokens` are, class token and registers aside.

    A picture of that many places is the patch embedding itself; else the patches divide a picture into
    equal squares. None: these tokens come from no picture.
    """
    for rows, columns in pictures:
        if 0 <= tokens - rows * columns <= MOST_PREFIX_TOKENS:
            return rows, columns
    for prefix in range(MOST_PREFIX_TOKENS + 1):
        for height, width in pictures:
            for size in range(2, min(height, width) + 1):
                rows, columns = height // size, width // size
                if height % size == 0 == width % size and rows * columns == tokens - prefix:
                    return rows, columns
    return None
