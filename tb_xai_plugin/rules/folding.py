# SPDX-License-Identifier: Apache-2.0
"""One root cause per incident: which finding follows from which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tb_xai_plugin.format.records import Finding
from tb_xai_plugin.rules.rule import INFO, SEVERITIES

#: Causes before what they lead to: data and loss, then the start, steps, layers, and what comes of it.
ORDER = (
    "broadcast_loss", "head_loss_mismatch", "target_range", "hidden_softmax", "unscaled_inputs",
    "unscaled_targets", "constant_init", "bad_init", "update_ratio_high", "uphill_updates", "dead_layer",
    "no_training", "no_update", "saturation", "vanishing_gradients", "exploding_gradients",
    "attention_collapse", "dying_layer", "rank_collapse", "update_ratio_low", "high_initial_loss",
    "negative_loss", "nonfinite", "constant_output", "worse_than_constant", "constant_prediction",
    "missing_class", "oscillation", "plateau", "overfitting", "dead_head", "lagging_layer",
)  # fmt: skip
#: Choices of the user: nothing else leads to them.
CHOICES = frozenset(ORDER[:8])
#: What is no cause of anything else.
ENDS = frozenset(ORDER[ORDER.index("constant_output") :])
#: What does not come of anything else, though it stands late in the order.
OF_ITSELF = frozenset({"lagging_layer", "dead_head"})
#: Of one rule at several layers, the first one explains the others.
SPREADING = frozenset(
    {"dead_layer", "saturation", "no_update", "nonfinite", "dying_layer", "attention_collapse"}
)
#: A cause may be seen this many steps after what it leads to.
SLACK = 10


def fold(findings: Sequence[Finding], depth: Mapping[str, int]) -> tuple[Finding, ...]:
    """Findings with their roots, worst first. `depth`: a layer's place in the network."""
    ranked = sorted(findings, key=lambda f: (_rank(f), f.first_step, depth.get(f.layer, -1)))
    roots: dict[str, str] = {}
    for place, finding in enumerate(ranked):
        for cause in ranked[:place]:
            if not roots.get(cause.key) and _explains(cause, finding):
                roots[finding.key] = cause.key
                break
    named = [replace(finding, root=roots.get(finding.key, "")) for finding in ranked]
    return tuple(sorted(named, key=lambda f: (_severity_of_incident(f, named), f.root != "", _rank(f))))


def _rank(finding: Finding) -> int:
    return ORDER.index(finding.rule) if finding.rule in ORDER else len(ORDER)


def _explains(cause: Finding, finding: Finding) -> bool:
    if cause.severity == INFO or cause.rule in ENDS or cause.rule not in ORDER:
        return False
    if finding.rule in CHOICES or finding.rule in OF_ITSELF or finding.rule not in ORDER:
        return False
    if cause.rule == finding.rule and cause.rule not in SPREADING:
        return False
    return cause.first_step <= finding.first_step + SLACK


def _severity_of_incident(finding: Finding, findings: Sequence[Finding]) -> int:
    """The worst severity of a root and all that follows from it."""
    key = finding.root or finding.key
    return min(SEVERITIES.index(f.severity) for f in findings if key in (f.root, f.key))
