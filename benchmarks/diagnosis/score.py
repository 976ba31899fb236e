# SPDX-License-Identifier: Apache-2.0
"""From runs to figures: labels by outcome, then how many healthy runs were flagged and faulty ones found."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.diagnosis.development_set import BY_NAME, Outcome, Program, outcomes
from benchmarks.diagnosis.jobs import ANCHORS, OURS, Flag, Result

#: Severities that count as an alarm; info does not.
ALARMS = ("error", "warning")


@dataclass(frozen=True)
class Judged:
    """A run with its label; `flags` are alarms only."""

    program: Program
    result: Result
    label: str

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Errors and warnings, worst first."""
        return tuple(flag for flag in self.result.flags if flag.severity in ALARMS)

    @property
    def right(self) -> bool:
        """An expected rule fired."""
        return any(flag.rule in self.program.expected for flag in self.flags)

    @property
    def cause(self) -> bool:
        """A rule that names the cause fired."""
        return any(flag.rule in self.program.causes for flag in self.flags)

    @property
    def headline(self) -> bool:
        """The first finding that stands for itself is of an expected rule."""
        roots = [flag for flag in self.flags if flag.root]
        return bool(roots) and roots[0].rule in self.program.expected

    @property
    def alarm_step(self) -> int:
        """The earliest step of an alarm."""
        return min(flag.step for flag in self.flags)


@dataclass(frozen=True)
class Share:
    """`count` of `total`."""

    count: int
    total: int

    def __str__(self) -> str:
        percent = f" ({100 * self.count / self.total:.0f} %)" if self.total else ""
        return f"{self.count}/{self.total}{percent}"


@dataclass(frozen=True)
class RuleScore:
    """How often a rule fired: on faulty runs that expect it or not, on healthy and on harmless runs.

    What other tools' rules find on faulty runs is all in `other`: programs expect our names.
    """

    tool: str
    rule: str
    right: int
    other: int
    healthy: int
    harmless: int


def judge(results: Iterable[Result], references: dict[tuple[str, int], Outcome]) -> list[Judged]:
    """Label every run that ended with an outcome; `references` is by healthy program and seed."""
    judged = []
    for result in results:
        if result.outcome is None:
            continue
        program = BY_NAME[result.job.program]
        if program.kind == "healthy":
            label = outcomes.label_healthy(result.outcome, program.good_score)
        else:
            label = outcomes.label_faulty(result.outcome, references[program.reference, result.job.seed])
        judged.append(Judged(program, result, label))
    return judged


def chosen(judged: Iterable[Judged], monitor: str, label: str) -> list[Judged]:
    """The runs under a monitor with a label."""
    return [run for run in judged if run.result.job.monitor == monitor and run.label == label]


def share(runs: Sequence[Judged], holds: Callable[[Judged], bool]) -> Share:
    """Of how many runs it holds."""
    return Share(sum(map(holds, runs)), len(runs))


def quantile(values: Iterable[int], q: float) -> float:
    """The smallest value that at least the share `q` does not exceed; NaN of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)] if ordered else math.nan


def our_figures(judged: Sequence[Judged]) -> dict[str, str]:
    """The headline figures of our rules, as text."""
    healthy = chosen(judged, OURS, outcomes.HEALTHY)
    faulty = chosen(judged, OURS, outcomes.FAULTY)
    found = [run for run in faulty if run.flags]
    nameable = [run for run in faulty if run.program.causes]
    steps = [run.alarm_step for run in found]
    return {
        "healthy runs flagged": str(share(healthy, lambda run: bool(run.flags))),
        "faulty runs found": str(share(faulty, lambda run: bool(run.flags))),
        "right rule, of faulty": str(share(faulty, lambda run: run.right)),
        "first root finding right, of faulty": str(share(faulty, lambda run: run.headline)),
        "cause named, of faulty whose cause a rule can name": str(share(nameable, lambda run: run.cause)),
        "first alarm step, median": f"{quantile(steps, 0.5):.0f}",
        "first alarm step, p90": f"{quantile(steps, 0.9):.0f}",
    }


def anchor_figures(judged: Sequence[Judged], tool: str, without: tuple[str, ...] = ()) -> tuple[Share, Share]:
    """Healthy runs flagged and faulty runs found by a tool, some of its rules left out."""

    def fired(run: Judged) -> bool:
        return any(flag.tool == tool and flag.rule not in without for flag in run.flags)

    return (
        share(chosen(judged, ANCHORS, outcomes.HEALTHY), fired),
        share(chosen(judged, ANCHORS, outcomes.FAULTY), fired),
    )


def rule_scores(judged: Iterable[Judged]) -> list[RuleScore]:
    """One row per rule that fired on a run, ours first."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for run in judged:
        for tool, rule in {(flag.tool, flag.rule) for flag in run.flags}:
            kind = run.label
            if kind == outcomes.FAULTY:
                kind = "right" if tool == OURS and rule in run.program.expected else "other"
            counts.setdefault((tool, rule), Counter())[kind] += 1
    return [
        RuleScore(tool, rule, c["right"], c["other"], c[outcomes.HEALTHY], c[outcomes.HARMLESS])
        for (tool, rule), c in sorted(counts.items(), key=lambda item: (item[0][0] != OURS, item[0]))
    ]
