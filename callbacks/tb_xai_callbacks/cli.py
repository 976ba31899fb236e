# SPDX-License-Identifier: Apache-2.0
"""The command `tb-xai`: demo, diagnose and doctor."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def _demo(arguments: argparse.Namespace) -> int:
    from tb_xai_callbacks.demo.run import run

    return run(arguments.log_dir, not arguments.no_serve, arguments.port)


def _doctor(arguments: argparse.Namespace) -> int:
    from tb_xai_plugin.commands import doctor

    return doctor.main(arguments.log_dir)


def _diagnose(arguments: argparse.Namespace) -> int:
    from tb_xai_plugin.commands import diagnose

    return diagnose.main(arguments.log_dir, arguments.json, arguments.fail_on)


def parser() -> argparse.ArgumentParser:
    """The command line; its help is the manual."""
    made = argparse.ArgumentParser(prog="tb-xai", description="See what a network learns while it learns.")
    commands = made.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="train three small networks and open the tab")
    demo.add_argument("--log_dir", type=Path, default=Path("demo_logs"), help="where to log (demo_logs)")
    demo.add_argument("--no-serve", action="store_true", help="only train")
    demo.add_argument("--port", type=int, default=6006, help="port, or the next free one (6006)")
    demo.set_defaults(run=_demo)
    diagnose = commands.add_parser(
        "diagnose",
        help="say what is wrong in logged runs, since when, why, and what to try",
        epilog="exit status: 0, 1 if --fail-on found something, 2 if there is nothing to read",
    )
    diagnose.add_argument("log_dir", help="what tensorboard --logdir gets")
    diagnose.add_argument("--json", action="store_true", help="for machines")
    diagnose.add_argument(
        "--fail-on", choices=("warning", "error"), help="exit with 1 at this severity or worse"
    )
    diagnose.set_defaults(run=_diagnose)
    doctor = commands.add_parser("doctor", help="say what is installed, what is wrong, how to mend it")
    doctor.add_argument("log_dir", nargs="?", help="also look into this log directory")
    doctor.set_defaults(run=_doctor)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    arguments = parser().parse_args(argv)
    return int(arguments.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
