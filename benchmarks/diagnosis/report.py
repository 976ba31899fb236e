# SPDX-License-Identifier: Apache-2.0
"""The bench's figures as Markdown and as JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.diagnosis.anchors import DEEP_DIAGNOSIS, SMDEBUG, UMLAUT
from benchmarks.diagnosis.development_set import outcomes
from benchmarks.diagnosis.jobs import ANCHORS, OURS, Flag, Result
from benchmarks.diagnosis.score import ALARMS, Judged, anchor_figures, chosen, our_figures, rule_scores

#: Tool, what it is called in the table, and the rules left out.
ANCHOR_ROWS = (
    (UMLAUT, "UMLAUT", ()),
    (UMLAUT, "UMLAUT without its learning-rate and input rules", ("LearningRate", "InputRange")),
    (DEEP_DIAGNOSIS, "DeepDiagnosis", ()),
    (DEEP_DIAGNOSIS, "DeepDiagnosis without its input rule", ("InputRange",)),
    (SMDEBUG, "smdebug", ()),
    (
        SMDEBUG,
        "smdebug without LossNotDecreasing, Overfit, PoorWeightInit, images' mean",
        ("LossNotDecreasing", "Overfit", "PoorWeightInit", "NotNormalizedImages"),
    ),
)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table's lines."""
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(map(str, line))} |" for line in lines]


def flag_text(flag: Flag) -> str:
    """rule@layer with step and evidence."""
    place = f"@{flag.layer}" if flag.layer else ""
    mark = "" if flag.root else " (follows)"
    evidence = f"{flag.value:.3g} vs {flag.threshold:.3g}"
    return f"{flag.rule}{place} {flag.severity} from step {flag.step}, {evidence}{mark}"


def _run_lines(title: str, runs: Sequence[Judged], with_expected: bool) -> list[str]:
    lines = [f"### {title} ({len(runs)})", ""]
    for run in runs:
        outcome = run.result.outcome
        assert outcome is not None
        expected = f"; expected {', '.join(run.program.expected)}" if with_expected else ""
        loss = f"loss {outcome.final_loss:.3g} of {outcome.base_loss:.3g}"
        numbers = f"{outcome.score_name} {outcome.score:.2f}, {loss}"
        lines.append(f"- **{run.program.name}**, seed {run.result.job.seed}: {numbers}{expected}")
        lines += [f"  - {flag_text(flag)}" for flag in run.result.flags]
    return [*lines, ""]


def details(judged: Sequence[Judged], monitor: str = OURS) -> list[str]:
    """Every run that the rules got wrong, with all its findings, info included."""
    healthy, faulty = (chosen(judged, monitor, label) for label in (outcomes.HEALTHY, outcomes.FAULTY))
    lines = _run_lines("Healthy runs flagged", [run for run in healthy if run.flags], False)
    lines += _run_lines("Faulty runs missed", [run for run in faulty if not run.flags], True)
    lines += _run_lines("Faulty runs found, by none of the expected rules",
                        [run for run in faulty if run.flags and not run.right], True)  # fmt: skip
    unnamed = [run for run in faulty if run.right and run.program.causes and not run.cause]
    return lines + _run_lines("Faulty runs whose cause was not named", unnamed, True)


def label_lines(judged: Sequence[Judged]) -> list[str]:
    """Programs with a run that counts neither way."""
    seeds: dict[tuple[str, str], list[int]] = defaultdict(list)
    flagged: dict[tuple[str, str], int] = defaultdict(int)
    for label in (outcomes.HARMLESS, outcomes.UNFIT):
        for run in chosen(judged, OURS, label) or chosen(judged, ANCHORS, label):
            seeds[label, run.program.name].append(run.result.job.seed)
            flagged[label, run.program.name] += bool(run.flags)
    rows = [(label, name, str(ids)[1:-1], flagged[label, name]) for (label, name), ids in seeds.items()]
    return table(("label", "program", "seeds", "of them flagged"), rows)


def markdown(judged: Sequence[Judged], failed: Sequence[Result], seeds: int) -> str:
    """The whole report."""
    runs = {run.program.name for run in judged}
    lines = ["# Diagnosis on the development set", "", f"{len(runs)} programs, {seeds} seeds.", ""]
    if chosen(judged, OURS, outcomes.HEALTHY) or chosen(judged, OURS, outcomes.FAULTY):
        lines += ["## Ours", "", *table(("figure", "value"), our_figures(judged).items()), ""]
    if any(run.result.job.monitor == ANCHORS for run in judged):
        rows = [(name, *anchor_figures(judged, tool, without)) for tool, name, without in ANCHOR_ROWS]
        lines += ["## Anchors", "", "Numeric rules only, PyTorch programs only.", ""]
        lines += [*table(("tool", "healthy flagged", "faulty found"), rows), ""]
    header = ("tool", "rule", "faulty, expected", "faulty, other", "healthy", "harmless")
    lines += ["## Rules", "", *table(header, (asdict(row).values() for row in rule_scores(judged))), ""]
    lines += ["## Runs that count neither way", "", *label_lines(judged), ""]
    if failed:
        lines += ["## Runs that raised", ""]
        lines += [f"- {r.job.program}, seed {r.job.seed}, {r.job.monitor}: {r.error}" for r in failed]
        lines += [""]
    return "\n".join([*lines, "## Runs to look at", "", *details(judged)])


def as_json(judged: Sequence[Judged], failed: Sequence[Result]) -> dict[str, Any]:
    """The same for machines: figures, rules and every run."""
    anchors = {
        name: dict(
            zip(("healthy", "faulty"), map(asdict, anchor_figures(judged, tool, without)), strict=True)
        )
        for tool, name, without in ANCHOR_ROWS
    }
    return {
        "ours": our_figures(judged),
        "anchors": anchors,
        "rules": [asdict(row) for row in rule_scores(judged)],
        "failed": [{**asdict(r.job), "error": r.error} for r in failed],
        "runs": [_run_json(run) for run in judged],
    }


def _run_json(run: Judged) -> dict[str, Any]:
    outcome = run.result.outcome
    assert outcome is not None
    return {
        **asdict(run.result.job), "label": run.label, "score": outcome.score,
        "final_loss": outcome.final_loss, "base_loss": outcome.base_loss,
        "seconds": run.result.seconds, "right": run.right, "cause": run.cause,
        "alarms": sum(flag.severity in ALARMS for flag in run.result.flags),
        "flags": [asdict(flag) for flag in run.result.flags],
    }  # fmt: skip
