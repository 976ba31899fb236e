# SPDX-License-Identifier: Apache-2.0
"""The documents as the tests see them: which there are, their headings, links, tables and code blocks."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Every document that people read, by its path from the root.
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/README.md")])
}
README = DOCUMENTS["README.md"]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def blocks(text, language):
    """The code blocks of one language."""
    return [code for name, code in _FENCE.findall(text) if name == language]


def prose(text):
    """The text without its code blocks."""
    return _FENCE.sub("", text)


def headings(text, level):
    """The headings of one level, in order."""
    return re.findall(rf"^#{{{level}}} (.+)$", prose(text), re.M)


def links(text):
    """The targets of all links and pictures."""
    return _LINK.findall(prose(text))


def anchors(text):
    """What `#…` can name: headings, as GitHub makes them into ids, and explicit ids."""
    every = re.findall(r"^#{1,6} (.+)$", prose(text), re.M)
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in every}
    return made | set(re.findall(r'<a id="([^"]+)">', text))


def rows(text, header):
    """The cells of the table whose first header cell is `header`; one list a row."""
    lines = prose(text).splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith(f"| {header} |")), None)
    assert start is not None, f"no table that begins with | {header} |"
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return found


def names(cell):
    """The words in backticks of a cell."""
    return re.findall(r"`([^`]+)`", cell)
