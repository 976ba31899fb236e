# SPDX-License-Identifier: Apache-2.0
"""Answer bodies that both languages must read alike; running this file writes them, in hex."""

import json
from pathlib import Path

import drift as measure
import numpy as np

from tb_xai_plugin.format import codec, records, schema_pb2

FOLDER = Path(__file__).parents[2] / "frontend" / "tests" / "golden"


def attribution() -> bytes:
    """Two frames of a signed attribution [2 samples, 2 × 3]: tiny, zero, negative and NaN values."""
    frames = []
    for step in (0, 1_000_000):
        heat = np.array([[[1, 0.5, 0], [0.25, -1, 2]], [[0, 0, 0], [0, 0, 0]]], np.float32) * 1e-9
        heat[0, 0, 2] = np.nan
        record = records.Attribution(
            "grad_cam", "conv", heat, np.array([3, -1]), np.array([0.5, 0.25]), np.array([3, 7]),
            np.array([0.5, 0.75]), signed=True, probe="abc", call=2, calls=2,
        )  # fmt: skip
        frames.append(schema_pb2.Frame(step=step, wall_time=1.5, record=codec.encode(record)))
    return schema_pb2.Frames(frames=frames, kept=2).SerializeToString(deterministic=True)


def status() -> bytes:
    """A status with every list filled."""
    record = records.RunStatus(
        "running", "torch", "torch", 7, versions=("torch 2",),
        signals=(records.Signal("attention", "off", "why", "how"),),
        notices=(records.Notice("warning", "probe", "said", 3),),
        costs=(records.Cost("explanations", 1.5, 3, 2),), training_seconds=60.0, max_overhead=0.05,
        next_explain_step=2**40,
    )  # fmt: skip
    frame = schema_pb2.Frame(step=7, wall_time=2.5, record=codec.encode(record))
    return schema_pb2.Frames(frames=[frame], kept=1).SerializeToString(deterministic=True)


def findings() -> bytes:
    """A finding with every field, one that follows from it, and a rule that waits."""
    cause = records.Finding(
        "dead_layer", "error", "relu2", 206, 400, 0.97, 0.95, "what", "try", family="units",
        title="relu2 is dead", cause="likely", statistic="share of dead units",
    )  # fmt: skip
    consequence = records.Finding(
        "constant", "warning", "", 2**40, 2**40, 1, np.nan, "m", "a", root=cause.key
    )
    rule = records.RuleState("dead_layer", "units", "waiting", "12 of 50 steps", "it means")
    record = records.Findings((cause, consequence), (rule,), 400)
    frame = schema_pb2.Frame(step=400, wall_time=3.5, record=codec.encode(record))
    return schema_pb2.Frames(frames=[frame], kept=1).SerializeToString(deterministic=True)


def drift() -> bytes:
    """Maps of two samples over nine snapshots, and what measure/drift.py and measure/ranks.py say of them.

    Values are halves, as records store them, with ties; sample 1 has a constant and a NaN map.
    """
    rng = np.random.default_rng(11)
    heat = rng.integers(0, 9, (1, 2, 4, 5)).astype(np.float64) + rng.integers(0, 2, (9, 2, 4, 5)) / 4
    heat[6:] = heat[6:, :, ::-1]
    heat[2, 1] = 0.5
    heat[4, 1, 0, 0] = np.nan
    found = measure.drift(heat)
    values = {
        "maps": heat.reshape(9, 2, 20),
        "rankToPrevious": found.rank_to_previous,
        "rankToLast": found.rank_to_last,
        "overlapToPrevious": found.overlap_to_previous,
        "overlapToLast": found.overlap_to_last,
        "scores": measure.jump_scores(found.rank_to_previous),
        "jumps": measure.jumps(found.rank_to_previous),
        "settled": measure.settled(found.rank_to_last),
    }
    text = json.dumps({name: _plain(value) for name, value in values.items()}, indent=None)
    return text.encode()


def _plain(value: np.ndarray) -> object:
    """Lists of numbers to 9 digits, NaN as null."""
    if value.dtype.kind != "f":
        return value.tolist()
    return np.where(np.isnan(value), None, np.round(value, 9)).tolist()


GOLDEN = {"attribution.hex": attribution, "status.hex": status, "findings.hex": findings}
PLAIN = {"drift.json": drift}

if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in GOLDEN.items():
        (FOLDER / name).write_text(make().hex() + "\n")
    for name, make in PLAIN.items():
        (FOLDER / name).write_text(make().decode() + "\n")
