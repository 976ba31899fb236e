# SPDX-License-Identifier: Apache-2.0
"""What keeps the house liveable: short constructors, folders that are not crowded, nothing told twice."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = [ROOT / "tb_xai_plugin", ROOT / "callbacks/tb_xai_callbacks"]
SOURCES = [path for package in PACKAGES for path in package.rglob("*.py") if "schema_pb2" not in path.name]
MOST_ARGUMENTS, MOST_FILES, MOST_LINES = 5, 18, 350


def named(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_constructors_take_at_most_five_arguments(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs][1:]
            names = [argument.arg for argument in given]
            assert len(names) <= MOST_ARGUMENTS, f"{named(path)}:{node.lineno} takes {', '.join(names)}"


def test_no_folder_has_more_than_eighteen_files():
    for package in PACKAGES:
        for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
            files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
            assert len(files) <= MOST_FILES, f"{named(folder)} has {len(files)}"


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_files_have_one_subject(path):
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= MOST_LINES, f"{named(path)} has {lines} lines"


def test_the_recorder_names_no_signal():
    from tb_xai_callbacks.signals import SIGNALS

    text = (ROOT / "callbacks/tb_xai_callbacks/recorder.py").read_text(encoding="utf-8")
    assert text.count("\n") < 150
    code = re.sub(r'""".*?"""', "", text, flags=re.S)
    for kind in SIGNALS:
        assert not re.search(rf'"{re.escape(kind.name)}"|\b{kind.__name__}\b', code), kind.name


def test_columns_are_named_and_not_counted():
    counted = re.compile(r"(_COLUMNS|columns|values)\[\s*:?\s*\d+\s*:?\s*\d*\s*\]")
    for path in SOURCES:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert "_COLUMNS[:" not in line, f"{named(path)}:{number}: {line.strip()}"
            assert not (counted.search(line) and "COLUMNS" in line), f"{named(path)}:{number}: {line.strip()}"
