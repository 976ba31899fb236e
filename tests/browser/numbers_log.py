# SPDX-License-Identifier: Apache-2.0
"""Made-up runs with signals of a user's own, written with the real sink.

`own` has a kind with two columns, one with 200 rows, one without a single number, one that its log does not
describe, and a statistic of its own; `plain` has none of these.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tb_xai_callbacks.run.sink import EventFileSink
from tb_xai_plugin.format import records as r

STEPS = range(0, 551, 50)
MANY = tuple(f"row {i}" for i in range(200))

TABLE = r.LayerTable("two", (r.Layer("conv1", "Conv2d", (8, 4, 4), 8), r.Layer("fc", "Linear", (10,), 10)))

KURTOSIS = r.ColumnDescription(
    "activation", "kurtosis", "kurtosis", meaning="Weight of the tails.", scale="linear", key="kurtosis"
)
DESCRIBED = r.Descriptions(
    columns=(KURTOSIS,),
    kinds=(
        r.KindDescription("fisher", "Fisher information", "How sharp the loss is.", "nats", "log"),
        r.KindDescription("wide", "Two hundred rows"),
        r.KindDescription("hollow", "Nothing in it", scale="share"),
    ),
)  # fmt: skip


def numbers(step: int) -> list[r.Numbers]:
    """The tables of one step."""
    sharp = np.array([[1, 10], [10, 100]], np.float32) * (1 + step)
    waves = (np.sin(np.arange(200) + step / 100) * np.arange(200)).astype(np.float32)[:, None]
    return [
        r.Numbers("fisher", ("conv1", "fc"), ("trace", "largest"), sharp),
        r.Numbers("wide", MANY, ("x",), waves),
        r.Numbers("hollow", ("a", "b"), ("x",), np.full((2, 1), np.nan, np.float32)),
        r.Numbers("my_signal", ("only",), ("x",), np.array([[step]], np.float32)),
    ]


def statistics(step: int, *more: str) -> r.LayerStats:
    """Three columns of two layers, and those in `more`."""
    values = np.array([[0.1, 0.2, 0], [0.3, 0.4, 0]], np.float32) + np.array([step / 1000, 0, 0], np.float32)
    values = np.c_[values, np.tile(values[:, :1], len(more))].astype(np.float32)
    return r.LayerStats(
        "activation", r.PROBE, 16, TABLE.id, ("mean", "dead_fraction", "nonfinite_count", *more), values
    )


def ended() -> r.RunStatus:
    """The status of a run that is over."""
    signals = (r.Signal("activations", "captured", "probe"),)
    return r.RunStatus("finished", "torch", "torch", STEPS[-1], signals=signals)


def write(log_dir: Path, items: list[tuple[int, Any]]) -> None:
    sink = EventFileSink(log_dir, print)
    for step, item in items:
        sink.put(step, lambda item=item: [item])  # type: ignore[misc]
    sink.close()


def make(root: Path) -> Path:
    """Write both runs below `root`, `own` the newest; returns `root`."""
    last = (STEPS[-1], ended())
    write(root / "plain", [(0, TABLE), *((step, statistics(step)) for step in STEPS), last])
    own = [(step, one) for step in STEPS for one in (statistics(step, "kurtosis"), *numbers(step))]
    write(root / "own", [(0, TABLE), (0, DESCRIBED), *own, last])
    return root
