# SPDX-License-Identifier: Apache-2.0
"""What is installed: every module, the licence, the notices of what the tab bundles."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel of a copy of what git tracks, so that nothing that lies about gets in."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in files.decode().rstrip("\0").split("\0"):
        if (ROOT / name).exists():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(tree)]
    subprocess.run(command, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return zipfile.ZipFile(made)


def test_every_module_is_in_it(wheel):
    names = set(wheel.namelist())
    for package, folder in (("tb_xai_plugin", ROOT), ("tb_xai_callbacks", ROOT / "callbacks")):
        for path in (folder / package).rglob("*.py"):
            assert path.relative_to(folder).as_posix() in names


def test_it_holds_the_licence_and_the_notices(wheel):
    names = wheel.namelist()
    (licence,) = [name for name in names if name.endswith("dist-info/licenses/LICENSE")]
    text = wheel.read(licence).decode()
    assert "Apache License" in text
    assert "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION" in text
    (notices,) = [
        name for name in names if name.endswith("licenses/tb_xai_plugin/tab/static/THIRD_PARTY.txt")
    ]
    bundled = wheel.read(notices).decode()
    for dependency in json.loads((ROOT / "frontend/package.json").read_text())["dependencies"]:
        assert dependency in bundled
    metadata = wheel.read(next(name for name in names if name.endswith("METADATA"))).decode()
    assert "License-Expression: Apache-2.0" in metadata


def test_it_holds_what_the_tab_serves(wheel):
    names = set(wheel.namelist())
    assert "tb_xai_plugin/tab/static/index.js" in names
    assert "tb_xai_plugin/format/schema.proto" in names
    assert "tb_xai_plugin/py.typed" in names
