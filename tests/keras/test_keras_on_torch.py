# SPDX-License-Identifier: Apache-2.0
"""Keras picks its backend when it is imported, so the same tests run on torch in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SHARED = (
    "test_keras_capture.py",
    "test_keras_attention.py",
    "test_keras_fit.py",
    "test_keras_untouched.py",
    "test_keras_explain.py",
)


@pytest.mark.slow
def test_keras_on_torch():
    files = [str(HERE / name) for name in (*SHARED, "torch_only.py")]
    # One thread: the tests' arrays are tiny, and idle OpenMP threads spin.
    environment = {**os.environ, "KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files]
    ran = subprocess.run(
        command, cwd=HERE.parent.parent, env=environment, capture_output=True, text=True, timeout=280
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert "skipped" not in ran.stdout.splitlines()[-1]
