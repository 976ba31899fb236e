# SPDX-License-Identifier: Apache-2.0
"""Diagnosis: rules, one symptom each, over the records of a run.

A rule is a pure function from `Evidence` to `Symptom`s; every threshold is an argument with its default
and its reason in the docstring. `RULES` is all of them; `Diagnosis` runs them as records come.
"""

from __future__ import annotations

from tb_xai_plugin.rules import attention, gradients, layers, loss, outputs, start, updates
from tb_xai_plugin.rules import loss_setup as setup_rules
from tb_xai_plugin.rules.engine import Diagnosis
from tb_xai_plugin.rules.evidence import Evidence
from tb_xai_plugin.rules.rule import ERROR, INFO, WARNING, Check, Rule, Symptom

__all__ = ["RULES", "Check", "Diagnosis", "Evidence", "Rule", "Symptom"]


def _rule(
    name: str,
    family: str,
    severity: str,
    check: Check,
    needs: tuple[str, ...],
    min_steps: int = 0,
    hold: int = 5,
) -> Rule:
    """A rule whose definition is the first paragraph of its function's docstring."""
    paragraph = " ".join((check.__doc__ or "").split("\n\n")[0].split())
    return Rule(name, family, severity, paragraph, check, needs, min_steps, hold)


#: Every rule, causes before what they lead to.
RULES: tuple[Rule, ...] = (
    _rule("broadcast_loss", "head and loss", ERROR, setup_rules.broadcast_loss, ("setup",)),
    _rule("head_loss_mismatch", "head and loss", ERROR, setup_rules.head_loss_mismatch, ("setup",)),
    _rule("target_range", "head and loss", ERROR, setup_rules.target_range, ("setup",)),
    _rule("hidden_softmax", "head and loss", WARNING, setup_rules.hidden_softmax, ()),
    _rule("unscaled_inputs", "data", WARNING, setup_rules.unscaled_inputs, ()),
    _rule("unscaled_targets", "data", WARNING, setup_rules.unscaled_targets, ("setup",)),
    _rule("constant_init", "initialisation", ERROR, start.constant_init, ("weight",)),
    _rule("bad_init", "initialisation", WARNING, start.bad_init, ("weight",)),
    _rule("high_initial_loss", "initialisation", WARNING, start.high_initial_loss, ("base_loss",), 3),
    _rule("nonfinite", "non-finite", ERROR, loss.nonfinite, ()),
    _rule("negative_loss", "head and loss", ERROR, loss.negative_loss, ("setup", "loss")),
    _rule("uphill_updates", "learning rate", ERROR, loss.uphill_updates, ("loss",), 30),
    _rule("update_ratio_high", "learning rate", ERROR, updates.update_ratio_high, ("update_ratio",), 4, 3),
    _rule("update_ratio_low", "learning rate", WARNING, updates.update_ratio_low, ("update_ratio", "loss"), 50, 10),
    _rule("dead_layer", "dead units", ERROR, layers.dead_layer, ("units",), 5),
    _rule("dying_layer", "dead units", WARNING, layers.dying_layer, ("units",), 50, 20),
    _rule("no_training", "no update", ERROR, updates.no_training, ("weight",), 10),
    _rule("no_update", "no update", WARNING, updates.no_update, ("weight",), 15, 10),
    _rule("vanishing_gradients", "vanishing gradients", WARNING, gradients.vanishing_gradients,
          ("weight_gradient",), 15, 15),
    _rule("exploding_gradients", "exploding gradients", WARNING, gradients.exploding_gradients,
          ("weight_gradient",), 3),
    _rule("saturation", "saturation", WARNING, layers.saturation, ("activation",), 10, 10),
    _rule("rank_collapse", "rank collapse", ERROR, layers.rank_collapse, ("activation", "units"), 20, 20),
    _rule("attention_collapse", "attention", WARNING, attention.attention_collapse, ("heads",), 5),
    _rule("dead_head", "attention", INFO, attention.dead_head, ("heads",), 200),
    _rule("constant_output", "constant output", ERROR, outputs.constant_output, ("checkup",), 10),
    _rule("worse_than_constant", "no learning", ERROR, loss.worse_than_constant, ("base_loss",), 200, 20),
    _rule("plateau", "no learning", WARNING, loss.plateau, ("base_loss",), 250, 50),
    _rule("oscillation", "oscillation", WARNING, loss.oscillation, ("loss",), 100, 50),
    _rule("overfitting", "overfitting", INFO, outputs.overfitting, ("checkup", "loss"), 100, 20),
    _rule("constant_prediction", "class imbalance", WARNING, outputs.constant_prediction, ("checkup",), 100, 20),
    _rule("missing_class", "class imbalance", WARNING, outputs.missing_class, ("checkup",), 200, 20),
    _rule("lagging_layer", "learning rate", INFO, updates.lagging_layer, ("update_ratio",), 200, 50),
)  # fmt: skip
