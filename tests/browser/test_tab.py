# SPDX-License-Identifier: Apache-2.0
"""The tab in real Chromium on real TensorBoard: `frontend/browser/*.test.mjs` on real logs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from chromium import find
from server import tensorboard

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def demo_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's two runs, shorter."""
    log_dir = tmp_path_factory.mktemp("demo")
    code = (
        "from pathlib import Path; from tb_xai_callbacks.demo.train import train; import sys\n"
        "for name, sick in (('healthy', False), ('dying', True)):\n"
        "    folder = Path(sys.argv[1]) / name\n"
        "    train(folder, sick, lambda: None, steps=260, log_every_n_steps=5, max_overhead=None)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(log_dir)], check=True, cwd=ROOT)
    return log_dir


@pytest.fixture(scope="module")
def odd_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that are not as they should be: a newer schema, a torn file, no explanations, only waiting."""
    import odd_logs as maker

    return maker.make(tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="module")
def sick_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up runs with findings: one with a dead layer, one without any, one with too few steps."""
    import sick_log as maker

    return maker.make(tmp_path_factory.mktemp("sick"))


@pytest.fixture(scope="module")
def methods_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up runs with several methods and trust records, with one probe and with different ones."""
    import methods_log as maker

    return maker.make(tmp_path_factory.mktemp("methods"))


@pytest.fixture(scope="module")
def numbers_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up runs with signals and a statistic of a user's own, and one without."""
    import numbers_log as maker

    return maker.make(tmp_path_factory.mktemp("numbers"))


def run_node(script: str, **environment: str) -> None:
    node = shutil.which("node")
    assert node, "the browser tests need Node 20 or newer on PATH"
    command = [node, "--test", "--test-reporter=spec", f"browser/{script}.test.mjs"]
    result = subprocess.run(
        command,
        cwd=ROOT / "frontend",
        env={**os.environ, "CHROMIUM": find() or "", **environment},
        capture_output=True,
        text=True,
    )
    print(result.stdout)
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-3000:]


def test_the_tab_with_data(demo_logs: Path) -> None:
    with tensorboard(demo_logs, runs=2) as url:
        run_node("tab", TAB_URL=url)


def test_the_tab_through_the_python_loader_and_a_path_prefix(demo_logs: Path) -> None:
    with tensorboard(demo_logs, "--load_fast=false", runs=2, prefix="/tb") as url:
        run_node("smoke", TAB_URL=url)


def test_the_tab_on_findings(sick_logs: Path) -> None:
    with tensorboard(sick_logs, runs=3) as url:
        run_node("findings", TAB_URL=url)


def test_comparing_runs_and_steps(methods_logs: Path) -> None:
    with tensorboard(methods_logs, runs=6) as url:
        run_node("compare", TAB_URL=url)


def test_several_methods_and_trust(methods_logs: Path) -> None:
    with tensorboard(methods_logs, runs=6) as url:
        run_node("methods", TAB_URL=url)


def test_the_tab_without_data(tmp_path: Path) -> None:
    with tensorboard(tmp_path) as url:
        run_node("empty", TAB_URL=url)


def test_the_tab_with_odd_data(odd_logs: Path) -> None:
    with tensorboard(odd_logs, runs=3) as url:
        run_node("odd", TAB_URL=url)


def test_signals_that_are_not_ours(numbers_logs: Path) -> None:
    with tensorboard(numbers_logs, runs=2) as url:
        run_node("more", TAB_URL=url)
