# SPDX-License-Identifier: Apache-2.0
"""Which layers are explained: "auto", or the names the user gave, checked against the model."""

from __future__ import annotations

from collections.abc import Sequence

from tb_xai_callbacks.backends.contract import Layout, TargetLayer
from tb_xai_callbacks.console import nearest


def resolve_targets(wanted: str | Sequence[str], layout: Layout) -> tuple[tuple[TargetLayer, ...], str]:
    """The layers to explain, and why there are none if there are none.

    Raises:
        ValueError: for a name that is no layer, listing the nearest; or a layer without rows and columns.
    """
    if wanted == "auto":
        if layout.auto is None:
            return (), layout.no_target_reason or "no layer's output has rows and columns"
        return (layout.auto,), ""
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    return tuple(_named(name, layout) for name in names), ""


def _named(name: str, layout: Layout) -> TargetLayer:
    candidates = {target.name: target for target in layout.candidates}
    if layout.auto is not None:
        candidates.setdefault(layout.auto.name, layout.auto)
    if name in candidates:
        return candidates[name]
    shapes = {layer.name: layer.output_shape for layer in layout.table.layers}
    if name in shapes:
        raise ValueError(
            f"target_layers: layer {name!r} has outputs of shape {shapes[name]}, which have no rows and "
            f"columns to draw; layers that have: {nearest(name, list(candidates))}"
        )
    known = [*candidates, *shapes]
    raise ValueError(
        f"target_layers: the forward pass runs no layer {name!r}; nearest: {nearest(name, known)}"
    )
