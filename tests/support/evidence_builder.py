# SPDX-License-Identifier: Apache-2.0
"""A healthy training as records, of which a test breaks one thing.

`records(...)` makes them in the order in which they come while training, `build(...)` adds them all to an
`Evidence`. Edits get the values of one step and change them: `weight=lambda step, cells: cells.put(...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import made_maps
import numpy as np

from tb_xai_plugin.format import records as r
from tb_xai_plugin.rules import Evidence

CLASSES = 10
#: What a constant prediction of ten equally frequent classes costs.
BASE = float(np.log(CLASSES))
SAMPLES = 32
#: Steps at which outputs are checked, as `schedule.log_spaced(1.25)` has them.
CHECKS = (0, 1, 2, 3, 4, 5, 7, 9, 12, 15, 19, 24, 30, 38, 48, 60, 75, 94, 118, 148, 185, 232, 290, 363)

TABLE = r.LayerTable(
    "t",
    (
        r.Layer("conv", "Conv2d", (8, 6, 6), 8, spatial=True),
        r.Layer("relu1", "ReLU", (8, 6, 6), 8, activation="relu", spatial=True),
        r.Layer("fc1", "Linear", (16,), 16),
        r.Layer("relu2", "ReLU", (16,), 16, activation="relu"),
        r.Layer("fc2", "Linear", (16,), 16),
        r.Layer("relu3", "ReLU", (16,), 16, activation="relu"),
        r.Layer("head", "Linear", (10,), 10, is_output=True),
    ),
    (
        r.Parameter("conv.weight", "conv", (8, 1, 3, 3)),
        r.Parameter("conv.bias", "conv", (8,)),
        r.Parameter("fc1.weight", "fc1", (16, 288)),
        r.Parameter("fc1.bias", "fc1", (16,)),
        r.Parameter("fc2.weight", "fc2", (16, 16)),
        r.Parameter("fc2.bias", "fc2", (16,)),
        r.Parameter("head.weight", "head", (10, 16)),
        r.Parameter("head.bias", "head", (10,)),
    ),
)

SETUP = r.Setup(
    task="classification",
    loss="cross_entropy",
    reduction="mean",
    head="linear",
    link="log_softmax",
    output_shape=(CLASSES,),
    optimizer="SGD",
    options={"lr": 0.1},
    num_samples=200,
    class_counts=(20,) * CLASSES,
    target_low=0.0,
    target_high=9.0,
    target_mean=4.5,
    target_std=2.87,
    base_loss=BASE,
    feature_rms_max=1.1,
    feature_rms_median=1.0,
    input_low=-2.5,
    input_high=2.5,
)

#: The same network trained on values.
REGRESSION = {
    "task": "regression", "loss": "mse", "link": "", "class_counts": (), "target_low": -2.0,
    "target_high": 2.0, "target_mean": 0.0, "target_std": 1.0, "base_loss": 1.0,
}  # fmt: skip


class Cells:
    """Values [rows, columns] by name; `...` is every row."""

    def __init__(self, rows: Sequence[str], columns: Sequence[str], values: np.ndarray) -> None:
        self._rows, self._columns, self.values = list(rows), list(columns), values

    def put(self, row: Any, column: str, value: float) -> None:
        """Set a value."""
        place = slice(None) if row is ... else self._rows.index(row)
        self.values[place, self._columns.index(column)] = value

    def get(self, row: str, column: str) -> float:
        """Read a value."""
        return float(self.values[self._rows.index(row), self._columns.index(column)])


Edit = Callable[[int, Cells], None]


def falling(step: int) -> float:
    """A loss that begins at that of a guess and falls to a tenth, with a little noise."""
    return BASE * (0.1 + 0.95 * float(np.exp(-step / 40))) * (1 + 0.05 * float(np.sin(7 * step)))


def stuck(step: int) -> float:
    """A loss that stays where a constant prediction is, with a little noise."""
    return BASE * (1.01 + 0.02 * float(np.sin(7 * step)))


def _size(parameter: r.Parameter) -> int:
    return int(np.prod(parameter.shape))


def _rows(columns: Sequence[str], rows: Sequence[Mapping[str, float]]) -> np.ndarray:
    """Values [rows, columns] by name; every column of a row must be given."""
    values = [[row[column] for column in columns] for row in rows]
    return np.array(values, np.float32).reshape(-1, len(columns))


def _moments(
    count: float, mean: float, std: float, spread: float, norm: float, zero: float
) -> dict[str, float]:
    """What every signal has; values lie within `spread` standard deviations."""
    return {
        "count": count, "mean": mean, "std": std, "min": -spread * std, "max": spread * std, "norm": norm,
        "zero_fraction": zero, "nonfinite_count": 0,
    }  # fmt: skip


def _weights(table: r.LayerTable, step: int) -> np.ndarray:
    rows = []
    for p in table.parameters:
        fan = int(np.prod(p.shape[1:])) if len(p.shape) > 1 else 100
        std = float(np.sqrt(1.0 / max(fan, 1)))
        norm = std * np.sqrt(_size(p)) * (1 + 1e-3 * step)
        rows.append({**_moments(_size(p), 1e-4 * step, std, 3, norm, 0), "update_ratio": 5e-3})
    return _rows(r.WEIGHT_COLUMNS, rows)


def _weight_gradients(table: r.LayerTable, step: int) -> np.ndarray:
    rms = 0.01 * (1 + 0.3 * np.sin(3 * step))
    rows = [_moments(_size(p), 0, rms, 3, rms * np.sqrt(_size(p)), 0.1) for p in table.parameters]
    return _rows(r.WEIGHT_GRADIENT_COLUMNS, rows)


def _activations(table: r.LayerTable) -> np.ndarray:
    rows = [
        {**_moments(SAMPLES * x.units, 0.3, 0.5, 1, 10.0, 0.4), "min": -1.0, "max": 3.0,
         "dead_fraction": 0.0, "participation_ratio": 4.0}
        for x in table.layers
    ]  # fmt: skip
    return _rows(r.LAYER_COLUMNS, rows)


def _gradients(table: r.LayerTable) -> np.ndarray:
    rows = [{**_moments(SAMPLES * x.units, 0, 0.01, 3, 0.2, 0.4), "dead_fraction": 0.0} for x in table.layers]
    return _rows(r.GRADIENT_COLUMNS, rows)


def _statistics(
    table: r.LayerTable, step: int
) -> Iterator[tuple[str, Sequence[str], Sequence[str], np.ndarray]]:
    layers, parameters = [x.name for x in table.layers], [p.name for p in table.parameters]
    yield "activation", layers, r.LAYER_COLUMNS, _activations(table)
    yield "gradient", layers, r.GRADIENT_COLUMNS, _gradients(table)
    yield "weight", parameters, r.WEIGHT_COLUMNS, _weights(table, step)
    yield "weight_gradient", parameters, r.WEIGHT_GRADIENT_COLUMNS, _weight_gradients(table, step)


def checked(step: int) -> dict[str, float]:
    """The check-up of a network that learns."""
    share = 1 - float(np.exp(-step / 40))
    return {
        "probe_loss": BASE * (1.05 - 0.9 * share),
        "probe_accuracy": 0.1 + 0.85 * share,
        "probe_prediction_entropy": BASE * (0.6 + 0.35 * share),
        "probe_missed_classes": 0.0 if step > 20 else 4.0,
        "probe_output_std": 0.3 + 2 * share,
        "probe_output_scale": 0.5 + 2 * share,
        "probe_output_low": -2.0,
        "probe_output_high": 5.0,
    }


def records(
    *,
    steps: int = 300,
    every: int = 5,
    table: r.LayerTable = TABLE,
    setup: Mapping[str, Any] | None = None,
    loss: Callable[[int], float] | None = falling,
    rate: Callable[[int], float] | None = lambda step: 0.1,
    checkup: Callable[[int], Mapping[str, float]] | None = lambda step: {},
    checks: Sequence[int] = CHECKS,
    heads: Callable[[int], tuple[int, Sequence[float]]] | None = lambda step: (16, (2.0, 1.5, 1.0, 2.2)),
    live: Callable[[int, dict[str, np.ndarray]], None] | None = None,
    probe: r.Probe | None = made_maps.MARKED,
    maps: made_maps.Snapshot = made_maps.healthy,
    source: str = r.TRAINING_BATCH,
    samples: int = SAMPLES,
    without: Sequence[str] = (),
    **edits: Edit,
) -> Iterator[tuple[int, list[r.Record]]]:
    """(step, what becomes known at it), from step 0 to `steps` - 1.

    Args:
        steps: how long it trains.
        every: statistics are taken at step 0, every, 2 every …
        table: the layers.
        setup: changes to `SETUP`.
        loss: by step; None: no loss is given.
        rate: learning rate by step; None: it is not logged.
        checkup: changes to `checked` by step; None: there are no check-ups.
        checks: steps of the check-ups.
        heads: (keys, entropies) of the layer "attn" by step; None: no attention.
        live: changes the counts of active samples, layer -> uint32 [units], of a step.
        probe: the samples that maps are of; None: there are neither.
        maps: explanations by step.
        source: of the statistics.
        samples: in each batch.
        without: signals that are not there, "units" among them.
        **edits: changes to the statistics of a signal: weight, weight_gradient, activation, gradient.
    """
    traced = 0
    for step in range(steps):
        found: list[r.Record] = [table, replace(SETUP, **(setup or {}))] if step == 0 else []
        if step % every == 0 or step == steps - 1:
            for signal, rows, columns, values in _statistics(table, step):
                if signal not in without:
                    edits.get(signal, lambda step, cells: None)(step, Cells(rows, columns, values))
                    found.append(r.LayerStats(signal, source, samples, table.id, tuple(columns), values))
            if "units" not in without:
                found.append(_units(table, step, samples, source, live))
            if rate is not None:
                found.append(r.Scalars({"learning_rate": rate(step)}))
            if heads is not None:
                keys, entropy = heads(step)
                found.append(r.HeadStats({"attn": (keys, np.array(entropy, np.float32))}))
        if checkup is not None and step in checks:
            found.append(r.Scalars({**checked(step), **checkup(step)}, "checkup"))
        if probe is not None:
            found += [probe] if step == 0 else []
            found += maps(step) if step % made_maps.SNAPSHOTS == 0 else []
        if loss is not None and (step % every == 0 or step == steps - 1):
            found.append(
                r.LossTrace(traced, np.array([loss(s) for s in range(traced, step + 1)], np.float32))
            )
            traced = step + 1
        yield step, found


def _units(
    table: r.LayerTable,
    step: int,
    samples: int,
    source: str,
    live: Callable[[int, dict[str, np.ndarray]], None] | None,
) -> r.UnitCounts:
    counts = {layer.name: np.full(layer.units, samples // 2, np.uint32) for layer in table.layers}
    if live is not None:
        live(step, counts)
    joined = np.concatenate(list(counts.values())) if counts else np.zeros(0, np.uint32)
    return r.UnitCounts(source, samples, table.id, joined)


def build(**options: Any) -> Evidence:
    """The evidence after all `records(**options)`."""
    evidence = Evidence()
    for step, found in records(**options):
        for record in found:
            evidence.add(step, record)
        evidence.step = step
    return evidence


def layer_table(*layers: r.Layer, parameters: Sequence[r.Parameter] | None = None) -> r.LayerTable:
    """A table of other layers, of the same parameters if none are given."""
    return r.LayerTable("other", layers, tuple(TABLE.parameters if parameters is None else parameters))
