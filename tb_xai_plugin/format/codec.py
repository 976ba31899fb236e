# SPDX-License-Identifier: Apache-2.0
"""Record <-> bytes: `encode` and `decode` for any record, each with the newest version in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError, Message

from tb_xai_plugin.format import codec_maps as maps
from tb_xai_plugin.format import codec_tables as tables
from tb_xai_plugin.format import records as r
from tb_xai_plugin.format import schema_pb2 as pb
from tb_xai_plugin.format.codec_arrays import float_bytes
from tb_xai_plugin.format.errors import SchemaError
from tb_xai_plugin.format.metadata import SCHEMA_VERSION

__all__ = ["CODECS", "decode", "encode"]


def scalars_pb(record: r.Scalars) -> pb.Scalars:
    """Scalars record → message."""
    return pb.Scalars(names=list(record.values), values=list(record.values.values()), group=record.group)


def scalars(message: pb.Scalars) -> r.Scalars:
    """Scalars message → record."""
    return r.Scalars(dict(zip(message.names, message.values, strict=True)), message.group)


def run_status_pb(record: r.RunStatus) -> pb.RunStatus:
    """RunStatus record → message; the fields have the same names."""
    return pb.RunStatus(**asdict(record))


def run_status(message: pb.RunStatus) -> r.RunStatus:
    """RunStatus message → record."""
    return r.RunStatus(
        **_plain(message),
        versions=tuple(message.versions),
        signals=tuple(r.Signal(m.name, m.state, m.reason, m.remedy) for m in message.signals),
        notices=tuple(r.Notice(m.level, m.subject, m.message, m.step) for m in message.notices),
        costs=tuple(r.Cost(m.name, m.seconds, m.runs, m.skipped) for m in message.costs),
        target_layers=tuple(message.target_layers),
        methods=tuple(message.methods),
    )


def findings_pb(record: r.Findings) -> pb.Findings:
    """Findings record → message; the fields have the same names."""
    return pb.Findings(**asdict(record))


def findings(message: pb.Findings) -> r.Findings:
    """Findings message → record."""
    return r.Findings(
        tuple(r.Finding(**_plain(m)) for m in message.findings),
        tuple(r.RuleState(**_plain(m)) for m in message.rules),
        message.step,
    )


def setup_pb(record: r.Setup) -> pb.Setup:
    """Setup record → message."""
    fields = asdict(record)
    options = fields.pop("options")
    return pb.Setup(**fields, option_names=list(options), option_values=list(options.values()))


def setup(message: pb.Setup) -> r.Setup:
    """Setup message → record."""
    return r.Setup(
        **_plain(message),
        options=dict(zip(message.option_names, message.option_values, strict=True)),
        output_shape=tuple(message.output_shape),
        broadcast_shape=tuple(message.broadcast_shape),
        class_counts=tuple(message.class_counts),
        hidden_softmax=tuple(message.hidden_softmax),
    )


def loss_trace_pb(record: r.LossTrace) -> pb.LossTrace:
    """LossTrace record → message."""
    return pb.LossTrace(first_step=record.first_step, values=float_bytes(record.values))


def loss_trace(message: pb.LossTrace) -> r.LossTrace:
    """LossTrace message → record."""
    return r.LossTrace(message.first_step, np.frombuffer(message.values, dtype="<f4").copy())


def _plain(message: Any) -> dict[str, Any]:
    """The fields of a message that are single values, but for the version."""
    return {
        field.name: getattr(message, field.name)
        for field in message.DESCRIPTOR.fields
        if not field.is_repeated and field.name != "version"
    }


#: kind → (message class, record class, record → message, message → record)
CODECS: dict[str, tuple[type[Message], type, Callable[[Any], Message], Callable[[Any], Any]]] = {
    "LayerTable": (pb.LayerTable, r.LayerTable, tables.layer_table_pb, tables.layer_table),
    "LayerStats": (pb.LayerStats, r.LayerStats, tables.layer_stats_pb, tables.layer_stats),
    "Histograms": (pb.Histograms, r.Histograms, tables.histograms_pb, tables.histograms),
    "UnitCounts": (pb.UnitCounts, r.UnitCounts, tables.unit_counts_pb, tables.unit_counts),
    "Attribution": (pb.Attribution, r.Attribution, maps.attribution_pb, maps.attribution),
    "Trust": (pb.Trust, r.Trust, maps.trust_pb, maps.trust),
    "Attention": (pb.Attention, r.Attention, maps.attention_pb, maps.attention),
    "HeadStats": (pb.HeadStats, r.HeadStats, maps.head_stats_pb, maps.head_stats),
    "Probe": (pb.Probe, r.Probe, maps.probe_pb, maps.probe),
    "Scalars": (pb.Scalars, r.Scalars, scalars_pb, scalars),
    "RunStatus": (pb.RunStatus, r.RunStatus, run_status_pb, run_status),
    "LossTrace": (pb.LossTrace, r.LossTrace, loss_trace_pb, loss_trace),
    "Setup": (pb.Setup, r.Setup, setup_pb, setup),
    "Findings": (pb.Findings, r.Findings, findings_pb, findings),
}


def encode(record: Any) -> bytes:
    """Any record of `records.py` → the bytes that go to disk."""
    message = CODECS[type(record).__name__][2](record)
    message.version = SCHEMA_VERSION  # type: ignore[attr-defined]
    return message.SerializeToString(deterministic=True)


def for_browser(kind: str, data: bytes) -> bytes:
    """Stored bytes of a record of `kind` → the bytes that are served: the same, but never packed.

    What is damaged stays as it is: the browser says so.
    """
    if kind != "Attribution":
        return data
    try:
        message = pb.Attribution.FromString(data)
        if not message.packed:
            return data
        maps.unpack(message)
    except (DecodeError, SchemaError):
        return data
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
