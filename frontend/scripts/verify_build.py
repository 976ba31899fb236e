# SPDX-License-Identifier: Apache-2.0
"""Builds the tab anew and compares it byte for byte with what is committed under tb_xai_plugin/tab/static."""

import subprocess
import sys
import tempfile
from pathlib import Path

FRONTEND = Path(__file__).resolve().parents[1]
COMMITTED = FRONTEND.parent / "tb_xai_plugin" / "tab" / "static"


def contents(folder: Path) -> dict[str, bytes]:
    """Every built file by its relative path; build.json is checked by a test of its own."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "build.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def main() -> int:
    """0 if the bytes are the same, else 1 with what differs."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npx", "vite", "build", "--outDir", folder, "--emptyOutDir", "--logLevel", "warn"]
        subprocess.run(command, cwd=FRONTEND, check=True)
        made, committed = contents(Path(folder)), contents(COMMITTED)
    names = made.keys() | committed.keys()
    different = sorted(name for name in names if made.get(name) != committed.get(name))
    if different:
        print(f"the committed tab is not what its sources build: {', '.join(different)}; run `make frontend`")
        return 1
    print(f"the committed tab is what its sources build: {len(made)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
