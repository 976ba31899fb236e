# SPDX-License-Identifier: Apache-2.0
"""Record <-> bytes: one pair of inverse functions a record, `encode` and `decode` for any of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError, Message

from tb_xai_plugin import records as r
from tb_xai_plugin import schema_pb2 as pb
from tb_xai_plugin.metadata import SCHEMA_VERSION


class SchemaError(ValueError):
    """Bytes that are not a record this version can read; the message says what to do."""


_SOURCES = {r.TRAINING_BATCH: pb.TRAINING_BATCH, r.PROBE: pb.PROBE}
_SOURCE_NAMES = {number: name for name, number in _SOURCES.items()}


def _floats(values: Any) -> bytes:
    return np.ascontiguousarray(values, dtype="<f4").tobytes()


def _array(data: bytes, dtype: str, shape: Any, what: str) -> np.ndarray:
    shape = tuple(shape)
    expected = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if len(data) != expected:
        raise SchemaError(f"{what}: expected {expected} bytes for shape {shape}, got {len(data)}")
    return np.frombuffer(data, dtype=dtype).reshape(shape).astype(np.float32)


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
                in_optimizer=m.in_optimizer,
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
        values=_floats(record.values),
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
        values=_array(message.values, "<f4", (rows, len(columns)), "LayerStats.values"),
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


def half(heat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Heat [n, …] → (float16 [n, …] in -1..1, float32 scale [n]); their product is the heat.

    The scale is each sample's largest finite magnitude, so that float16 holds maps of any size to
    5e-4 of their maximum; a sample that is all zero keeps scale 1. NaN stays NaN.
    """
    heat = np.asarray(heat, dtype=np.float32)
    axes = tuple(range(1, heat.ndim))
    magnitude = np.where(np.isfinite(heat), np.abs(heat), 0).max(axis=axes, initial=0)
    scale = np.where(magnitude > 0, magnitude, 1).astype(np.float32)
    return (heat / scale.reshape(-1, *[1] * len(axes))).astype("<f2"), scale


def attribution_pb(record: r.Attribution) -> pb.Attribution:
    """Attribution record → message; heat becomes float16 with a scale per sample."""
    heat, scale = half(record.heat)
    return pb.Attribution(
        method=record.method,
        layer=record.layer,
        shape=heat.shape,
        heat=heat.tobytes(),
        scale=scale.tolist(),
        signed=record.signed,
        targets=np.asarray(record.targets).tolist(),
        scores=np.asarray(record.scores).tolist(),
        predictions=np.asarray(record.predictions).tolist(),
        prediction_scores=np.asarray(record.prediction_scores).tolist(),
        probabilities=record.probabilities,
        probe=record.probe,
        call=record.call,
        calls=record.calls,
    )


def attribution(message: pb.Attribution) -> r.Attribution:
    """Attribution message → record with float32 heat."""
    shape = tuple(message.shape)
    heat = _array(message.heat, "<f2", shape, "Attribution.heat")
    scale = np.array(message.scale, dtype=np.float32)
    if len(scale) != (shape[0] if shape else 0):
        raise SchemaError(f"Attribution.scale: expected {shape[:1]} values, got {len(scale)}")
    return r.Attribution(
        method=message.method,
        layer=message.layer,
        heat=heat * scale.reshape(-1, *[1] * (len(shape) - 1)),
        targets=np.array(message.targets, dtype=np.int64),
        scores=np.array(message.scores, dtype=np.float32),
        predictions=np.array(message.predictions, dtype=np.int64),
        prediction_scores=np.array(message.prediction_scores, dtype=np.float32),
        probabilities=message.probabilities,
        signed=message.signed,
        probe=message.probe,
        call=message.call,
        calls=message.calls,
    )


def attention_pb(record: r.Attention) -> pb.Attention:
    """Attention record → message."""
    return pb.Attention(
        layer=record.layer,
        shape=record.weights.shape,
        weights=np.ascontiguousarray(record.weights, dtype="<f2").tobytes(),
        queries=record.queries,
        keys=record.keys,
        entropy=np.asarray(record.entropy).tolist(),
        probe=record.probe,
    )


