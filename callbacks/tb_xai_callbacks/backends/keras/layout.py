# SPDX-License-Identifier: Apache-2.0
"""What a dry run of a Keras model says about it: its layers, their units, its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from tb_xai_callbacks.backends.contract import Layout
from tb_xai_callbacks.backends.keras.calls import Call
from tb_xai_callbacks.backends.keras.map_layers import features_first, find_targets, is_spatial, series_names
from tb_xai_callbacks.backends.keras.taps import ATTENTION_TYPES, NamedLayer
from tb_xai_plugin.format.records import Layer, LayerTable, Parameter


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
    series: frozenset[str] = frozenset()
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
    candidates, auto, reason = find_targets(in_order, calls, channels_last)
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
        features_first=features_first(layers),
    )
    return ModelMap(layout, rows, variables, channels_last, series_names(in_order), result)


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


def explainable(found: ModelMap, output_reason: str) -> ModelMap:
    """The map with no layer to explain, if it is not known which output to explain."""
    if not output_reason:
        return found
    layout = replace(found.layout, auto=None, no_target_reason=output_reason, no_output_reason=output_reason)
    return replace(found, layout=layout)
