# SPDX-License-Identifier: Apache-2.0
"""Which layers are explained: "auto", or the names the user gave, checked against the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tb_xai_callbacks.attribution import Method
from tb_xai_callbacks.attribution.method import LAYER
from tb_xai_callbacks.backends.contract import Layout, TargetLayer
from tb_xai_callbacks.console import nearest
from tb_xai_plugin.format.records import Layer


def resolve_targets(wanted: str | Sequence[str], layout: Layout) -> tuple[tuple[TargetLayer, ...], str]:
    """The layers to explain, those without a map first, and why there are none if there are none.

    Raises:
        ValueError: for a name that is no layer, listing the nearest.
    """
    if wanted == "auto":
        if layout.auto is None:
            return (), layout.no_target_reason or "no layer's output has rows and columns"
        return (layout.auto,), ""
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    found = [_named(name, layout) for name in names]
    # what judges maps looks at the last layer
    return tuple(sorted(found, key=lambda target: target.has_map)), ""


def unmapped(targets: Sequence[TargetLayer], methods: Iterable[Method], layout: Layout) -> str:
    """Why methods that need rows and columns cannot explain the layers that have none; "" if all have.

    Raises:
        ValueError: the same, if none of the methods can explain one of these layers.
    """
    of_units = any(not method.needs_map for method in methods if method.explains == LAYER)
    reason = ""
    for target in targets:
        if not target.has_map:
            reason = reason or _no_map(target.name, layout)
            if not of_units:
                raise ValueError(f"target_layers: {reason}")
    return reason


def _named(name: str, layout: Layout) -> TargetLayer:
    candidates = _candidates(layout)
    if name in candidates:
        return candidates[name]
    layers = {layer.name: layer for layer in layout.table.layers}
    if name in layers:
        return TargetLayer(name, has_map=False, units_axis=_units_axis(layers[name]))
    raise ValueError(
        f"target_layers: the forward pass runs no layer {name!r}; "
        f"nearest: {nearest(name, [*candidates, *layers])}"
    )


def _candidates(layout: Layout) -> dict[str, TargetLayer]:
    found = {target.name: target for target in layout.candidates}
    if layout.auto is not None:
        found.setdefault(layout.auto.name, layout.auto)
    return found


def _no_map(name: str, layout: Layout) -> str:
    shape = next(layer.output_shape for layer in layout.table.layers if layer.name == name)
    return (
        f"layer {name!r} has outputs of shape {shape}, which have no rows and columns to draw; "
        f"layers that have: {nearest(name, list(_candidates(layout)))}"
    )


def _units_axis(layer: Layer) -> int:
    """The axis of the units of an output [n …] that is no map: the last one of their number."""
    sizes = [1 + axis for axis, size in enumerate(layer.output_shape) if size == layer.units]
    return sizes[-1] if sizes else 1
