# SPDX-License-Identifier: Apache-2.0
"""Every rule there is, and rules by their names."""

from __future__ import annotations

from collections.abc import Iterable

from tb_xai_plugin.format.errors import no_such
from tb_xai_plugin.rules import attention, gradients, layers, looks, loss, loss_setup, outputs, start, updates
from tb_xai_plugin.rules.rule import Rule

#: Every rule, in the order in which their states are listed. What leads to what, the rules say themselves.
RULES: tuple[Rule, ...] = (
    loss_setup.broadcast_loss,
    loss_setup.head_loss_mismatch,
    loss_setup.target_range,
    loss_setup.hidden_softmax,
    loss_setup.unscaled_inputs,
    loss_setup.unscaled_targets,
    start.constant_init,
    start.bad_init,
    start.high_initial_loss,
    loss.nonfinite,
    loss.negative_loss,
    loss.uphill_updates,
    updates.update_ratio_high,
    updates.update_ratio_low,
    layers.dead_layer,
    layers.dying_layer,
    updates.no_training,
    updates.no_update,
    gradients.vanishing_gradients,
    gradients.exploding_gradients,
    layers.saturation,
    layers.rank_collapse,
    attention.attention_collapse,
    attention.dead_head,
    outputs.constant_output,
    loss.worse_than_constant,
    loss.plateau,
    loss.oscillation,
    outputs.overfitting,
    outputs.constant_prediction,
    outputs.missing_class,
    looks.looks_elsewhere,
    looks.maps_all_alike,
    looks.map_stuck_at_border,
    updates.lagging_layer,
)


def rules_named(names_or_rules: Iterable[str | Rule]) -> tuple[Rule, ...]:
    """Rules as they are given, and those of `RULES` for names; each once.

    Raises:
        ValueError: for a name, here or in what a rule leads to, that no rule has; the message names the
            nearest. Also for what is neither a name nor a rule.
    """
    given = (names_or_rules,) if isinstance(names_or_rules, str) else tuple(names_or_rules)
    rules = tuple(dict.fromkeys(_rule(each) for each in given))
    there = tuple(_KNOWN | {rule.name: rule for rule in rules})
    for rule in rules:
        for name in (*rule.leads_to, *rule.told_before):
            if name not in there:
                raise ValueError(f"what {rule.name!r} leads to: {no_such('rule', name, there)}")
    return rules


_KNOWN = {rule.name: rule for rule in RULES}


def _rule(given: str | Rule) -> Rule:
    if isinstance(given, Rule):
        return given
    if not isinstance(given, str):
        raise ValueError(f"rules: expected rules and names of rules, got {given!r}")
    if given not in _KNOWN:
        raise ValueError(no_such("rule", given, tuple(_KNOWN)))
    return _KNOWN[given]
