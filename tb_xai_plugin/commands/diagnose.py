# SPDX-License-Identifier: Apache-2.0
"""`tb-xai diagnose LOG_DIR`: what is wrong in logged runs, as text or JSON, with an exit status for CI."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from tb_xai_plugin.format.errors import SchemaError
from tb_xai_plugin.format.kinds import KINDS
from tb_xai_plugin.format.records import Finding, Findings
from tb_xai_plugin.log import Log

FINE, FOUND, NOTHING = 0, 1, 2
MARKS = {"error": "■ error", "warning": "▲ warning", "info": "● info"}
#: What no rule looks at, and most of a log's bytes.
BULK = tuple(f"{kind.stem}/" for kind in KINDS if kind.bulk)
#: Severities at which `--fail-on` gives 1.
FAILING = {"warning": ("warning", "error"), "error": ("error",), None: ()}


def main(log_dir: str, as_json: bool = False, fail_on: str | None = None) -> int:
    """Print the findings of every run below `log_dir`.

    Returns:
        0; 1 if `fail_on` ("warning" or "error") and a finding is as bad; 2 if there is nothing to read.
    """
    try:
        log = Log(log_dir, skip=BULK)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return NOTHING
    if not log:
        print(f"no runs with explanations below {log_dir!r}; was the recorder on?", file=sys.stderr)
        return NOTHING
    found = dict(_diagnosed(log))
    if as_json:
        print(json.dumps({name: _plain(one) for name, one in found.items()}, indent=2, allow_nan=False))
    else:
        print("\n\n".join(_text(name, one) for name, one in found.items()))
    severities = {finding.severity for one in found.values() for finding in one.findings}
    return FOUND if severities & set(FAILING[fail_on]) else FINE if found else NOTHING


def _diagnosed(log: Log) -> Iterable[tuple[str, Findings]]:
    for name in log:
        try:
            yield name, log[name].diagnose()
        except SchemaError as error:
            print(error, file=sys.stderr)


def _plain(found: Findings) -> dict[str, Any]:
    """Findings as JSON holds them: NaN and infinity are null."""
    return {
        "step": found.step,
        "findings": [{"key": finding.key, **_finite(asdict(finding))} for finding in found.findings],
        "rules": [asdict(rule) for rule in found.rules],
    }


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}


def _text(name: str, found: Findings) -> str:
    counts = [sum(rule.state == state for rule in found.rules) for state in ("watching", "waiting", "off")]
    head = f"{name}: up to step {found.step}, {counts[0]} rules watch, {counts[1]} wait, {counts[2]} are off"
    if not found.findings:
        return f"{head}\n  ✓ nothing found"
    roots = [finding for finding in found.findings if not finding.root]
    lines = [line for root in roots for line in _incident(root, found.findings)]
    return "\n".join([head, *lines])


def _incident(root: Finding, findings: Iterable[Finding]) -> list[str]:
    """A finding and, indented, what follows from it."""
    lines = [
        f"  {MARKS.get(root.severity, root.severity)}: {root.title}, since step {root.first_step}"
        f" (last seen at {root.last_step})",
        f"      {root.message}.",
        f"      {root.statistic}: {root.value:.4g}, threshold {root.threshold:.4g}   [{root.rule}]",
        f"      likely: {root.cause}",
        f"      try:    {root.advice}",
    ]
    follows = [finding for finding in findings if finding.root == root.key]
    return lines + [f"      → {f.title}, since step {f.first_step}   [{f.rule}]" for f in follows]
