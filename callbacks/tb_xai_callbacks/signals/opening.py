# SPDX-License-Identifier: Apache-2.0
"""What a run cannot show is told when it opens: no layer to explain, no probe, no attention."""

from __future__ import annotations

from tb_xai_callbacks.attribution.methods import GRADIENT_ROLLOUT, INPUT_METHODS, ROLLOUTS
from tb_xai_callbacks.backends.contract import Layout, TargetLayer
from tb_xai_callbacks.options import Options
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.run.status import Journal
from tb_xai_callbacks.signals.map_layers import resolve_targets

#: Layers that never run and are told one by one.
MOST_TOLD = 20
NO_LABELS = (
    'targets="label", but the probe has no labels, so the predicted class is explained; give probe=(x, y)'
)


def explained_layers(options: Options, layout: Layout, journal: Journal) -> tuple[TargetLayer, ...]:
    """The layers whose maps are drawn; where there are none, the journal has the reason.

    Raises:
        ValueError: if `options.target_layers` names a layer that is not there or has no map.
    """
    if "explanations" not in options.signals or not layout.table.layers:
        return ()
    targets, reason = resolve_targets(options.target_layers, layout)
    if not targets and set(options.methods) & {*INPUT_METHODS, *ROLLOUTS, GRADIENT_ROLLOUT}:
        journal.notice("info", "explanations", f"no maps of layers: {reason}", 0)
    elif not targets:
        journal.signal("explanations", "off", reason, 'name a layer: target_layers="…"')
        journal.notice("warning", "explanations", f"off: {reason}", 0)
    return targets


def tell_gaps(probe: ProbeSet | None, options: Options, layout: Layout, journal: Journal) -> None:
    """What is off from the start, and why."""
    if probe is None:
        for name in ("explanations", "attention"):
            journal.signal(name, "off", "there is no probe", "give probe=(inputs, labels)")
        return
    for problem in probe.problems:
        journal.notice("warning", "probe", problem, 0)
    if isinstance(options.targets, str) and options.targets == "label" and probe.truth is None:
        journal.notice("warning", "explanations", NO_LABELS, 0)
    if not layout.attention_layers:
        journal.signal("attention", "off", layout.no_attention_reason or "the model has no attention layer")
    for layer in layout.table.never_executed[:MOST_TOLD]:
        journal.notice("info", layer, "the forward pass never runs this layer", 0)
