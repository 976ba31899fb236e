# SPDX-License-Identifier: Apache-2.0
"""Reductions of what a Keras pass brought: numpy arrays by layer or weight -> rows of statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tb_xai_callbacks.backends.contract import Reduction
from tb_xai_callbacks.backends.keras.layout import Row
from tb_xai_callbacks.measure.statistics import (
    histogram,
    layer_row,
    live_counts,
    moments,
    stack_counts,
    stack_rows,
)
from tb_xai_plugin.format.columns import columns_of
from tb_xai_plugin.format.records import PROBE, TRAINING_BATCH


def reduce_layers(
    signal: str, rows: Sequence[Row], arrays: Mapping[str, np.ndarray], num_samples: int, keep: bool
) -> Reduction:
    """Arrays [n, …] by layer -> activation or gradient statistics on the probe; `keep` the arrays too."""
    values: list[np.ndarray | None] = []
    counts: list[np.ndarray | None] = []
    live: list[np.ndarray] = []
    for row in rows:
        array = arrays.get(row.name)
        if array is None or array.ndim <= row.axis or array.shape[row.axis] != row.units:
            values.append(None)
            counts.append(None)
            live.append(np.zeros(row.units, dtype=np.uint32))
            continue
        alive = live_counts(array, row.axis) if row.axis else np.zeros(0, dtype=np.uint32)
        values.append(layer_row(array, alive, row.axis))
        counts.append(histogram(array))
        live.append(alive)
    # `layer_row` has the columns of activations
    places = [columns_of("activation").index(name) for name in columns_of(signal)]
    return Reduction(
        signal=signal,
        source=PROBE,
        num_samples=num_samples,
        values=stack_rows(values, len(columns_of("activation")))[:, places],
        counts=stack_counts(counts),
        live=np.concatenate(live) if signal == "activation" and live else None,
        arrays=tuple(arrays.get(row.name) for row in rows) if keep else None,
    )


def reduce_weights(weights: Sequence[np.ndarray], ratios: np.ndarray, keep: bool) -> Reduction:
    """Weights and ‖Δw‖/‖w‖ [rows] (NaN where unknown) -> weight statistics."""
    values = [
        np.append(moments(w), ratio).astype(np.float32) for w, ratio in zip(weights, ratios, strict=True)
    ]
    return Reduction(
        signal="weight",
        source=TRAINING_BATCH,
        num_samples=0,
        values=stack_rows(values, len(columns_of("weight"))),
        counts=stack_counts([histogram(w) for w in weights]),
        arrays=tuple(weights) if keep else None,
    )


def reduce_weight_gradients(
    gradients: Sequence[np.ndarray | None], source: str, num_samples: int, keep: bool
) -> Reduction:
    """Gradients of the weights, None where there is none -> statistics."""
    values = [None if g is None else moments(g) for g in gradients]
    return Reduction(
        signal="weight_gradient",
        source=source,
        num_samples=num_samples,
        values=stack_rows(values, len(columns_of("weight_gradient"))),
        counts=stack_counts([None if g is None else histogram(g) for g in gradients]),
        arrays=tuple(gradients) if keep else None,
    )


def update_ratios(before: Sequence[np.ndarray | None], after: Sequence[np.ndarray]) -> np.ndarray:
    """‖after − before‖ / ‖before‖ [rows]; NaN where there is no before, or it is all zeros."""
    ratios = np.full(len(after), np.nan, dtype=np.float32)
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        if old is not None and (norm := float(np.linalg.norm(old.ravel()))) > 0:
            ratios[index] = np.linalg.norm((new - old).ravel()) / norm
    return ratios
