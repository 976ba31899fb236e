# SPDX-License-Identifier: Apache-2.0
"""Diagnosis: rules, one symptom each, over the records of a run.

A rule is a pure function from `Evidence` to `Symptom`s; every threshold is an argument with its default
and its reason in the docstring. What a rule leads to stands beside it, and findings are folded and ordered
by that. `RULES` is all of them, `rules_named` finds them by name; `Diagnosis` runs them as records come.
"""

from __future__ import annotations

from tb_xai_plugin.rules.catalogue import RULES, rules_named
from tb_xai_plugin.rules.engine import Diagnosis
from tb_xai_plugin.rules.evidence import Evidence
from tb_xai_plugin.rules.rule import Check, Rule, Symptom

__all__ = ["RULES", "Check", "Diagnosis", "Evidence", "Rule", "Symptom", "rules_named"]
