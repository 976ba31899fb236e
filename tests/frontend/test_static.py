# SPDX-License-Identifier: Apache-2.0
"""The committed tab is of these sources: no Node needed to know."""

import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "tb_xai_plugin" / "tab" / "static"
SINGLE = (
    "frontend/package.json",
    "frontend/package-lock.json",
    "frontend/vite.config.ts",
    "frontend/tsconfig.json",
    "tb_xai_plugin/format/schema.proto",
)


def source_hash() -> str:
    """SHA-256 over path, newline, bytes, newline of every source file, sorted by path."""
    sources = [p.relative_to(ROOT).as_posix() for p in (ROOT / "frontend/src").rglob("*") if p.is_file()]
    digest = hashlib.sha256()
    for path in sorted([*sources, *SINGLE]):
        digest.update(f"{path}\n".encode() + (ROOT / path).read_bytes() + b"\n")
    return digest.hexdigest()


def test_the_committed_tab_is_of_these_sources():
    assert json.loads((STATIC / "build.json").read_text())["source_hash"] == source_hash(), (
        "run `make frontend`"
    )


def test_every_built_file_is_listed_and_nothing_else():
    built = sorted(p.relative_to(STATIC).as_posix() for p in STATIC.rglob("*") if p.is_file())
    listed = json.loads((STATIC / "build.json").read_text())["files"]
    assert sorted([*listed, "build.json"]) == built


def test_the_tab_needs_nothing_from_elsewhere():
    for path in STATIC.rglob("*.js"):
        text = path.read_text()
        assert "new Function" not in text
        assert "eval(" not in text
        for scheme in ("https://", "http://"):
            for part in text.split(scheme)[1:]:
                known = part.startswith(("www.w3.org/", "localhost"))
                assert known, f"{path.name} names {scheme}{part[:40]}"
