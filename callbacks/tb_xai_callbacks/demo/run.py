# SPDX-License-Identifier: Apache-2.0
"""`tb-xai demo`: trains its runs, then serves TensorBoard and prints the address of the tab."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tb_xai_callbacks.demo.progress import Progress

#: What each run is for, in the order in which they are trained.
PURPOSES = {
    "healthy": "a network that learns digits: how it looks when all is well",
    "dying": "the same, but for 20 steps one bias has 1000 times its learning rate: a layer dies",
    "shortcut": "a network that learns shapes, until a tag in the corner gives them away: it looks elsewhere",
}


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


def train_all(log_dir: Path, steps: int | None = None) -> None:
    """Train all runs into `log_dir`, afresh; `steps` each if not as many as usual."""
    try:
        import torch

        from tb_xai_callbacks.demo import shortcut, train
    except ImportError as error:
        raise SystemExit(
            f"tb-xai demo needs torch and scikit-learn ({error}). Install them: "
            "pip install 'tb-xai-plugin[demo]'"
        ) from error
    torch.set_num_threads(1)  # the networks are so small that a second thread costs more than it brings

    def digits(folder: Path, sick: bool) -> str:
        total = steps or train.STEPS
        accuracy = train.train(folder, sick, Progress(f"training {folder.name!r}", total).tick, total)
        return f"{accuracy:.0%} of the validation digits right"

    def shapes(folder: Path) -> str:
        total = steps or shortcut.STEPS
        right, any_colour = shortcut.train(folder, Progress(f"training {folder.name!r}", total).tick, total)
        return (
            f"{right:.0%} of the validation shapes right with the right tag, {any_colour:.0%} with any "
            f"(a guess: {1 / 3:.0%})"
        )

    made: dict[str, Callable[[Path], str]] = {
        "healthy": partial(digits, sick=False),
        "dying": partial(digits, sick=True),
        "shortcut": shapes,
    }
    for name, purpose in PURPOSES.items():
        shutil.rmtree(log_dir / name / "xai", ignore_errors=True)
        print(f"{name}: {purpose}", file=sys.stderr)
        print(f"  {name}: {made[name](log_dir / name)}", file=sys.stderr)


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
    train_all(log_dir)
    if with_server:
        return serve(log_dir, port)
    print("\n".join(f"{name}: {purpose}" for name, purpose in PURPOSES.items()))
    print(f"Logs are in {log_dir}. See them with: tensorboard --logdir {log_dir}")
    return 0
