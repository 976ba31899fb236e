# SPDX-License-Identifier: Apache-2.0
"""The built tab says whose code it holds: every runtime dependency, its version, its licence in full."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTICES = ROOT / "tb_xai_plugin" / "tab" / "static" / "THIRD_PARTY.txt"
LOCK = json.loads((ROOT / "frontend" / "package-lock.json").read_text())
DEPENDENCIES = sorted(json.loads((ROOT / "frontend" / "package.json").read_text())["dependencies"])

#: A sentence that only the full text has, by the licence's name.
SENTENCES = {
    "MIT": "The above copyright notice and this permission notice shall be included in all",
    "Apache-2.0": "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION",
    "BSD-3-Clause": "Redistributions in binary form must reproduce the above",
}


def parts() -> dict[str, str]:
    """Package → its part of the file, from its name to the next one's."""
    rule = re.escape("-" * 100 + "\n")
    pieces = re.split(rf"{rule}(\S+) (\S+)\n", NOTICES.read_text())[1:]
    return {name: f"{version}\n{text}" for name, version, text in zip(*[iter(pieces)] * 3, strict=True)}


def test_there_are_dependencies_to_name():
    assert DEPENDENCIES


@pytest.mark.parametrize("name", DEPENDENCIES)
def test_a_dependency_is_named_with_the_version_that_is_locked_and_the_text_of_its_licence(name):
    locked = LOCK["packages"][f"node_modules/{name}"]
    part = parts()[name]
    words = " ".join(part.split())
    version, licence, *_ = part.splitlines()
    assert version == locked["version"]
    assert licence == f"Licence: {locked['license']}"
    assert "Copyright" in part
    for one in re.findall(r"[\w.-]+", locked["license"]):
        if one not in ("AND", "OR"):
            assert SENTENCES[one] in words, f"{name}: the text of {one} is missing; run `make frontend`"


def test_what_comes_with_a_dependency_into_the_bundle_is_named_too():
    assert "@preact/signals-core" in parts()
