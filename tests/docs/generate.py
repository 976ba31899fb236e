# SPDX-License-Identifier: Apache-2.0
"""Writes anew what documents take from the code: `make docs`. A test compares."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Examples of EXTENDING.md, whole files.
EXAMPLES = ("method", "statistic", "signal", "rule", "host")


def methods_table() -> str:
    """The methods that can be asked for, in their order."""
    from tb_xai_callbacks.attribution import METHODS

    lines = [
        "| method | what its values say | explains | signed | passes | source |",
        "|---|---|---|---|---|---|",
    ]
    for method in METHODS:
        meaning = method.meaning if method.faithful else f"{method.meaning} Fails the randomisation test."
        signed = "yes" if method.signed else "no"
        passes = method.passes or "shared"
        lines.append(
            f"| `{method.name}` | {meaning} | {method.explains} | {signed} | {passes} | {method.source} |"
        )
    return "\n".join(lines)


def example(name: str) -> str:
    """One of the examples as a block of code."""
    text = (ROOT / f"tests/extending/test_a_{name}.py").read_text(encoding="utf-8")
    return f"```python\n{text.rstrip()}\n```"


def between(text: str, mark: str, content: str) -> str:
    """`text` with `content` between its two marks.

    Raises:
        ValueError: if the marks are not there.
    """
    pattern = re.compile(rf"(<!-- {mark}:begin -->\n).*?(<!-- {mark}:end -->)", re.S)
    if not pattern.search(text):
        raise ValueError(f"no <!-- {mark}:begin --> … <!-- {mark}:end -->")
    return pattern.sub(lambda found: f"{found[1]}{content}\n{found[2]}", text)


def documents() -> dict[Path, str]:
    """Every document with something generated in it, as it should be."""
    methods, extending = ROOT / "docs/methods.md", ROOT / "EXTENDING.md"
    text = extending.read_text(encoding="utf-8")
    for name in EXAMPLES:
        text = between(text, name, example(name))
    return {
        methods: between(methods.read_text(encoding="utf-8"), "methods", methods_table()),
        extending: text,
    }


def main() -> int:
    """Write them."""
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
