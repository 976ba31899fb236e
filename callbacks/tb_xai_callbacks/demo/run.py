# SPDX-License-Identifier: Apache-2.0
"""`tb-xai demo`: trains both runs, then serves TensorBoard and prints the address of the tab."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

from tb_xai_callbacks.demo.progress import Progress

RUNS = (("healthy", False), ("dying", True))


def free_port(wanted: int) -> int:
    """`wanted`, or the next port that nobody listens on."""
    for port in range(wanted, wanted + 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("localhost", port))
            except OSError:
                continue
            return port
    raise SystemExit(f"tb-xai demo: no free port from {wanted} to {wanted + 49}; choose one with --port N")


def train_both(log_dir: Path, steps: int | None = None) -> None:
    """Train the healthy and the dying run into `log_dir`, afresh; `steps` each if not as many as usual."""
    try:
        import torch

        from tb_xai_callbacks.demo.train import STEPS, train
    except ImportError as error:
        raise SystemExit(
            f"tb-xai demo needs torch and scikit-learn ({error}). Install them: "
            "pip install 'tb-xai-plugin[demo]'"
        ) from error
    torch.set_num_threads(1)  # the network is so small that a second thread costs more than it brings
    for name, sick in RUNS:
        shutil.rmtree(log_dir / name / "xai", ignore_errors=True)
        progress = Progress(f"training {name!r}", steps or STEPS)
        accuracy = train(log_dir / name, sick, progress.tick, steps or STEPS)
        print(f"  {name}: {accuracy:.0%} of the validation digits right", file=sys.stderr)


def serve(log_dir: Path, port: int) -> int:
    """Run TensorBoard until Ctrl-C."""
    port = free_port(port)
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(log_dir), "--port", str(port)]
    server = subprocess.Popen([*command, "--reload_interval", "2"])
    print(f"\n  Open  http://localhost:{port}/#xai  (Ctrl-C stops)\n", flush=True)
    try:
        return server.wait()
    except KeyboardInterrupt:
        server.terminate()
        server.wait()
        return 0


def run(log_dir: Path, with_server: bool, port: int) -> int:
    """The whole demo; returns the exit status."""
    train_both(log_dir)
    if with_server:
        return serve(log_dir, port)
    print(f"Logs are in {log_dir}. See them with: tensorboard --logdir {log_dir}")
    return 0
