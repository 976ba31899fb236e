# SPDX-License-Identifier: Apache-2.0
"""The browser's memory while a log grows and the tab follows it.

`python -m benchmarks.follow_memory --seconds 180`. The recorder's sink writes 50 steps a second of 50 layers,
a real TensorBoard serves them, and frontend/browser/follow_memory.mjs reports the heap.
What may grow with the log is the catalog's list of steps, a few bytes per kept record.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import reading
from tb_xai_callbacks.run.sink import EventFileSink

ROOT = Path(__file__).parents[1]
STEPS_PER_S, LAYERS = 50, 50
#: Bytes per record that was kept: its step and time in the catalog and in what follows from that.
BYTES_PER_RECORD = 200


def grow(directory: Path, ended: threading.Event) -> None:
    """Log without end, as a training does."""
    rng, table, step = np.random.default_rng(0), reading._table(LAYERS), 0
    sink = EventFileSink(directory, print, patience_s=60)
    sink.put(0, lambda: [table])
    while not ended.is_set():
        for _ in range(STEPS_PER_S):
            sink.put(step, lambda step=step: reading._records(table, step, step, rng))
            step += 1
        sink.flush()
        ended.wait(1)
    sink.close()


def follow(seconds: int, period_s: int, view: str) -> dict[str, Any]:
    """What frontend/browser/follow_memory.mjs prints."""
    sys.path.insert(0, str(ROOT / "tests" / "browser"))
    from chromium import find
    from server import tensorboard

    ended = threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        writer = threading.Thread(target=grow, args=(Path(folder) / "growing", ended))
        writer.start()
        try:
            with tensorboard(Path(folder), runs=1) as url:
                more = {"CHROMIUM": find() or "", "TAB_URL": url, "RUN": "growing/xai", "VIEW": view}
                more |= {"SECONDS": str(seconds), "PERIOD_S": str(period_s)}
                done = subprocess.run(
                    ["node", "browser/follow_memory.mjs"], cwd=ROOT / "frontend", check=True,
                    env={**os.environ, **more}, stdout=subprocess.PIPE, text=True, timeout=seconds + 180,
                )  # fmt: skip
        finally:
            ended.set()
            writer.join()
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    """Measure and print; 1 if the heap grew by more than the list of steps explains."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=180)
    parser.add_argument("--period_s", type=int, default=10)
    parser.add_argument("--view", default="overview")
    arguments = parser.parse_args()
    found = follow(arguments.seconds, arguments.period_s, arguments.view)
    print("| s | requests | heap MB | DOM nodes | listeners |\n|---|---|---|---|---|")
    for one in found["samples"]:
        cells = (one["second"], one["requests"], f"{one['heap'] / 1e6:.2f}", one["nodes"], one["listeners"])
        print("| " + " | ".join(map(str, cells)) + " |")
    if found["problems"]:
        sys.exit("\n".join(found["problems"]))
    # The first samples still hold what is loaded once.
    first, last = found["samples"][len(found["samples"]) // 3], found["samples"][-1]
    records = 3 * STEPS_PER_S * (last["second"] - first["second"])
    growth, bound = last["heap"] - first["heap"], 1e6 + BYTES_PER_RECORD * records
    print(f"growth after the first third: {growth / 1e6:.2f} MB, bound {bound / 1e6:.2f} MB")
    return int(growth > bound)


if __name__ == "__main__":
    sys.exit(main())
