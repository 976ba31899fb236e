# SPDX-License-Identifier: Apache-2.0
"""What a dry run of a Keras model says about it: its layers, and which of them can be explained as a map."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from tb_xai_callbacks.backends import Layout, TargetLayer
from tb_xai_callbacks.backends.keras_taps import ATTENTION_TYPES, NamedLayer
from tb_xai_plugin.records import Layer, LayerTable, Parameter

#: More tokens than this without a place in the picture (class token, registers) are not believed.
MOST_PREFIX_TOKENS = 8


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer in the dry run: the tensors that went in and the (first) one that came out."""

    named: NamedLayer
    inputs: tuple[Any, ...]
    output: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """The output's shape with the batch axis."""
        return tuple(int(size) for size in self.output.shape)


@dataclass(frozen=True)
class Row:
    """A row of the layer statistics: the axis of the units in the output, batch axis counted."""

    name: str
    units: int
    axis: int


@dataclass(frozen=True)
class ModelMap:
    """The layout for the recorder, and what the observer needs to make it true."""

    layout: Layout
    rows: tuple[Row, ...] = ()
    variables: tuple[Any, ...] = ()
    channels_last: frozenset[str] = frozenset()
    output: str = ""


def read_calls(layers: Sequence[NamedLayer], calls: Sequence[Call], outputs: Any, model: Any) -> ModelMap:
    """The map of a model from the calls of its dry run, in the order in which they ended."""
    last = {call.named.name: call for call in calls}
    in_order = sorted(last.values(), key=calls.index)
    counts = {name: sum(call.named.name == name for call in calls) for name in last}
    channels_last = _channels_last(calls)
    executed = [call for call in in_order if not call.named.container]
    result = next((call.named.name for call in reversed(executed) if call.output is outputs), "")
    rows = tuple(_row(call, call.named.name in channels_last) for call in executed)
    described = tuple(
        _describe(call, row, counts[row.name], row.name in channels_last, row.name == result)
        for call, row in zip(executed, rows, strict=True)
    )
    idle = tuple(n.name for n in layers if not n.container and n.name not in last)
    candidates, auto, reason = _targets(in_order, calls, channels_last)
    attention = tuple(c.named.name for c in executed if isinstance(c.named.layer, ATTENTION_TYPES))
    parameters, variables = read_parameters(layers, model)
    layout = Layout(
        table=_table(described, parameters, idle),
        candidates=candidates,
        auto=auto,
        no_target_reason=reason,
        attention_layers=attention,
        no_attention_reason="" if attention else "the model has no keras.layers.MultiHeadAttention",
        call_counts=counts,
    )
    return ModelMap(layout, rows, variables, channels_last, result)


def without_probe(layers: Sequence[NamedLayer], model: Any, reason: str) -> ModelMap:
    """The map of a model that cannot be run: layers and parameters in the model's own order."""
    described = tuple(
        Layer(name=n.name, type=type(n.layer).__name__, activation=_activation(n.layer))
        for n in layers
        if not n.container
    )
    parameters, variables = read_parameters(layers, model)
    layout = Layout(_table(described, parameters, ()), no_target_reason=reason, no_attention_reason=reason)
    return ModelMap(layout, variables=variables)


def read_parameters(
    layers: Sequence[NamedLayer], model: Any
) -> tuple[tuple[Parameter, ...], tuple[Any, ...]]:
    """(descriptions, variables) of all weights, in the model's order."""
    updated = {id(variable) for variable in model.trainable_variables}
    pairs = [(named.name, name, variable) for named in layers for name, variable in named.variables]
    described = tuple(
        Parameter(
            name=name,
            layer=layer,
            shape=tuple(int(size) for size in variable.shape),
            trainable=id(variable) in updated,
            in_optimizer=id(variable) in updated and getattr(model, "optimizer", None) is not None,
        )
        for layer, name, variable in pairs
    )
    return described, tuple(variable for _, _, variable in pairs)


def _table(layers: tuple[Layer, ...], parameters: tuple[Parameter, ...], idle: tuple[str, ...]) -> LayerTable:
    digest = hashlib.sha256(repr((layers, parameters)).encode()).hexdigest()
    return LayerTable(id=digest[:12], layers=layers, parameters=parameters, never_executed=idle)


def _activation(layer: Any) -> str:
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    return "" if name == "linear" else str(name)


def _describe(call: Call, row: Row, calls: int, channels_last: bool, is_output: bool) -> Layer:
    return Layer(
        name=row.name,
        type=type(call.named.layer).__name__,
        output_shape=call.shape[1:],
        units=row.units,
        activation=_activation(call.named.layer),
        calls=calls,
        spatial=is_spatial(call.shape, channels_last),
        is_output=is_output,
    )


def _row(call: Call, channels_last: bool) -> Row:
    shape = call.shape
    own = getattr(call.named.layer, "data_format", None)
    first = (len(shape) > 3 and not channels_last) or (len(shape) == 3 and own == "channels_first")
    axis = 1 if first else len(shape) - 1
    return Row(call.named.name, shape[axis] if len(shape) > 1 else 0, axis)


def _channels_last(calls: Sequence[Call]) -> frozenset[str]:
    """Layers whose pictures are [n h w c]: as they say, else as the layer before them said."""
    found, current = set(), keras.config.image_data_format()
    for call in calls:
        own = getattr(call.named.layer, "data_format", None)
        current = own if own in ("channels_last", "channels_first") else current
        if current == "channels_last":
            found.add(call.named.name)
    return frozenset(found)


def picture_size(shape: tuple[int, ...], channels_last: bool) -> tuple[int, int]:
    """(h, w) of [n h w c] or [n c h w]."""
    return (shape[1], shape[2]) if channels_last else (shape[2], shape[3])


def is_spatial(shape: tuple[int, ...], channels_last: bool) -> bool:
    """Whether an output is a picture with more than one row and column."""
    return len(shape) == 4 and min(picture_size(shape, channels_last)) > 1


def _targets(
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
    return tuple(candidates), None, "no layer's output has rows and columns, so there is no map to draw"


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
