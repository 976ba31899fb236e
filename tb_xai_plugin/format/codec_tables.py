# SPDX-License-Identifier: Apache-2.0
"""Tables, statistics, histograms, unit counts <-> messages; a pair of inverse functions each."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from tb_xai_plugin.format import records as r
from tb_xai_plugin.format import schema_pb2 as pb
from tb_xai_plugin.format.codec_arrays import array_of, float_bytes
from tb_xai_plugin.format.errors import SchemaError

_SOURCES = {r.TRAINING_BATCH: pb.TRAINING_BATCH, r.PROBE: pb.PROBE}
_SOURCE_NAMES = {number: name for name, number in _SOURCES.items()}


def layer_table_pb(record: r.LayerTable) -> pb.LayerTable:
    """LayerTable record → message."""
    return pb.LayerTable(
        id=record.id,
        layers=[pb.Layer(**asdict(layer)) for layer in record.layers],
        parameters=[pb.Parameter(**asdict(parameter)) for parameter in record.parameters],
        never_executed=record.never_executed,
    )


def layer_table(message: pb.LayerTable) -> r.LayerTable:
    """LayerTable message → record."""
    return r.LayerTable(
        id=message.id,
        layers=tuple(
            r.Layer(
                name=m.name, type=m.type, output_shape=tuple(m.output_shape), units=m.units,
                activation=m.activation, calls=m.calls, spatial=m.spatial, is_output=m.is_output,
            )
            for m in message.layers
        ),
        parameters=tuple(
            r.Parameter(
                name=m.name, layer=m.layer, shape=tuple(m.shape), trainable=m.trainable,
                in_optimizer=m.in_optimizer, group=m.group,
            )
            for m in message.parameters
        ),
        never_executed=tuple(message.never_executed),
    )  # fmt: skip


def layer_stats_pb(record: r.LayerStats) -> pb.LayerStats:
    """LayerStats record → message."""
    return pb.LayerStats(
        signal=record.signal,
        source=_SOURCES[record.source],
        num_samples=record.num_samples,
        table=record.table,
        columns=record.columns,
        values=float_bytes(record.values),
    )


def layer_stats(message: pb.LayerStats) -> r.LayerStats:
    """LayerStats message → record."""
    columns = tuple(message.columns)
    rows = len(message.values) // (4 * max(len(columns), 1))
    return r.LayerStats(
        signal=message.signal,
        source=_SOURCE_NAMES.get(message.source, r.PROBE),
        num_samples=message.num_samples,
        table=message.table,
        columns=columns,
        values=array_of(message.values, "<f4", (rows, len(columns)), "LayerStats.values"),
    )


def histograms_pb(record: r.Histograms) -> pb.Histograms:
    """Histograms record → message."""
    return pb.Histograms(
        signal=record.signal,
        source=_SOURCES[record.source],
        num_samples=record.num_samples,
        table=record.table,
        min_exponent=record.min_exponent,
        exponents=record.exponents,
        counts=np.asarray(record.counts).ravel().tolist(),
    )


def histograms(message: pb.Histograms) -> r.Histograms:
    """Histograms message → record."""
    bins = 2 * message.exponents + 2
    if len(message.counts) % bins:
        raise SchemaError(f"Histograms.counts: {len(message.counts)} is no multiple of {bins} bins")
    return r.Histograms(
        signal=message.signal,
        source=_SOURCE_NAMES.get(message.source, r.PROBE),
        num_samples=message.num_samples,
        table=message.table,
        counts=np.array(message.counts, dtype=np.uint64).reshape(-1, bins),
        min_exponent=message.min_exponent,
        exponents=message.exponents,
    )


def unit_counts_pb(record: r.UnitCounts) -> pb.UnitCounts:
    """UnitCounts record → message."""
    return pb.UnitCounts(
        source=_SOURCES[record.source],
        num_samples=record.num_samples,
        table=record.table,
        live=np.asarray(record.live).tolist(),
    )


def unit_counts(message: pb.UnitCounts) -> r.UnitCounts:
    """UnitCounts message → record."""
    return r.UnitCounts(
        source=_SOURCE_NAMES.get(message.source, r.PROBE),
        num_samples=message.num_samples,
        table=message.table,
        live=np.array(message.live, dtype=np.uint32),
    )
