# SPDX-License-Identifier: Apache-2.0
"""One root cause per incident: which finding follows from which, told by what the rules say they lead to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tb_xai_plugin.format.records import Finding
from tb_xai_plugin.rules.rule import INFO, SEVERITIES, Rule

#: A cause may be seen this many steps after what it leads to.
SLACK = 10


class Causes:
    """What leads to what among rules, and the order in which they are told.

    A rule that leads to nothing and that nothing leads to is neither cause nor consequence: a user's, unless
    it says otherwise.

    Args:
        rules: among those that have the same place in the order, the first comes first.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        by_name = {rule.name: rule for rule in rules}
        self._leads = {name: _all_of(name, {n: r.leads_to for n, r in by_name.items()}) for name in by_name}
        self._spreading = {rule.name for rule in by_name.values() if rule.spreads}
        before = {name: (*rule.leads_to, *rule.told_before) for name, rule in by_name.items()}
        self.order = _ordered(before)

    def leads(self, cause: str, consequence: str) -> bool:
        """Whether one rule leads to another, directly or by way of others."""
        return consequence in self._leads.get(cause, ())

    def fold(self, findings: Sequence[Finding], depth: Mapping[str, int]) -> tuple[Finding, ...]:
        """Findings with their roots, worst first. `depth`: a layer's place in the network."""
        ranked = sorted(findings, key=lambda f: (self._rank(f), f.first_step, depth.get(f.layer, -1)))
        roots: dict[str, str] = {}
        for place, finding in enumerate(ranked):
            for cause in ranked[:place]:
                if not roots.get(cause.key) and self._explains(cause, finding):
                    roots[finding.key] = cause.key
                    break
        named = [replace(finding, root=roots.get(finding.key, "")) for finding in ranked]
        return tuple(
            sorted(named, key=lambda f: (_severity_of_incident(f, named), f.root != "", self._rank(f)))
        )

    def _rank(self, finding: Finding) -> int:
        return self.order.index(finding.rule) if finding.rule in self.order else len(self.order)

    def _explains(self, cause: Finding, finding: Finding) -> bool:
        spread = cause.rule == finding.rule and cause.rule in self._spreading
        if cause.severity == INFO or not (spread or self.leads(cause.rule, finding.rule)):
            return False
        return cause.first_step <= finding.first_step + SLACK


def _all_of(name: str, leads_to: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """All that a rule leads to, in however many steps."""
    found: set[str] = set()
    ahead = [*leads_to[name]]
    while ahead:
        found.add(next_one := ahead.pop())
        ahead += [each for each in leads_to.get(next_one, ()) if each not in found]
    return frozenset(found - {name})


def _ordered(before: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Names, each before those that it stands before; where that leaves a choice, the first given one.

    Names that stand before none and after none are left out.
    """
    after = {name for names in before.values() for name in names}
    left = [name for name in before if before[name] or name in after]
    ordered: list[str] = []
    while left:
        free = (name for name in left if not any(name in before[other] for other in left))
        ordered.append(next(free, left[0]))  # a circle has no first one: any will do
        left.remove(ordered[-1])
    return tuple(ordered)


def _severity_of_incident(finding: Finding, findings: Sequence[Finding]) -> int:
    """The worst severity of a root and all that follows from it."""
    key = finding.root or finding.key
    return min(SEVERITIES.index(f.severity) for f in findings if key in (f.root, f.key))