def attention(message: pb.Attention) -> r.Attention:
    """Attention message → record."""
    return r.Attention(
        layer=message.layer,
        weights=_array(message.weights, "<f2", message.shape, "Attention.weights"),
        queries=message.queries,
        keys=message.keys,
        entropy=np.array(message.entropy, dtype=np.float32),
        probe=message.probe,
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


def probe_pb(record: r.Probe) -> pb.Probe:
    """Probe record → message."""
    return pb.Probe(
        hash=record.hash,
        kind=record.kind,
        shape=record.shape,
        images=record.images,
        tokens=[pb.TokenRow(tokens=row) for row in record.tokens],
        values=b"" if record.values is None else _floats(record.values),
        labels=[] if record.labels is None else np.asarray(record.labels).tolist(),
        targets=[] if record.targets is None else np.asarray(record.targets, float).ravel().tolist(),
        class_names=record.class_names,
        feature_names=record.feature_names,
        patch_rows=record.patch_grid[0],
        patch_columns=record.patch_grid[1],
        prefix_tokens=record.prefix_tokens,
    )


def probe(message: pb.Probe) -> r.Probe:
    """Probe message → record."""
    shape = tuple(message.shape)
    return r.Probe(
        hash=message.hash,
        kind=message.kind,
        shape=shape,
        images=tuple(message.images),
        tokens=tuple(tuple(row.tokens) for row in message.tokens),
        values=_array(message.values, "<f4", shape, "Probe.values") if message.values else None,
        labels=np.array(message.labels, dtype=np.int64) if message.labels else None,
        targets=np.array(message.targets, dtype=np.float32) if message.targets else None,
        class_names=tuple(message.class_names),
        feature_names=tuple(message.feature_names),
        patch_grid=(message.patch_rows, message.patch_columns),
        prefix_tokens=message.prefix_tokens,
    )


def scalars_pb(record: r.Scalars) -> pb.Scalars:
    """Scalars record → message."""
    return pb.Scalars(names=list(record.values), values=list(record.values.values()))


def scalars(message: pb.Scalars) -> r.Scalars:
    """Scalars message → record."""
    return r.Scalars(dict(zip(message.names, message.values, strict=True)))


def run_status_pb(record: r.RunStatus) -> pb.RunStatus:
    """RunStatus record → message; the fields have the same names."""
    return pb.RunStatus(**asdict(record))


def run_status(message: pb.RunStatus) -> r.RunStatus:
    """RunStatus message → record."""
    plain = {
        field.name: getattr(message, field.name)
        for field in message.DESCRIPTOR.fields
        if not field.is_repeated and field.name != "version"
    }
    return r.RunStatus(
        **plain,
        versions=tuple(message.versions),
        signals=tuple(r.Signal(m.name, m.state, m.reason, m.remedy) for m in message.signals),
        notices=tuple(r.Notice(m.level, m.subject, m.message, m.step) for m in message.notices),
        costs=tuple(r.Cost(m.name, m.seconds, m.runs, m.skipped) for m in message.costs),
        target_layers=tuple(message.target_layers),
        methods=tuple(message.methods),
    )


def findings_pb(record: r.Findings) -> pb.Findings:
    """Findings record → message."""
    return pb.Findings(findings=[pb.Finding(**asdict(finding)) for finding in record.findings])


def findings(message: pb.Findings) -> r.Findings:
    """Findings message → record."""
    names = [field.name for field in pb.Finding.DESCRIPTOR.fields]
    return r.Findings(
        tuple(r.Finding(**{name: getattr(m, name) for name in names}) for m in message.findings)
    )


#: kind → (message class, record class, record → message, message → record)
CODECS: dict[str, tuple[type[Message], type, Callable[[Any], Message], Callable[[Any], Any]]] = {
    "LayerTable": (pb.LayerTable, r.LayerTable, layer_table_pb, layer_table),
    "LayerStats": (pb.LayerStats, r.LayerStats, layer_stats_pb, layer_stats),
    "Histograms": (pb.Histograms, r.Histograms, histograms_pb, histograms),
    "UnitCounts": (pb.UnitCounts, r.UnitCounts, unit_counts_pb, unit_counts),
    "Attribution": (pb.Attribution, r.Attribution, attribution_pb, attribution),
    "Attention": (pb.Attention, r.Attention, attention_pb, attention),
    "HeadStats": (pb.HeadStats, r.HeadStats, head_stats_pb, head_stats),
    "Probe": (pb.Probe, r.Probe, probe_pb, probe),
    "Scalars": (pb.Scalars, r.Scalars, scalars_pb, scalars),
    "RunStatus": (pb.RunStatus, r.RunStatus, run_status_pb, run_status),
    "Findings": (pb.Findings, r.Findings, findings_pb, findings),
}


def encode(record: Any) -> bytes:
    """Any record of `records.py` → the bytes that go to disk."""
    message = CODECS[type(record).__name__][2](record)
    message.version = SCHEMA_VERSION  # type: ignore[attr-defined]
    return message.SerializeToString(deterministic=True)


def decode(kind: str, data: bytes) -> Any:
    """Stored bytes of a record of `kind` → the record.

    Raises:
        SchemaError: for an unknown kind, damaged bytes, or a newer schema version.
    """
    if kind not in CODECS:
        raise SchemaError(f"unknown kind of record {kind!r}; known: {', '.join(CODECS)}")
    message_class, _, _, from_pb = CODECS[kind]
    try:
        message: Any = message_class.FromString(data)
    except DecodeError as error:
        raise SchemaError(f"{kind}: {len(data)} bytes that are no such record: {error}") from error
    if message.version > SCHEMA_VERSION:
        raise SchemaError(
            f"{kind} was written by schema version {message.version}; this tb-xai-plugin reads up to "
            f"{SCHEMA_VERSION}. Upgrade it: pip install -U tb-xai-plugin"
        )
    return from_pb(message)
