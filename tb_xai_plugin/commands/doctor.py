# SPDX-License-Identifier: Apache-2.0
"""`tb-xai doctor`: is the tab visible to TensorBoard, what is installed, what is wrong, how to mend it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

DISTRIBUTION = "tb-xai-plugin"
_GROUP = "tensorboard_plugins"
_ENTRY_POINT = "tb_xai_plugin.loader:XaiLoader"
_FRAMEWORKS = ("torch", "lightning", "keras", "transformers", "jax")
#: TensorFlow is one package under several names.
_TENSORFLOW = ("tensorflow", "tensorflow-cpu", "tf-nightly")

OK, WARN, PROBLEM = "ok", "warn", "problem"


@dataclass(frozen=True)
class Check:
    """One thing looked at: `state` is ok, warn or problem; `remedy` says what to do unless it is ok."""

    name: str
    state: str
    found: str
    remedy: str = ""


def checks(log_dir: str | None = None) -> list[Check]:
    """Everything looked at, in the order of reading; with a log directory also what it holds."""
    made = [check() for check in _CHECKS]
    return made if log_dir is None else [*made, check_log_dir(log_dir)]


def render(found: list[Check]) -> str:
    """Aligned lines, remedies below their check."""
    width = max(len(check.name) for check in found)
    lines = []
    for check in found:
        lines.append(f"{check.state:<8}{check.name:<{width}}  {check.found}")
        if check.remedy:
            lines.append(f"{'':<8}{'':<{width}}  → {check.remedy}")
    worst = sum(check.state == PROBLEM for check in found)
    lines.append(f"{worst} problem{'s' * (worst != 1)} found." if worst else "No problem found.")
    return "\n".join(lines)


def main(log_dir: str | None = None) -> int:
    """Print the checks; 1 if there is a problem, else 0."""
    found = checks(log_dir)
    print(render(found))
    return int(any(check.state == PROBLEM for check in found))


def check_python() -> Check:
    """Which Python this is; pip refuses to install us for one that is too old."""
    return Check("python", OK, f"{sys.version.split()[0]} at {sys.executable}")


def check_entry_point() -> Check:
    """Our entry point is visible to TensorBoard, once."""
    points = [p for p in metadata.entry_points(group=_GROUP) if p.value == _ENTRY_POINT]
    owners = sorted({_owner(p) for p in points})
    if not points:
        return Check(
            "plugin", PROBLEM, f"{DISTRIBUTION} is not installed here: TensorBoard cannot see the tab",
            f"{sys.executable} -m pip install {DISTRIBUTION}",
        )  # fmt: skip
    if len(owners) > 1:
        return Check(
            "plugin", PROBLEM, f"installed more than once: {', '.join(owners)}; TensorBoard will not start",
            f"pip uninstall {DISTRIBUTION}, until it says there is none, and install it once",
        )  # fmt: skip
    return Check("plugin", OK, f"{owners[0]}, visible to TensorBoard as the tab Explain")


def check_tensorboard() -> Check:
    """TensorBoard 2.21 or newer: older ones need pkg_resources, which setuptools dropped."""
    version = installed("tensorboard")
    if _numbers(version) < (2, 21):
        return Check("tensorboard", PROBLEM, version or "not installed", "pip install -U 'tensorboard>=2.21'")
    return Check("tensorboard", OK, version)


def check_command() -> Check:
    """The `tensorboard` that a shell starts belongs to this Python."""
    # Notebooks start this variable's binary rather than the one on PATH.
    command = os.environ.get("TENSORBOARD_BINARY") or shutil.which("tensorboard")
    ours = Path(sys.executable).parent / Path("tensorboard").with_suffix(".exe" if os.name == "nt" else "")
    remedy = f"start {ours}, or activate this environment first"
    if command is None:
        return Check("tensorboard command", WARN, "none on PATH", remedy)
    if Path(command).parent.resolve() != ours.parent.resolve():
        return Check("tensorboard command", WARN, f"{command} belongs to another environment", remedy)
    return Check("tensorboard command", OK, command)


def check_protobuf() -> Check:
    """protobuf from 6.31.1 up to 7."""
    version = installed("protobuf")
    if not (6, 31, 1) <= _numbers(version) < (8,):
        return Check("protobuf", PROBLEM, version or "not installed", "pip install 'protobuf>=6.31.1,<8'")
    return Check("protobuf", OK, version)


def check_numpy() -> Check:
    """numpy 1.26 or newer."""
    version = installed("numpy")
    if _numbers(version) < (1, 26):
        return Check("numpy", PROBLEM, version or "not installed", "pip install -U 'numpy>=1.26'")
    return Check("numpy", OK, version)


def check_data_server() -> Check:
    """TensorBoard's fast data loader; without it, its Python one does the same more slowly."""
    spec = util.find_spec("tensorboard_data_server")
    places = list(spec.submodule_search_locations or []) if spec else []
    if any((Path(place) / "bin" / "server").exists() for place in places):
        return Check(
            "fast data loading", OK, f"tensorboard-data-server {installed('tensorboard-data-server')}"
        )
    return Check(
        "fast data loading", OK, "not on this platform: TensorBoard's Python loader is used (slower)"
    )


