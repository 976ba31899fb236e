# SPDX-License-Identifier: Apache-2.0
"""Attributions and attention over all steps as arrays.

Axes: T logged steps in ascending order; n samples in the order of `run.probe`; h rows and w columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tb_xai_plugin.format import kinds
from tb_xai_plugin.format.kinds import Kind
from tb_xai_plugin.format.kinds.kind import R
from tb_xai_plugin.reading.reader import Reader, Row
from tb_xai_plugin.reading.statistics import shape_text, steps_of


@dataclass(frozen=True, repr=False)
class AttributionSeries:
    """One method at one layer: `heat` float32 [T, n, h, w] (or [T, n, tokens], [T, n, features] …).

    `targets` and `predictions` int64 [T, n] are classes; `scores` and `prediction_scores` float32 [T, n]
    their probabilities, or outputs where `probabilities` is False. `signed`: heat may be negative.
    """

    method: str
    layer: str
    steps: np.ndarray
    heat: np.ndarray
    targets: np.ndarray
    scores: np.ndarray
    predictions: np.ndarray
    prediction_scores: np.ndarray
    signed: bool
    probabilities: bool

    def __repr__(self) -> str:
        return (
            f"<AttributionSeries {self.method} of {self.layer}: {shape_text(self.heat)} (steps, samples, …)>"
        )


@dataclass(frozen=True, repr=False)
class AttentionSeries:
    """One layer's attention: `weights` float32 [T, n, heads, queries, keys], each row sums to 1.

    `entropy` float32 [T, heads] is in nats, the mean over samples and queries.
    """

    layer: str
    steps: np.ndarray
    weights: np.ndarray
    entropy: np.ndarray

    def __repr__(self) -> str:
        axes = "(steps, samples, heads, queries, keys)"
        return f"<AttentionSeries of {self.layer}: {shape_text(self.weights)} {axes}>"


def attributions(reader: Reader, run: str, method: str, layer: str) -> AttributionSeries:
    """One method at one layer; steps of another probe shape than the newest are left out and noted.

    Raises:
        UnknownNameError, SchemaError: see `Reader.tag`.
    """
    rows = _same_shape(reader, run, kinds.ATTRIBUTION, (method, layer), lambda record: record.heat)
    found = [row.record for row in rows]
    return AttributionSeries(
        method,
        layer,
        steps_of(rows),
        _stacked([one.heat for one in found], np.float32),
        _stacked([one.targets for one in found], np.int64),
        _stacked([one.scores for one in found], np.float32),
        _stacked([one.predictions for one in found], np.int64),
        _stacked([one.prediction_scores for one in found], np.float32),
        signed=any(one.signed for one in found),
        probabilities=all(one.probabilities for one in found),
    )


@dataclass(frozen=True, repr=False)
class TrustSeries:
    """How far to believe one method's maps: `measures` name → float32 [T, n], NaN where not defined.

    `missing`: what was not measured → why. `records.Trust` says what each measure means.
    """

    method: str
    layer: str
    steps: np.ndarray
    measures: dict[str, np.ndarray]
    missing: dict[str, str]

    def __repr__(self) -> str:
        return f"<TrustSeries {self.method} at {self.layer}: {', '.join(self.measures)}>"


def trust(reader: Reader, run: str, method: str, layer: str) -> TrustSeries:
    """Every measurement of one method at one layer.

    Raises:
        UnknownNameError: if there is none; the message lists the tags.
    """
    rows = reader.rows(run, kinds.TRUST, method, layer)
    names = dict.fromkeys(name for row in rows for name in row.record.measures)
    samples = max((len(v) for row in rows for v in row.record.measures.values()), default=0)
    none = np.full(samples, np.nan, dtype=np.float32)
    return TrustSeries(
        method,
        layer,
        steps_of(rows),
        {name: np.stack([row.record.measures.get(name, none) for row in rows]) for name in names},
        rows[-1].record.missing if rows else {},
    )


def attention(reader: Reader, run: str, layer: str) -> AttentionSeries:
    """One layer's attention; steps of another shape than the newest are left out and noted.

    Raises:
        UnknownNameError, SchemaError: see `Reader.tag`.
    """
    rows = _same_shape(reader, run, kinds.ATTENTION, (layer,), lambda record: record.weights)
    return AttentionSeries(
        layer,
        steps_of(rows),
        _stacked([row.record.weights for row in rows], np.float32),
        _stacked([row.record.entropy for row in rows], np.float32),
    )


def _same_shape(
    reader: Reader, run: str, kind: Kind[R], names: Sequence[str], array: Callable[[R], np.ndarray]
) -> list[Row[R]]:
    rows = reader.rows(run, kind, *names)
    same = [row for row in rows if array(row.record).shape == array(rows[-1].record).shape]
    if len(same) < len(rows):
        reader.note(
            run, f"tag {kind.tag(*names)!r}: {len(rows) - len(same)} steps have another shape: left out"
        )
    return same


def _stacked(arrays: Sequence[np.ndarray], dtype: type) -> np.ndarray:
    if len({array.shape for array in arrays}) > 1:
        # Only some steps name a class: the others get an impossible one, or no score.
        size = max(len(array) for array in arrays)
        missing = np.nan if dtype is np.float32 else -1
        arrays = [np.append(array, np.full(size - len(array), missing, dtype)) for array in arrays]
    return np.stack(arrays).astype(dtype) if arrays else np.zeros((0, 0), dtype)
