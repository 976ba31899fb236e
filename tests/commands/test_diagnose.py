# SPDX-License-Identifier: Apache-2.0
"""`tb-xai diagnose`: text, JSON and exit statuses for real logs."""

import json
import subprocess
import sys

import numpy as np
import pytest
from evidence_builder import records, stuck

from tb_xai_callbacks.cli import main
from tb_xai_callbacks.run.sink import EventFileSink
from tb_xai_plugin import open_log
from tb_xai_plugin.commands.diagnose import BULK
from tb_xai_plugin.rules import RULES


def put(row, column, value):
    return lambda step, cells: cells.put(row, column, value)


def dead(step, counts):
    counts["relu2"][:] = 0


HEALTHY = {"steps": 60}
ERRORS = {"steps": 60, "live": dead, "checkup": lambda step: {"probe_output_std": 0.0}}
WARNINGS = {"steps": 60, "loss": stuck, "weight": put("fc2.weight", "std", 1.75)}
REMARKS = {"steps": 260, "weight": put("fc1.weight", "update_ratio", 4e-5)}


def write(log_dir, **options):
    """A log of a synthetic training, through the recorder's own sink."""
    failed = []
    sink = EventFileSink(log_dir, failed.append, 0)
    for step, found in records(**options):
        for record in found:
            sink.put(step, lambda record=record: [record])
    sink.flush()
    sink.close()
    assert failed == []
    return log_dir


def diagnose(capsys, *arguments):
    """(exit status, what was printed, what was complained)."""
    status = main(["diagnose", *map(str, arguments)])
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.mark.parametrize(
    ("options", "statuses"),
    [(HEALTHY, (0, 0, 0)), (REMARKS, (0, 0, 0)), (WARNINGS, (0, 1, 0)), (ERRORS, (0, 1, 1))],
    ids=["nothing", "remarks", "warnings", "errors"],
)
def test_the_exit_status_is_one_only_for_what_it_shall_fail_on(options, statuses, tmp_path, capsys):
    write(tmp_path, **options)
    flags = ([], ["--fail-on", "warning"], ["--fail-on", "error"])
    assert tuple(diagnose(capsys, tmp_path, *each)[0] for each in flags) == statuses
    assert tuple(diagnose(capsys, tmp_path, "--json", *each)[0] for each in flags) == statuses


def test_a_healthy_log_is_said_to_be_one(tmp_path, capsys):
    write(tmp_path, **HEALTHY)
    status, said, complained = diagnose(capsys, tmp_path)
    assert said.splitlines()[1] == "  ✓ nothing found"
    assert said.startswith(".: up to step 59, ")
    assert (status, complained) == (0, "")
    states = [state.state for state in open_log(tmp_path)["."].diagnose().rules]
    counts = [states.count(name) for name in ("watching", "waiting", "off")]
    assert "{} rules watch, {} wait, {} are off".format(*counts) in said
    assert sum(counts) == len(RULES)


def test_an_incident_is_told_with_evidence_cause_advice_and_what_follows(tmp_path, capsys):
    write(tmp_path, **ERRORS)
    _, said, _ = diagnose(capsys, tmp_path)
    lines = said.splitlines()
    at = lines.index("  ■ error: relu2 is dead, since step 0 (last seen at 59)")
    assert "16 of 16 units of relu2 are silent" in lines[at + 1]
    assert lines[at + 2].strip() == "share of silent units: 1, threshold 0.95   [dead_layer]"
    assert lines[at + 3].startswith("      likely: ")
    assert lines[at + 4].startswith("      try:    ")
    assert lines[at + 5].startswith("      → the output is the same for every input, since step ")
    assert lines[at + 5].endswith("[constant_output]")


def test_warnings_and_remarks_have_marks_of_their_own(tmp_path, capsys):
    write(tmp_path / "a", **WARNINGS)
    write(tmp_path / "b", **REMARKS)
    _, said, _ = diagnose(capsys, tmp_path)
    first, second = said.split("\n\n")
    assert first.startswith("a: ")
    assert "▲ warning: the weights of fc2 begin too large" in first
    assert second.startswith("b: ")
    assert "● info: fc1 lags behind" in second


def test_json_has_all_findings_and_all_rules_of_all_runs(tmp_path, capsys):
    write(tmp_path / "a", **HEALTHY)
    write(tmp_path / "b", **ERRORS)
    _, said, complained = diagnose(capsys, tmp_path, "--json")
    found = json.loads(said, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert list(found) == ["a", "b"]
    assert (found["a"]["findings"], found["a"]["step"], complained) == ([], 59, "")
    assert [rule["rule"] for rule in found["a"]["rules"]] == [rule.name for rule in RULES]
    log = open_log(tmp_path)["b"].diagnose()
    assert [each["key"] for each in found["b"]["findings"]] == [each.key for each in log.findings]
    first, told = log.findings[0], found["b"]["findings"][0]
    for name in ("rule", "severity", "layer", "first_step", "last_step", "value", "message", "cause", "root"):
        assert told[name] == getattr(first, name)


def test_json_has_null_for_numbers_that_json_has_not(tmp_path, capsys):
    write(tmp_path, steps=60, rate=lambda step: -np.inf)
    _, said, _ = diagnose(capsys, tmp_path, "--json")
    found = json.loads(said, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert [(f["key"], f["value"]) for f in found["."]["findings"]] == [("uphill_updates", None)]


def test_a_directory_that_is_not_there_is_named(tmp_path, capsys):
    status, said, complained = diagnose(capsys, tmp_path / "nowhere")
    assert (status, said) == (2, "")
    assert "nowhere" in complained
    assert len(complained.splitlines()) == 1


def test_a_directory_without_runs_says_so(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("nothing")
    status, said, complained = diagnose(capsys, tmp_path, "--json")
    assert (status, said) == (2, "")
    assert "no runs with explanations below" in complained


def test_a_log_of_weights_only_is_diagnosed_as_far_as_it_goes(tmp_path, capsys):
    write(
        tmp_path, steps=60, loss=None, checkup=None, heads=None, without=("activation", "gradient", "units")
    )
    status, said, _ = diagnose(capsys, tmp_path, "--fail-on", "warning")
    assert status == 0
    assert "✓ nothing found" in said


def test_a_log_that_was_cut_off_is_read_up_to_there(tmp_path, capsys):
    write(tmp_path, **ERRORS)
    (path,) = tmp_path.glob("xai/*tfevents*")
    path.write_bytes(path.read_bytes()[:-1000])
    status, said, _ = diagnose(capsys, tmp_path, "--fail-on", "error")
    assert status == 1
    assert "relu2 is dead" in said


def test_other_severities_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as refused:
        main(["diagnose", str(tmp_path), "--fail-on", "info"])
    assert refused.value.code == 2
    assert "--fail-on" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_ends_with_the_status(tmp_path):
    write(tmp_path, **ERRORS)
    command = [sys.executable, "-c", "import sys; from tb_xai_callbacks.cli import main; sys.exit(main())"]
    ran = subprocess.run(
        [*command, "diagnose", str(tmp_path), "--fail-on", "error"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1, ran.stderr
    assert "relu2 is dead" in ran.stdout


def test_what_is_passed_over_unread_is_what_no_rule_looks_at():
    assert set(BULK) == {"histograms/", "attention/"}
