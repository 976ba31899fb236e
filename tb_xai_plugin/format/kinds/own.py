# SPDX-License-Identifier: Apache-2.0
"""What is a user's own: numbers of their signals; and what methods, statistics and kinds are called."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from tb_xai_plugin.format import records as r
from tb_xai_plugin.format import schema_pb2 as pb
from tb_xai_plugin.format.arrays import array_of, float_bytes, plain_fields
from tb_xai_plugin.format.kinds.kind import Kind


def numbers_pb(record: r.Numbers) -> pb.Numbers:
    """Numbers record → message.

    Raises:
        ValueError: for values of another shape than their rows and columns.
    """
    shape = (len(record.rows), len(record.columns))
    if np.shape(record.values) != shape:
        raise ValueError(
            f"numbers of {record.kind!r}: expected values of shape {shape} (rows, columns), "
            f"got {np.shape(record.values)}"
        )
    return pb.Numbers(
        kind=record.kind, rows=record.rows, columns=record.columns, values=float_bytes(record.values)
    )


def numbers(message: pb.Numbers) -> r.Numbers:
    """Numbers message → record."""
    shape = (len(message.rows), len(message.columns))
    return r.Numbers(
        kind=message.kind,
        rows=tuple(message.rows),
        columns=tuple(message.columns),
        values=array_of(message.values, "<f4", shape, "Numbers.values"),
    )


def descriptions_pb(record: r.Descriptions) -> pb.Descriptions:
    """Descriptions record → message; the fields have the same names."""
    return pb.Descriptions(**asdict(record))


def descriptions(message: pb.Descriptions) -> r.Descriptions:
    """Descriptions message → record."""
    return r.Descriptions(
        methods=tuple(r.MethodDescription(**plain_fields(m)) for m in message.methods),
        columns=tuple(r.ColumnDescription(**plain_fields(m)) for m in message.columns),
        kinds=tuple(r.KindDescription(**plain_fields(m)) for m in message.kinds),
    )


NUMBERS = Kind(
    r.Numbers,
    pb.Numbers,
    numbers_pb,
    numbers,
    stem="numbers",
    named_by=("signal",),
    statistic=True,
    framed=True,
)
DESCRIPTIONS = Kind(r.Descriptions, pb.Descriptions, descriptions_pb, descriptions, stem="descriptions")
