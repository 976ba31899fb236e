# SPDX-License-Identifier: Apache-2.0
"""The golden bodies that Vitest reads are what Python writes today."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from golden import FOLDER, GOLDEN, PLAIN


@pytest.mark.parametrize("name", GOLDEN)
def test_python_writes_the_golden_body(name):
    assert bytes.fromhex((FOLDER / name).read_text()) == GOLDEN[name](), (
        "run `python tests/frontend/golden.py`"
    )


@pytest.mark.parametrize("name", PLAIN)
def test_python_measures_the_golden_numbers(name):
    assert (FOLDER / name).read_text().encode() == PLAIN[name]() + b"\n", (
        "run `python tests/frontend/golden.py`"
    )
