# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest
from plugin_logs import run_records, write

from tb_xai_plugin.commands import doctor
from tb_xai_plugin.commands.doctor import Check


def state(check: Check) -> str:
    assert bool(check.remedy) == (check.state != doctor.OK)
    return check.state


def test_every_check_has_a_name_and_a_finding() -> None:
    found = doctor.checks()
    assert len({check.name for check in found}) == len(found)
    assert all(check.found for check in found)
    for check in found:
        state(check)


def test_missing_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "entry_points", lambda group: ())
    assert state(doctor.check_entry_point()) == doctor.PROBLEM


@pytest.mark.parametrize(("version", "expected"), [("", "problem"), ("2.20.0", "problem"), ("2.21.0", "ok")])
def test_tensorboard_version(monkeypatch: pytest.MonkeyPatch, version: str, expected: str) -> None:
    monkeypatch.setattr(doctor, "installed", lambda name: version)
    assert state(doctor.check_tensorboard()) == expected


@pytest.mark.parametrize(
    ("version", "expected"), [("6.30.0", "problem"), ("6.31.1", "ok"), ("8.0.0", "problem")]
)
def test_protobuf_version(monkeypatch: pytest.MonkeyPatch, version: str, expected: str) -> None:
    monkeypatch.setattr(doctor, "installed", lambda name: version)
    assert state(doctor.check_protobuf()) == expected


def test_command_of_another_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TENSORBOARD_BINARY", raising=False)
    other = tmp_path / "tensorboard"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "another environment" in doctor.check_command().found
    monkeypatch.setenv("PATH", "")
    assert state(doctor.check_command()) == doctor.WARN


def test_log_directories(tmp_path: Path) -> None:
    assert state(doctor.check_log_dir(str(tmp_path / "nope"))) == doctor.PROBLEM
    assert state(doctor.check_log_dir(str(tmp_path))) == doctor.WARN
    write(tmp_path / "a" / "xai", run_records([0]))
    check = doctor.check_log_dir(str(tmp_path))
    assert state(check) == doctor.OK
    assert check.found == "a (newest data 0 min ago)"


def test_render_and_exit_status(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    bad = Check("short", doctor.PROBLEM, "broken", "mend it")
    monkeypatch.setattr(doctor, "_CHECKS", (lambda: bad, lambda: Check("much longer", doctor.OK, "fine")))
    assert doctor.main() == 1
    assert capsys.readouterr().out.splitlines() == [
        "problem short        broken",
        "                     → mend it",
        "ok      much longer  fine",
        "1 problem found.",
    ]
