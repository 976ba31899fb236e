# SPDX-License-Identifier: Apache-2.0
"""What a run of every host writes: its tags, kinds, steps and sizes are those that were kept."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import golden_logs
from golden_runs import RUNS

KEPT = json.loads(golden_logs.STRUCTURE.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_a_run_writes_what_it_wrote_before(name: str, tmp_path: Path):
    golden_logs.make(name, tmp_path)
    now = json.loads(json.dumps(golden_logs.structure(tmp_path)))
    assert now == KEPT[name], "if that is wanted: python tests/golden/golden_logs.py structure"
