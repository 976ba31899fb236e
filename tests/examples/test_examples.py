# SPDX-License-Identifier: Apache-2.0
"""Every example runs as a user would run it, and its log reads back."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tb_xai_plugin import open_log

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

pytestmark = pytest.mark.slow


def test_there_are_examples():
    hosts = {"pytorch_digits", "lightning_digits", "keras_digits", "transformers_digits"}
    assert {path.stem for path in EXAMPLES} >= hosts


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path, tmp_path):
    result = subprocess.run(
        [sys.executable, str(path), str(tmp_path / "run")], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    run = open_log(tmp_path)["run"]
    maps = run.attributions(method="grad_cam")
    assert maps.steps[0] == 0
    assert maps.steps[-1] == run.status.step  # how many lie between is the machine's affair
    assert np.isfinite(maps.heat).all()
    assert maps.heat.shape[1] == 16
    assert run.status.state == "finished"
    assert run.layer_stats("activation").steps[-1] == maps.steps[-1]
    assert len(run.layer_stats("gradient").steps) > 0
    assert not run.problems
