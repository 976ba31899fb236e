# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks.run`: every benchmark, in one table and one JSON file. Wants an idle machine.

Of a run with `--only`, the sections take the places of those that are in the file already.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path

from benchmarks.interleave import Section, failed_bars

#: By name, in order: the modules that have `run(quick) -> list[Section]`.
BENCHMARKS = (
    "recorder",
    "keras_fit",
    "attribution",
    "snapshot_bytes",
    "start",
    "trust",
    "reading",
    "dashboards",
)
HERE = Path(__file__).parent


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="repeatable; default: all")
    parser.add_argument("--quick", action="store_true", help="small and short: whether it runs, not how fast")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a bar does not hold")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--markdown", type=Path, help="write the tables there")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run, print, write; 1 if `--check` and a bar does not hold."""
    asked = parse(arguments)
    sections: list[Section] = []
    for name in asked.only or BENCHMARKS:
        started = time.perf_counter()
        for section in importlib.import_module(f"benchmarks.{name}").run(asked.quick):
            sections.append(section)
            print(section.markdown(), flush=True)
        print(f"({name}: {time.perf_counter() - started:.0f} s)\n", file=sys.stderr, flush=True)
    shown = among_earlier(sections, asked.json) if asked.only and asked.json else sections
    if asked.markdown:
        asked.markdown.write_text("\n".join(one.markdown() for one in shown), encoding="utf-8")
    if asked.json:
        content = {"machine": machine(), "sections": [one.as_json() for one in shown]}
        asked.json.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    missed = failed_bars(sections)
    print("\n".join(missed) if missed else "every bar holds", file=sys.stderr)
    return int(asked.check and bool(missed))


def among_earlier(fresh: list[Section], path: Path) -> list[Section]:
    """What an earlier run wrote to `path`, with the sections that were measured again in their places."""
    if not path.is_file():
        return fresh
    by_title = {section.title: section for section in fresh}
    earlier = [Section.of_json(one) for one in json.loads(path.read_text(encoding="utf-8"))["sections"]]
    kept = [by_title.pop(section.title, section) for section in earlier]
    return [*kept, *by_title.values()]


def machine() -> dict[str, str | int | None]:
    """What it ran on."""
    import torch

    return {
        "processors": os.cpu_count(),
        "platform": platform.platform(terse=True),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


if __name__ == "__main__":
    sys.exit(main())
