# SPDX-License-Identifier: Apache-2.0
"""Statistics of layers and parameters, histograms, unit counts, entropies of heads."""

from __future__ import annotations

import numpy as np

from tb_xai_plugin.format import records as r
from tb_xai_plugin.format import schema_pb2 as pb
from tb_xai_plugin.format.arrays import array_of, float_bytes
from tb_xai_plugin.format.errors import SchemaError
from tb_xai_plugin.format.kinds.kind import Kind

#: What a statistic was measured on → its number in messages.
SOURCES = {r.TRAINING_BATCH: pb.TRAINING_BATCH, r.PROBE: pb.PROBE}
_SOURCE_NAMES = {number: name for name, number in SOURCES.items()}


def layer_stats_pb(record: r.LayerStats) -> pb.LayerStats:
    """LayerStats record → message."""
    return pb.LayerStats(
        signal=record.signal,
        source=SOURCES[record.source],
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
        source=SOURCES[record.source],
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
        source=SOURCES[record.source],
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


def head_stats_pb(record: r.HeadStats) -> pb.HeadStats:
    """HeadStats record → message."""
    return pb.HeadStats(
        layers=[
            pb.HeadStats.LayerHeads(layer=layer, keys=keys, entropy=np.asarray(entropy).tolist())
            for layer, (keys, entropy) in record.layers.items()
        ]
    )


def head_stats(message: pb.HeadStats) -> r.HeadStats:
    """HeadStats message → record."""
    return r.HeadStats({m.layer: (m.keys, np.array(m.entropy, dtype=np.float32)) for m in message.layers})


LAYER_STATS = Kind(
    r.LayerStats, pb.LayerStats, layer_stats_pb, layer_stats,
    stem="stats", named_by=("signal",), statistic=True, replayed=4,
)  # fmt: skip
HISTOGRAMS = Kind(
    r.Histograms, pb.Histograms, histograms_pb, histograms,
    stem="histograms", named_by=("signal",), statistic=True, bulk=True,
)  # fmt: skip
UNIT_COUNTS = Kind(
    r.UnitCounts, pb.UnitCounts, unit_counts_pb, unit_counts, stem="units", statistic=True, replayed=5
)
HEAD_STATS = Kind(
    r.HeadStats, pb.HeadStats, head_stats_pb, head_stats,
    stem="heads", statistic=True, series="heads", replayed=7,
)  # fmt: skip
