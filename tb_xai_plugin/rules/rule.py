# SPDX-License-Identifier: Apache-2.0
"""What a rule is: a name, what it needs, what it leads to, and a pure function from evidence to symptoms."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tb_xai_plugin.rules.evidence import Evidence

ERROR, WARNING, INFO = "error", "warning", "info"
#: Worst first.
SEVERITIES = (ERROR, WARNING, INFO)


@dataclass(frozen=True)
class Symptom:
    """A rule's condition holds now, at `layer` ("" for the whole network).

    `value` and `threshold` are of `statistic`. `since` is the first step for which the evidence shows it,
    None for now. `severity` "" is the rule's own. `sure` needs no second look: it is no matter of chance.
    """

    layer: str
    value: float
    threshold: float
    statistic: str
    title: str
    message: str
    cause: str
    advice: str
    severity: str = ""
    since: int | None = None
    sure: bool = False


#: A rule's function. It may keep nothing and change nothing.
Check = Callable[[Evidence], Iterable[Symptom]]


@dataclass(frozen=True)
class Rule:
    """One symptom.

    Args:
        name: as it stands in findings.
        family: which kind of trouble it belongs to.
        severity: error, warning or info.
        definition: one sentence with the numbers in it.
        check: the condition.
        needs: what must have been logged: loss, setup, checkup, base_loss, activation, gradient, weight,
            weight_gradient, update_ratio, units, heads, maps, regions.
        min_steps: optimiser steps before which it says nothing.
        hold: steps over which it must hold, in two looks at least, before it counts.
        leads_to: names of the rules that come next in the chain of causes. A finding of this rule explains
            those of these rules, and of all that they lead to in turn, unless they were seen well before it.
        told_before: names of rules that are told after it though it leads to none of them.
        spreads: of its findings at several layers, the first one explains the others.
    """

    name: str
    family: str
    severity: str
    definition: str
    check: Check
    needs: tuple[str, ...] = ()
    min_steps: int = 0
    hold: int = 5
    leads_to: tuple[str, ...] = ()
    told_before: tuple[str, ...] = ()
    spreads: bool = False


def rule(
    family: str,
    severity: str,
    *,
    needs: tuple[str, ...] = (),
    min_steps: int = 0,
    hold: int = 5,
    leads_to: tuple[str, ...] = (),
    told_before: tuple[str, ...] = (),
    spreads: bool = False,
) -> Callable[[Check], Rule]:
    """Makes a rule of a function: it has its name, and the first paragraph of its docstring as definition."""

    def made(check: Check) -> Rule:
        paragraph = " ".join((check.__doc__ or "").split("\n\n")[0].split())
        return Rule(
            check.__name__, family, severity, paragraph, check, needs, min_steps, hold, leads_to, told_before,
            spreads,
        )  # fmt: skip

    return made
