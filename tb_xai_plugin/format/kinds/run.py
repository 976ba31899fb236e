# SPDX-License-Identifier: Apache-2.0
"""The run: its layers and parameters, its probe, its scalars, how it stands."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from tb_xai_plugin.format import records as r
from tb_xai_plugin.format import schema_pb2 as pb
from tb_xai_plugin.format.arrays import array_of, float_bytes, plain_fields
from tb_xai_plugin.format.kinds.kind import Kind


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


def probe_pb(record: r.Probe) -> pb.Probe:
    """Probe record → message."""
    return pb.Probe(
        hash=record.hash,
        kind=record.kind,
        shape=record.shape,
        images=record.images,
        tokens=[pb.TokenRow(tokens=row) for row in record.tokens],
        values=b"" if record.values is None else float_bytes(record.values),
        labels=[] if record.labels is None else np.asarray(record.labels).tolist(),
        targets=[] if record.targets is None else np.asarray(record.targets, float).ravel().tolist(),
        class_names=record.class_names,
        feature_names=record.feature_names,
        patch_rows=record.patch_grid[0],
        patch_columns=record.patch_grid[1],
        prefix_tokens=record.prefix_tokens,
        region_png=record.region_png,
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
        values=array_of(message.values, "<f4", shape, "Probe.values") if message.values else None,
        labels=np.array(message.labels, dtype=np.int64) if message.labels else None,
        targets=np.array(message.targets, dtype=np.float32) if message.targets else None,
        class_names=tuple(message.class_names),
        feature_names=tuple(message.feature_names),
        patch_grid=(message.patch_rows, message.patch_columns),
        prefix_tokens=message.prefix_tokens,
        region_png=tuple(message.region_png),
    )


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
        **plain_fields(message),
        versions=tuple(message.versions),
        signals=tuple(r.Signal(m.name, m.state, m.reason, m.remedy) for m in message.signals),
        notices=tuple(r.Notice(m.level, m.subject, m.message, m.step) for m in message.notices),
        costs=tuple(r.Cost(m.name, m.seconds, m.runs, m.skipped) for m in message.costs),
        target_layers=tuple(message.target_layers),
        methods=tuple(message.methods),
    )


LAYER_TABLE = Kind(r.LayerTable, pb.LayerTable, layer_table_pb, layer_table, stem="layers", replayed=1)
PROBE = Kind(r.Probe, pb.Probe, probe_pb, probe, stem="probe", media=True, replayed=9)
SCALARS = Kind(
    r.Scalars, pb.Scalars, scalars_pb, scalars,
    stem="scalars", named_by=("group",), statistic=True, series="scalars", replayed=6,
)  # fmt: skip
RUN_STATUS = Kind(r.RunStatus, pb.RunStatus, run_status_pb, run_status, stem="status", replayed=3)
