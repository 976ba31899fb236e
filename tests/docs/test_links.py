# SPDX-License-Identifier: Apache-2.0
"""Every link within the repository leads somewhere."""

import pytest
from documents import DOCUMENTS, ROOT, anchors, links, prose


def _relative():
    return [
        (path, target)
        for path, text in DOCUMENTS.items()
        for target in links(text)
        if not target.startswith(("http://", "https://", "mailto:"))
    ]


def test_links_are_found():
    assert len(_relative()) > 50
    assert ("README.md", "docs/options.md") in _relative()


@pytest.mark.parametrize(("path", "target"), _relative())
def test_the_file_and_the_anchor_are_there(path, target):
    name, _, anchor = target.partition("#")
    file = (ROOT / path).parent / name if name else ROOT / path
    assert file.exists(), f"{path} links to {name}, which is not there"
    assert ROOT in file.resolve().parents, f"{path} links out of the repository"
    if anchor:
        assert anchor in anchors(file.read_text(encoding="utf-8")), f"{name or path} has no #{anchor}"


def test_every_picture_has_words():
    for path, text in DOCUMENTS.items():
        assert "![](" not in prose(text), f"{path}: a picture without a text for those who do not see it"
