# SPDX-License-Identifier: Apache-2.0
"""What the documents name is there, and what is there is named."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import tb_xai_callbacks
from tb_xai_callbacks.cli import parser
from tb_xai_callbacks.options import Options
from tb_xai_plugin.rules import RULES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_every_option_is_in_the_table_with_its_default():
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", README, flags=re.M))
    for field in fields(Options):
        assert field.name in rows, f"README has no row for {field.name}"
        default = rows[field.name].strip().strip("`").replace('"', "'")
        if field.name not in ("class_names", "signals"):
            assert default == repr(field.default), field.name


def test_every_command_is_in_the_readme():
    commands = parser()._subparsers._group_actions[0].choices
    assert set(commands) == {"demo", "diagnose", "doctor"}
    for name in commands:
        assert f"tb-xai {name}" in README


def test_every_rule_is_in_the_readme():
    table = README[README.index("| family | rules |") : README.index("Every rule is a function")]
    assert set(re.findall(r"`(\w+)`", table)) == {rule.name for rule in RULES}


def test_every_picture_exists():
    for path in re.findall(r"\]\((frontend/screenshots/[^)]+)\)", README):
        assert (ROOT / path).is_file(), path


def test_versions_agree():
    setup = (ROOT / "setup.py").read_text()
    assert f'version="{tb_xai_callbacks.__version__}"' in setup


def test_help_is_shown():
    result = subprocess.run(
        [sys.executable, "-m", "tb_xai_callbacks.cli", "demo", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'callbacks'}", "PATH": "/usr/bin:/bin"},
    )
    assert "--no-serve" in result.stdout
