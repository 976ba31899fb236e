# SPDX-License-Identifier: Apache-2.0
"""Logs with something wrong, written with the real sink."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tensorboard.compat.proto import event_pb2

from tb_xai_callbacks.run.sink import EventFileSink
from tb_xai_plugin.format import records, schema_pb2
from tb_xai_plugin.format.summary import record_summary

LAYERS = records.LayerTable(
    "t", (records.Layer("fc1", "Linear", (8,), 8), records.Layer("fc2", "Linear", (3,), 3))
)


def _status(state: str, **values: object) -> records.RunStatus:
    signals = (
        records.Signal("activations", "captured", "training batch"),
        records.Signal("attention", "off", "the model has no attention layer"),
        records.Signal("explanations", "off", "no layer's output has rows and columns", 'target_layers="…"'),
    )
    fields = {"signals": signals, "next_explain_step": 500, **values}
    return records.RunStatus(state, "torch", "torch", 0, **fields)  # type: ignore[arg-type]


def _stats() -> records.LayerStats:
    rows = [[64, 0.1, 1, -2, 2, 8, 0.5, 0, 0.25, 5], [24, 0, 1, -1, 1, 4, 0, 0, np.nan, 2]]
    values = np.array(rows, np.float32)
    return records.LayerStats("activation", records.TRAINING_BATCH, 8, "t", records.LAYER_COLUMNS, values)


def _write(log_dir: Path, items: list[tuple[int, object]]) -> EventFileSink:
    sink = EventFileSink(log_dir, print)
    for step, item in items:
        sink.put(step, lambda item=item: [item])  # type: ignore[misc]
    sink.close()
    return sink


def make(root: Path) -> Path:
    """Write the runs newer, torn, partial, waiting below `root`; returns `root`."""
    waiting = (records.Signal("explanations", "waiting"), records.Signal("activations", "waiting"))
    _write(root / "waiting", [(0, LAYERS), (0, _status("running", signals=waiting))])
    _write(root / "partial", [(0, LAYERS), (0, _stats()), (10, _stats()), (10, _status("finished"))])
    torn = _write(root / "torn", [(0, LAYERS), (0, _stats()), (5, _stats()), (5, _status("running"))])
    torn.path.write_bytes(torn.path.read_bytes()[:-20])
    _newer(root / "newer")
    return root


def _newer(log_dir: Path) -> None:
    """A status record of schema version 9."""
    sink = EventFileSink(log_dir, print)
    summary = record_summary(_status("running"))
    message = schema_pb2.RunStatus.FromString(summary.value[0].tensor.string_val[0])
    message.version = 9
    summary.value[0].tensor.string_val[0] = message.SerializeToString()
    sink.flush()
    sink._write_event(event_pb2.Event(wall_time=1.0, step=0, summary=summary))
    sink.close()
