# SPDX-License-Identifier: Apache-2.0
"""Which layers of a torch model can be explained as a map, and which one is meant if nobody says."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from tb_xai_callbacks.backends.contract import Layout, TargetLayer
from tb_xai_callbacks.backends.torch.layout import (
    PASS_THROUGH,
    DryRun,
    ancestors,
    channels_last_names,
    layer_table,
    picture_size,
    rows,
    unit_axes,
)

NO_ATTENTION = (
    "no attention was seen: neither scaled_dot_product_attention nor nn.MultiheadAttention ran, "
    "and attention that a model computes by itself has no name to find it by"
)
NO_MAP = "no layer's output has rows and columns, so there is no map to draw"
#: Class tokens and registers before the patches: at most so many.
MOST_PREFIX_TOKENS = 5
#: Convolutions of series [n c t].
SERIES = (nn.Conv1d, nn.ConvTranspose1d)


def series_names(run: DryRun, axes: dict[str, int]) -> frozenset[str]:
    """Modules with outputs [n c t] of more than one position, from the first convolution of series on."""
    found: list[str] = []
    for item in run.executions.values():
        if found or isinstance(item.module, SERIES):
            series = len(item.shape) == 3 and axes[item.name] == 1 and item.shape[2] > 1
            found += [item.name] if series else []
    return frozenset(found)


def takes_series(model: nn.Module, shape: Sequence[int]) -> bool:
    """Whether an input of this shape is [n c t]: the first convolution of series takes as many channels."""
    first = next((module for module in model.modules() if isinstance(module, SERIES)), None)
    return first is not None and len(shape) == 3 and first.in_channels == shape[1]


def candidates(
    run: DryRun, output: Tensor | None, last: frozenset[str], series: frozenset[str]
) -> list[TargetLayer]:
    """Every module with rows and columns in its output, but for the model's own output and attention's.

    Where there are none, volumes [n c d h w]; or those with positions in time: their maps have one row.
    """
    maps: list[TargetLayer] = []
    volumes: list[TargetLayer] = []
    lines: list[TargetLayer] = []
    for item in run.executions.values():
        inside = any(up in run.attention for up in [item.name, *ancestors(item.name)])
        if inside or isinstance(item.module, PASS_THROUGH) or item.tensor is output:
            continue
        if min(picture_size(item, last)) > 1:
            maps.append(TargetLayer(item.name))
        elif len(item.shape) == 5 and min(item.shape[2:]) > 1:
            volumes.append(TargetLayer(item.name))
        elif item.name in series:
            lines.append(TargetLayer(item.name))
    return maps or volumes or lines


def token_target(run: DryRun, tokens: Sequence[tuple[str, int]], last: frozenset[str]) -> TargetLayer | None:
    """For a model that attends over picture patches: the layer that feeds the last attention.

    `tokens` are (attention layer, number of keys). A model that classifies from its class token has no
    gradient at the patches of the last block's output, so the input of its attention is explained.
    """
    for name, count in reversed(tokens):
        grid = _grid(run, count, last)
        item = run.executions.get(name)
        if grid is None or item is None:
            continue
        feeding = [e for e in rows(run) if id(e.tensor) in item.inputs and e.name != name]
        if feeding and len(feeding[-1].shape) == 3 and feeding[-1].shape[1] == count:
            return TargetLayer(feeding[-1].name, *grid)
    return None


def _grid(run: DryRun, count: int, last: frozenset[str]) -> tuple[tuple[int, int], int] | None:
    """(rows, columns) and prefix of `count` tokens: the grid of a convolution, or else a square one."""
    sizes = [size for e in run.executions.values() if min(size := picture_size(e, last)) > 1]
    prefixes = range(min(MOST_PREFIX_TOKENS, count - 4) + 1)
    for prefix in prefixes:
        match = [size for size in sizes if size[0] * size[1] == count - prefix]
        if match:
            return match[-1], prefix
    for prefix in prefixes:
        side = math.isqrt(count - prefix)
        if sizes and side * side == count - prefix:
            return (side, side), prefix
    return None


def make_layout(
    model: nn.Module,
    run: DryRun,
    output: Tensor | None,
    attention: dict[str, Tensor],
    updated: dict[int, int] | None,
    trainable: set[int],
) -> Layout:
    """Everything the recorder wants to know, from one dry run and its attention probabilities."""
    run.attention = list(attention)
    axes = unit_axes(run)
    last = channels_last_names(run, axes)
    maps = candidates(run, output, last, series_names(run, axes))
    sizes = [(name, weights.shape[-2:]) for name, weights in attention.items()]
    square = [(name, keys) for name, (queries, keys) in sizes if queries == keys]
    auto = token_target(run, square, last) or (maps[-1] if maps else None)
    table = layer_table(model, run, axes, last, updated, trainable)
    head = table.layers[-1] if table.layers else None
    return Layout(
        table=table,
        candidates=(*maps, *([auto] if auto and auto not in maps else [])),
        auto=auto,
        no_target_reason="" if auto else NO_MAP,
        attention_layers=tuple(attention),
        no_attention_reason="" if attention else NO_ATTENTION,
        call_counts={item.name: item.calls for item in run.executions.values()},
        sigmoid_output=head is not None and "sigmoid" in (head.type.lower(), head.activation),
    )
