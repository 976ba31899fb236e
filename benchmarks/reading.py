# SPDX-License-Identifier: Apache-2.0
"""How fast the tab shows a long log: 10 000 and 100 000 steps × 200 layers, through a real TensorBoard.

Two kinds of log: as the recorder thins it by default, and with every step logged (10 000 steps; TensorBoard
keeps that many of a tag). The server is warm: it has answered each route once. The page is timed in Chromium
from the tab's navigation to the drawn strip.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.interleave import Figure, Section, quartiles
from tb_xai_callbacks.run.schedule import thinning
from tb_xai_callbacks.run.sink import EventFileSink
from tb_xai_plugin.format import records as r

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
PAINT_BAR_S, ANSWER_BAR_MS, ANSWER_BAR_KB, GROWTH_BAR = 1.0, 100, 300, 1.3
ROUTES = (
    "catalog?run={run}&compact=1",
    "series?run={run}&signal=activation&column=dead_fraction&width=400",
    "series?run={run}&signal=gradient&column=norm&width=400",
    "series?run={run}&signal=scalars&column=&width=400",
    "histograms?run={run}&signal=activation&name={layer}&width=60",
)


#: Route → (seconds, bytes).
Answers = dict[str, tuple[float, int]]


def _table(layers: int) -> r.LayerTable:
    rows = tuple(
        r.Layer(f"block{i // 8}.layer{i % 8}", "Conv2d", (64, 8, 8), 64, spatial=True) for i in range(layers)
    )
    return r.LayerTable("bench", rows, tuple(r.Parameter(f"{one.name}.weight", one.name) for one in rows))


def write(directory: Path, steps: Iterable[int], layers: int) -> None:
    """A log of activations and gradients with histograms of one in fifty, through the recorder's sink."""
    rng = np.random.default_rng(0)
    table, newest = _table(layers), 0
    sink = EventFileSink(directory, print, patience_s=600)
    sink.put(0, lambda: [table])
    for number, step in enumerate(steps):
        sink.put(step, lambda step=step, number=number: _records(table, step, number, rng))
        newest = step
    state = r.RunStatus("finished", "torch", "torch", newest, signals=(r.Signal("activations", "captured"),))
    sink.put(newest, lambda: [state])
    sink.flush()
    sink.close()


def _records(table: r.LayerTable, step: int, number: int, rng: np.random.Generator) -> list[Any]:
    def stats(signal: str, columns: tuple[str, ...]) -> r.LayerStats:
        values = rng.random((len(table.layers), len(columns)), dtype=np.float32)
        return r.LayerStats(signal, r.TRAINING_BATCH, 64, table.id, columns, values)

    made: list[Any] = [
        stats("activation", r.LAYER_COLUMNS),
        stats("gradient", r.GRADIENT_COLUMNS),
        r.Scalars({"loss": float(2 * np.exp(-step / 3000) + 0.1 * rng.random())}),
    ]
    if number % 50 == 0:
        counts = rng.integers(0, 1000, (len(table.layers), 2 * r.EXPONENTS + 2)).astype(np.uint64)
        made.append(r.Histograms("activation", r.TRAINING_BATCH, 64, table.id, counts))
    return made


def _answer(url: str) -> tuple[float, int]:
    """(seconds, bytes as they travel) of one GET."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    before = time.perf_counter()
    with urllib.request.urlopen(request, timeout=600) as answer:
        size = len(answer.read())
    return time.perf_counter() - before, size


def answers(url: str, run: str, layer: str, times: int) -> Answers:
    """Route → (median seconds on a warm server, bytes)."""
    found = {}
    for route in ROUTES:
        address = f"{url}/data/plugin/xai/{route.format(run=run, layer=layer)}"
        _answer(address)
        measured = [_answer(address) for _ in range(times)]
        found[route.split("&width")[0]] = (quartiles([one for one, _ in measured])[0], measured[-1][1])
    return found


def first_paint(url: str, run: str, times: int) -> dict[str, Any]:
    """Of frontend/browser/first_paint.mjs."""
    from chromium import find

    environment = {**os.environ, "CHROMIUM": find() or "", "TAB_URL": url, "RUN": run, "TIMES": str(times)}
    command = ["node", "browser/first_paint.mjs"]
    done = subprocess.run(
        command, cwd=ROOT / "frontend", env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _growth(before: Answers, after: Answers) -> list[Figure]:
    """How much longer and larger answers are of ten times the steps."""
    slower = {one: after[one][0] / before[one][0] for one in before}
    worst = max(slower, key=lambda one: slower[one])
    total = sum(size for _, size in after.values()) / sum(size for _, size in before.values())
    larger = {one: after[one][1] / before[one][1] for one in before}
    most = max(larger, key=lambda one: larger[one])
    # Up to its 400 columns a series of a single row has one for each step that the thinning keeps.
    sizes = f"`{most}`, {before[most][1] / 1e3:.1f} to {after[most][1] / 1e3:.1f} KB"
    title = "ten times the steps: growth in"
    return [
        Figure(f"{title} time", slower[worst], "×", bar=GROWTH_BAR, note=f"`{worst}`"),
        Figure(f"{title} size, all answers", total, "×", bar=GROWTH_BAR),
        Figure(f"{title} size, the one that grows most", larger[most], "×", note=sizes),
    ]


def run(quick: bool = False) -> list[Section]:
    """Both kinds of log, and the longer one."""
    from server import tensorboard

    layers, scale = (20, 10) if quick else (200, 1)
    due = thinning()
    logs = {
        "every_step": range(10_000 // scale),
        "thinned": [step for step in range(10_001 // scale) if due(step)],
        "thinned_long": [step for step in range(100_001 // scale) if due(step)],
    }
    section = Section(
        f"Reading {layers} layers × {10_000 // scale} and {100_000 // scale} steps", "On a warm server."
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, steps in logs.items():
            write(Path(folder) / name, steps, layers)
        with tensorboard(Path(folder), runs=len(logs), patience_s=600) as url:
            layer = _table(1).layers[0].name
            found = {name: answers(url, f"{name}/xai", layer, 3 if quick else 7) for name in logs}
            paints = {name: first_paint(url, f"{name}/xai", 2 if quick else 5) for name in logs}
    for name in logs:
        middle, low, high = quartiles(paints[name]["paints"])
        bar = PAINT_BAR_S if name != "thinned_long" else None
        title = f"{name}: Overview drawn after"
        section.figures.append(Figure(title, middle / 1e3, "s", low / 1e3, high / 1e3, bar))
        slow = max(found[name], key=lambda route: found[name][route][0])
        large = max(found[name], key=lambda route: found[name][route][1])
        seconds, size = found[name][slow][0], found[name][large][1]
        section.figures.append(
            Figure(f"{name}: slowest answer", seconds * 1e3, "ms", bar=ANSWER_BAR_MS, note=f"`{slow}`")
        )
        section.figures.append(
            Figure(f"{name}: largest answer", size / 1e3, "KB", bar=ANSWER_BAR_KB, note=f"`{large}`")
        )
    section.figures += _growth(found["thinned"], found["thinned_long"])
    return [section]
