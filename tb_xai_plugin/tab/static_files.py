# SPDX-License-Identifier: Apache-2.0
"""The built tab: a list of names made once, so that no request can name a file of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).parent / "static"

#: Set here because a Windows registry may say otherwise; TensorBoard mends only some of them.
MIME_TYPES = {
    ".js": "application/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
}

_YEAR_S = 365 * 24 * 3600

#: What TensorBoard runs in place of a tab that was not built.
NOT_BUILT = """\
export function render() {
  document.body.textContent = "The Explain tab was not built: run `make frontend`, then restart TensorBoard.";
}
"""


@dataclass(frozen=True)
class StaticFile:
    """A file of the built tab: `expires_s` 0 means that the browser asks again each time."""

    content: bytes
    mime_type: str
    expires_s: int


def list_static(root: Path = STATIC) -> dict[str, StaticFile]:
    """Route → file: `/index.js`, and `/assets/NAME` for what `static/assets` holds.

    Assets have the hash of their content in their name, so browsers may keep them.
    """
    index = root / "index.js"
    content = index.read_bytes() if index.is_file() else NOT_BUILT.encode()
    files = {"/index.js": StaticFile(content, MIME_TYPES[".js"], 0)}
    assets = sorted((root / "assets").iterdir()) if (root / "assets").is_dir() else []
    for path in assets:
        if path.is_file() and not path.is_symlink() and path.suffix in MIME_TYPES:
            mime_type = MIME_TYPES[path.suffix]
            files[f"/assets/{path.name}"] = StaticFile(path.read_bytes(), mime_type, _YEAR_S)
    return files
