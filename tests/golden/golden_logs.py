# SPDX-License-Identifier: Apache-2.0
"""What a run wrote, record by record, to compare two versions of the code.

    python tests/golden/golden_logs.py record DIR [RUN …]      make the runs, keep what they wrote in DIR
    python tests/golden/golden_logs.py compare DIR [RUN …]     make them again: all but the times is the same
    python tests/golden/golden_logs.py structure               renew tests/golden/structure.json

The bytes depend on the machine (sums are made in another order), so they are compared on one machine only.
Tags, steps, metadata and shapes do not: those of `structure.json` are compared by `make test`.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tb_xai_plugin.format import schema_pb2

HERE = Path(__file__).parent
STRUCTURE = HERE / "structure.json"


def events(log_dir: Path) -> Iterator[tuple[int, Any]]:
    """(step, value) of every summary in the run's own event files, in the order of writing."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto import event_pb2

    for path in sorted((log_dir / "xai").glob("events.out.tfevents.*")):
        for data in RawEventFileLoader(str(path)).Load():
            event = event_pb2.Event.FromString(data)
            for value in event.summary.value:
                yield event.step, value


def _times_aside(kind: str, message: Any) -> None:
    if kind == "RunStatus":
        message.training_seconds = 0
        for cost in message.costs:
            cost.seconds = 0
        del message.versions[:]


def records(log_dir: Path) -> list[tuple[int, str, str, Any]]:
    """(step, tag, kind, message) in the order of writing; of status only the last, which has all in it."""
    found, last = [], None
    for step, value in events(log_dir):
        described = schema_pb2.PluginData.FromString(value.metadata.plugin_data.content)
        message = getattr(schema_pb2, described.kind)()
        message.ParseFromString(value.tensor.string_val[0])
        _times_aside(described.kind, message)
        one = (step, value.tag, described.kind, message)
        if described.kind == "RunStatus":
            last = one
        else:
            found.append(one)
    return [*found, last] if last else found


def lines(log_dir: Path) -> list[str]:
    """A line a record: step, tag, and a digest of its bytes; of a status its text."""
    made = []
    for step, tag, kind, message in records(log_dir):
        if kind == "RunStatus":
            made += [f"{step} {tag} {line}" for line in str(message).splitlines()]
        else:
            data = message.SerializeToString(deterministic=True)
            made.append(f"{step} {tag} {kind} {hashlib.sha256(data).hexdigest()[:16]}")
    return made


def structure(log_dir: Path) -> dict[str, Any]:
    """By tag: its kind, its steps, and the sizes of the fields of its first record."""
    tags: dict[str, Any] = {}
    for step, tag, kind, message in records(log_dir):
        entry = tags.setdefault(tag, {"kind": kind, "steps": [], "sizes": _sizes(message)})
        entry["steps"].append(step)
    return tags


def _sizes(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.name == "shape":
            found[field.name] = list(value)
        elif field.is_repeated or (field.type == field.TYPE_BYTES and not getattr(message, "packed", False)):
            found[field.name] = len(value)
    return {name: size for name, size in found.items() if size}


def make(name: str, log_dir: Path) -> None:
    """Make one run in a process of its own.

    Raises:
        subprocess.CalledProcessError: if it fails.
    """
    command = [sys.executable, str(HERE / "golden_runs.py"), name, str(log_dir)]
    subprocess.run(command, check=True, capture_output=True, text=True)


def main() -> int:
    """See the module."""
    sys.path.insert(0, str(HERE))
    from golden_runs import RUNS

    task, rest = sys.argv[1], sys.argv[2:]
    folder = Path(rest[0]) if task != "structure" else None
    names = (rest[1:] if folder else rest) or list(RUNS)
    different, shapes = 0, json.loads(STRUCTURE.read_text()) if STRUCTURE.exists() else {}
    for name in names:
        with tempfile.TemporaryDirectory() as log_dir:
            try:
                make(name, Path(log_dir))
            except subprocess.CalledProcessError as error:
                print(f"{name}: failed\n{error.stderr[-3000:]}")
                different += 1
                continue
            now = lines(Path(log_dir))
            shapes[name] = structure(Path(log_dir))
        if folder is None:
            continue
        kept = folder / f"{name}.txt"
        if task == "record":
            folder.mkdir(parents=True, exist_ok=True)
            kept.write_text("\n".join(now) + "\n")
            print(f"{name}: {len(now)} lines")
        else:
            before = kept.read_text().splitlines()
            wrong = sorted({*before} ^ {*now})
            moved = [line for line in before if line in now] != [line for line in now if line in before]
            different += before != now
            order = ", in another order" if moved else ""
            print(f"{name}: {'the same' if before == now else f'{len(wrong)} lines differ{order}'}")
            for line in wrong[:25]:
                print(f"  {'-' if line in before else '+'} {line}")
    if task == "structure":
        STRUCTURE.write_text(json.dumps(shapes, indent=1, sort_keys=True) + "\n")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
