# SPDX-License-Identifier: Apache-2.0
"""The direction of imports is checked for packages: a new file is guarded from the start."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).parent / "lint-imports"

PLANTED = {
    "a signal that imports a framework": ("callbacks/tb_xai_callbacks/signals/planted.py", "import torch"),
    "arithmetic that knows the probe": (
        "callbacks/tb_xai_callbacks/measure/planted.py",
        "from tb_xai_callbacks.probe import samples",
    ),
    "a host that uses another": (
        "callbacks/tb_xai_callbacks/hosts/lightning.py",
        "from tb_xai_callbacks.hosts import keras",
    ),
    "torch that knows Keras": (
        "callbacks/tb_xai_callbacks/backends/torch/planted.py",
        "from tb_xai_callbacks.backends.keras import axes",
    ),
    "a rule that reads files": ("tb_xai_plugin/rules/planted.py", "from tb_xai_plugin.reading import reader"),
    "the tab that needs the recorder": ("tb_xai_plugin/tab/planted.py", "import tb_xai_callbacks.options"),
    "a package that no contract names": ("callbacks/tb_xai_callbacks/attic/__init__.py", ""),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The sources without what was built."""
    folder = tmp_path_factory.mktemp("tree")
    skip = shutil.ignore_patterns("static", "__pycache__")
    shutil.copytree(ROOT / "tb_xai_plugin", folder / "tb_xai_plugin", ignore=skip)
    shutil.copytree(ROOT / "callbacks", folder / "callbacks", ignore=skip)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder):
    """What import-linter says of the tree, and whether it is content."""
    paths = f"{folder}:{folder / 'callbacks'}"
    ran = subprocess.run(
        [str(LINT), "--no-cache"], cwd=folder, env={"PYTHONPATH": paths, "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True,
    )  # fmt: skip
    return ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.slow
def test_the_tree_as_it_is_keeps_every_contract(copy):
    kept, told = lint(copy)
    assert kept, told


@pytest.mark.slow
@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_import_is_told(copy, what):
    path, line = PLANTED[what]
    target = copy / path
    before = target.read_text() if target.exists() else None
    target.parent.mkdir(exist_ok=True)
    target.write_text(f"{before or ''}\n{line}\n")
    try:
        kept, told = lint(copy)
    finally:
        if before is None:
            target.unlink()
        else:
            target.write_text(before)
        if not any(target.parent.iterdir()):
            target.parent.rmdir()
    assert not kept
    assert "BROKEN" in told or "missing" in told.lower() or "not listed" in told.lower(), told
