# SPDX-License-Identifier: Apache-2.0
"""Runs the rules over a run as its records come: hysteresis, onset, states, and what is new."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tb_xai_plugin.format.records import Finding, Findings, Record, RuleState
from tb_xai_plugin.rules.catalogue import RULES
from tb_xai_plugin.rules.evidence import Evidence
from tb_xai_plugin.rules.folding import Causes
from tb_xai_plugin.rules.rule import Rule, Symptom

LOGGER = logging.getLogger("tb_xai")

#: Up to this step the rules look at every observation, then every 15 steps, then every 2 % of the steps.
EVERY_UNTIL = 50
#: A finding's last step is brought up to date in the log each time the steps have grown by this.
REFRESH = 1.25
WATCHING, WAITING, OFF = "watching", "waiting", "off"

#: What a need is called, and the signal of the recorder that it comes from.
SIGNALS = {
    "activation": "activations", "units": "activations", "gradient": "gradients", "weight": "weights",
    "weight_gradient": "gradients", "update_ratio": "weights", "heads": "attention",
    "maps": "explanations",
}  # fmt: skip
ABSENT = {
    "loss": "no loss is given: explain.step(loss=loss)",
    "setup": "how the loss is computed is not known",
    "checkup": "there are no samples to check the outputs on: give probe=(x_val, y_val)",
    "regions": "where the things are in the labelled samples is not known: give regions=",
    "base_loss": "the loss of a constant prediction is not known: it takes labels and a known loss",
    "update_ratio": "no optimizer is known: give it to watch(model, optimizer, …)",
}


@dataclass
class _Streak:
    """A symptom that goes on: since which step, seen how often, and the finding that came of it."""

    since: int
    looks: int
    seen: int
    finding: Finding | None = None


class Diagnosis:
    """The rules at work on one run.

    Args:
        rules: which rules; a rule that raises is switched off with one warning.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        # Of all rules: what leads to what by way of a rule that is not at work does so all the same.
        self._causes = Causes((*RULES, *self.rules))
        self.evidence = Evidence()
        self.new: list[Finding] = []
        self._streaks: dict[tuple[str, str], _Streak] = {}
        self._broken: dict[str, str] = {}
        self._states: dict[str, tuple[str, str]] = {}
        self._looked = -1
        self._written = 0
        self._changed = False

    def add(self, step: int, record: Record) -> None:
        """Take in one record."""
        self.evidence.add(step, record)

    def due(self, step: int) -> bool:
        """Whether it is time to look again."""
        gap = 1 if step <= EVERY_UNTIL else max(15, step // 50)
        return step - self._looked >= gap

    def look(self, step: int) -> bool:
        """Run the rules on what is known at `step`; whether there is something new to tell."""
        self.evidence.step = self._looked = step
        for rule in self.rules:
            if rule.name not in self._broken:
                state = self._state(rule)
                self._set_state(rule.name, state)
                if state[0] == WATCHING:
                    self._run(rule, step)
        refresh = any(s.finding for s in self._streaks.values()) and step >= REFRESH * self._written
        if self._changed or refresh:
            self._written, self._changed = step, False
            return True
        return False

    def _set_state(self, name: str, state: tuple[str, str]) -> None:
        if self._states.get(name, ("", ""))[0] != state[0]:
            self._changed = True
        self._states[name] = state

    def _run(self, rule: Rule, step: int) -> None:
        try:
            with np.errstate(all="ignore"):
                symptoms = list(rule.check(self.evidence))
        except Exception as error:  # noqa: BLE001 — a user's rule may do anything
            self._broken[rule.name] = f"{type(error).__name__}: {error}"
            self._set_state(rule.name, (OFF, self._broken[rule.name]))
            LOGGER.warning("rule %s switched off: %s", rule.name, self._broken[rule.name])
            return
        seen = {symptom.layer for symptom in symptoms}
        for symptom in symptoms:
            self._note(rule, symptom, step)
        for (name, layer), streak in self._streaks.items():
            if name == rule.name and layer not in seen:
                streak.looks = 0

    def _note(self, rule: Rule, symptom: Symptom, step: int) -> None:
        streak = self._streaks.setdefault((rule.name, symptom.layer), _Streak(step, 0, step))
        if streak.looks == 0:
            streak.seen = step
            streak.since = step if symptom.since is None else min(symptom.since, step)
        streak.looks += 1
        lasting = streak.looks > 1 and step - streak.seen >= rule.hold
        if streak.finding is None and not (symptom.sure or lasting):
            return
        old = streak.finding
        first = streak.since if old is None else old.first_step
        streak.finding = found = _finding(rule, symptom, first, step)
        if old is None:
            self.new.append(found)
        if old is None or old.severity != found.severity:
            self._changed = True

    # ---- states

    def _state(self, rule: Rule) -> tuple[str, str]:
        for need in rule.needs:
            if not self._has(need):
                reason = self._why_absent(need)
                return (OFF, reason) if reason else (WAITING, f"waits for {SIGNALS.get(need, need)}")
        if self.evidence.step < rule.min_steps:
            return WAITING, f"not enough data yet ({self.evidence.step} of {rule.min_steps} steps)"
        return WATCHING, ""

    def _has(self, need: str) -> bool:
        e = self.evidence
        if need == "loss":
            return len(e.losses) > 0
        if need == "setup":
            return bool(e.setup.loss)
        if need == "checkup":
            return "probe_output_std" in e.scalars
        if need == "base_loss":
            return bool(np.isfinite(e.setup.base_loss)) and len(e.losses) > 0
        if need == "units":
            return e.units.count > 0
        if need == "heads":
            return bool(e.heads)
        if need == "maps":
            return bool(e.maps.trails)
        if need == "regions":
            return e.maps.has_regions
        if need == "update_ratio":
            known = e.has("weight", "update_ratio")
            return known and bool(np.isfinite(e.column("weight", "update_ratio", 100, 8)[1]).any())
        return e.has(need)

    def _why_absent(self, need: str) -> str:
        """Why something will not come any more, "" while it may."""
        signals = self.evidence.status.signals if self.evidence.status else ()
        wanted = SIGNALS.get(need)
        reasons = [s.reason for s in signals if s.name == wanted and s.state == "off"]
        if reasons:
            return reasons[0]
        if need == "maps" and self.evidence.maps.no_pictures:
            return "the inputs are no pictures"
        return ABSENT.get(need, "") if self.evidence.step >= 20 else ""

    # ---- results

    def findings(self) -> Findings:
        """All findings so far with their roots, and the rules' states."""
        found = [streak.finding for streak in self._streaks.values() if streak.finding is not None]
        states = tuple(
            RuleState(rule.name, rule.family, *self._states.get(rule.name, (WAITING, "")), rule.definition)
            for rule in self.rules
        )
        return Findings(self._causes.fold(found, self.evidence.layer_rows), states, max(self._looked, 0))

    def take_new(self) -> list[Finding]:
        """Findings that were not taken before."""
        new, self.new = self.new, []
        return new


def _finding(rule: Rule, symptom: Symptom, first_step: int, step: int) -> Finding:
    return Finding(
        rule=rule.name,
        severity=symptom.severity or rule.severity,
        layer=symptom.layer,
        first_step=first_step,
        last_step=step,
        value=float(symptom.value),
        threshold=float(symptom.threshold),
        message=symptom.message,
        advice=symptom.advice,
        family=rule.family,
        title=symptom.title,
        cause=symptom.cause,
        statistic=symptom.statistic,
    )
