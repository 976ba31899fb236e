# SPDX-License-Identifier: Apache-2.0
"""Real TensorBoard processes for tests and pictures."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get_json(url: str) -> object:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


@contextlib.contextmanager
def tensorboard(
    log_dir: Path, *flags: str, runs: int = 0, prefix: str = "", patience_s: float = 120
) -> Iterator[str]:
    """A TensorBoard on `log_dir`; yields its address once it shows at least `runs` of our runs.

    `prefix` is its path prefix, as behind a proxy: "/tb".
    """
    port = free_port()
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(log_dir), "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--reload_interval", "1", "--path_prefix", prefix, *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = f"http://127.0.0.1:{port}{prefix}"
    try:
        _wait(url, runs, process, time.monotonic() + patience_s)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)
        if process.stderr:
            process.stderr.close()


def _wait(url: str, runs: int, process: subprocess.Popen[str], deadline: float) -> None:
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"TensorBoard ended: {process.stderr.read() if process.stderr else ''}")
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            found = get_json(f"{url}/data/plugin/xai/runs")
            if isinstance(found, dict) and len(found["runs"]) >= runs:
                return
        time.sleep(0.2)
    raise RuntimeError(f"TensorBoard on {url} did not show {runs} runs in time")