def check_frameworks() -> Check:
    """Which training frameworks are there; none is imported."""
    tensorflow = next((name for name in _TENSORFLOW if installed(name)), "")
    names = [name for name in (*_FRAMEWORKS, tensorflow) if name and installed(name)]
    found = ", ".join(f"{name} {installed(name)}" for name in names)
    return Check("frameworks", OK, found or "none: logs can be viewed here, not recorded")


def check_static() -> Check:
    """The tab is built."""
    index = Path(__file__).parents[1] / "tab" / "static" / "index.js"
    if not index.is_file():
        return Check("built tab", PROBLEM, f"{index} is missing", "run `make frontend`, or reinstall")
    return Check("built tab", OK, f"{index.stat().st_size / 1024:.0f} KB")


def check_loads() -> Check:
    """The plugin can be imported, timed in a process of its own."""
    code = "import tb_xai_plugin.loader, tb_xai_plugin.tab.plugin, tb_xai_plugin.tab.answers"
    started = time.perf_counter()
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["no message"])[-1]
        return Check("plugin loads", PROBLEM, last, "mend what this error names, or reinstall")
    return Check("plugin loads", OK, f"in {seconds:.1f} s, Python's own start included")


def check_log_dir(log_dir: str) -> Check:
    """The directory holds runs with explanations."""
    try:
        from tb_xai_plugin.log import open_log

        log = open_log(log_dir)
        found = [f"{name} ({_newest(log_dir, name)})" for name in log]
        problems = [problem for run in log.values() for problem in run.problems]
    except (OSError, ValueError, ImportError) as error:
        return Check("log directory", PROBLEM, str(error), "check the path, and that training has begun")
    if not found:
        remedy = "is this what training got as log_dir? Records appear with the first step"
        return Check("log directory", WARN, f"no run with explanations in {log_dir}", remedy)
    if problems:
        return Check("log directory", WARN, ", ".join(found), "; ".join(problems[:3]))
    return Check("log directory", OK, ", ".join(found))


def installed(distribution: str) -> str:
    """The version of an installed distribution, '' if it is not; imports nothing."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _newest(log_dir: str, name: str) -> str:
    run = Path(log_dir) / name
    files = [path for place in (run, run / "xai") for path in place.glob("*tfevents*")]
    if not files:
        return "no files"
    minutes = (time.time() - max(path.stat().st_mtime for path in files)) / 60
    return f"newest data {minutes:.0f} min ago" if minutes < 120 else f"newest data {minutes / 60:.0f} h ago"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _owner(point: metadata.EntryPoint) -> str:
    distribution = point.dist
    return f"{distribution.metadata['Name']} {distribution.version}" if distribution else point.value


_CHECKS: tuple[Callable[[], Check], ...] = (
    check_python, check_entry_point, check_tensorboard, check_command, check_protobuf, check_numpy,
    check_data_server, check_frameworks, check_static, check_loads,
)  # fmt: skip
