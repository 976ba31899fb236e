# SPDX-License-Identifier: Apache-2.0
"""Keras picks its backend when imported: the same tests run on torch and JAX in processes of their own."""

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
    "test_keras_oracles.py",
    "test_keras_shap.py",
    "test_keras_series.py",
    "test_keras_targets.py",
)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_keras_on(backend):
    files = [str(HERE / name) for name in (*SHARED, f"{backend}_only.py")]
    # One thread: the tests' arrays are tiny, and idle OpenMP threads spin.
    environment = {**os.environ, "KERAS_BACKEND": backend, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files]
    ran = subprocess.run(
        command, cwd=HERE.parent.parent, env=environment, capture_output=True, text=True, timeout=560
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert "skipped" not in ran.stdout.splitlines()[-1]
