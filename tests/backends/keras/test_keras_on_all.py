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
    "test_keras_map_layers.py",
)


BACKENDS = ("torch", "jax")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """Both at once, each on one thread: the tests' arrays are tiny, and idle OpenMP threads spin."""
    processes = {}
    for backend in BACKENDS:
        files = [str(HERE / name) for name in (*SHARED, f"{backend}_only.py")]
        environment = {**os.environ, "KERAS_BACKEND": backend, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files]
        said = tmp_path_factory.mktemp("said") / f"{backend}.txt"
        with said.open("w") as output:
            process = subprocess.Popen(
                command, cwd=HERE.parents[2], env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        processes[backend] = process, said
    yield processes
    for process, _ in processes.values():
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("backend", BACKENDS)
def test_keras_on(backend, running):
    process, said = running[backend]
    assert process.wait() == 0, said.read_text()[-6000:]
    assert "skipped" not in said.read_text().splitlines()[-1]
