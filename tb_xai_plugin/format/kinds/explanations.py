# SPDX-License-Identifier: Apache-2.0
"""Attributions, how far to believe them, attention."""

from __future__ import annotations

import numpy as np

from tb_xai_plugin.format import records as r
from tb_xai_plugin.format import schema_pb2 as pb
from tb_xai_plugin.format.arrays import array_of, float_bytes, packed_halves, unpacked_halves
from tb_xai_plugin.format.errors import SchemaError
from tb_xai_plugin.format.kinds.kind import Kind

#: Heat of more bytes is packed on disk: for less it saves nothing to speak of.
PACKED_FROM = 4096


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
    plain = heat.tobytes()
    packed = packed_halves(plain) if len(plain) >= PACKED_FROM else plain
    return pb.Attribution(
        method=record.method,
        layer=record.layer,
        shape=heat.shape,
        heat=min(plain, packed, key=len),
        packed=len(packed) < len(plain),
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


def unpack(message: pb.Attribution) -> bool:
    """Bring the heat into the plain layout, in place; whether it was packed. SchemaError if it is damaged."""
    if not message.packed:
        return False
    count = int(np.prod(message.shape, dtype=np.int64))
    message.heat = unpacked_halves(message.heat, count, "Attribution.heat")
    message.packed = False
    return True


def attribution(message: pb.Attribution) -> r.Attribution:
    """Attribution message → record with float32 heat; the message is unpacked."""
    unpack(message)
    shape = tuple(message.shape)
    heat = array_of(message.heat, "<f2", shape, "Attribution.heat")
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


def trust_pb(record: r.Trust) -> pb.Trust:
    """Trust record → message."""
    rows = list(record.measures.values())
    values = np.stack(rows) if rows else np.zeros((0, 0))
    return pb.Trust(
        method=record.method,
        layer=record.layer,
        names=list(record.measures),
        values=float_bytes(values),
        samples=values.shape[1],
        missing=list(record.missing),
        reasons=list(record.missing.values()),
        probe=record.probe,
    )


def trust(message: pb.Trust) -> r.Trust:
    """Trust message → record."""
    shape = (len(message.names), message.samples)
    values = array_of(message.values, "<f4", shape, "Trust.values")
    return r.Trust(
        method=message.method,
        layer=message.layer,
        measures=dict(zip(message.names, values, strict=True)),
        missing=dict(zip(message.missing, message.reasons, strict=True)),
        probe=message.probe,
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
        weights=array_of(message.weights, "<f2", message.shape, "Attention.weights"),
        queries=message.queries,
        keys=message.keys,
        entropy=np.array(message.entropy, dtype=np.float32),
        probe=message.probe,
    )


ATTRIBUTION = Kind(
    r.Attribution, pb.Attribution, attribution_pb, attribution,
    stem="attribution", named_by=("method", "layer"), media=True, framed=True, replayed=10, serve=unpack,
)  # fmt: skip
TRUST = Kind(r.Trust, pb.Trust, trust_pb, trust, stem="trust", named_by=("method", "layer"), framed=True)
ATTENTION = Kind(
    r.Attention, pb.Attention, attention_pb, attention,
    stem="attention", named_by=("layer",), media=True, bulk=True, framed=True,
)  # fmt: skip
