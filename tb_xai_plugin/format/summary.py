# SPDX-License-Identifier: Apache-2.0
"""Record -> Summary: the tag, the metadata and the bytes of one event."""

from __future__ import annotations

from typing import Any

from tensorboard.compat.proto import summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2

from tb_xai_plugin.format import codec, metadata


def tag_of(record: Any) -> str:
    """The tag under which a record is stored, e.g. `stats/activation`."""
    kind = type(record).__name__
    if kind == "LayerStats":
        return metadata.stats_tag(record.signal)
    if kind == "Histograms":
        return metadata.histograms_tag(record.signal)
    if kind == "Attribution":
        return metadata.attribution_tag(record.method, record.layer)
    if kind == "Trust":
        return metadata.trust_tag(record.method, record.layer)
    if kind == "Attention":
        return metadata.attention_tag(record.layer)
    if kind == "Scalars":
        return metadata.scalars_tag(record.group)
    return {
        "LayerTable": metadata.LAYERS_TAG,
        "RunStatus": metadata.STATUS_TAG,
        "Probe": metadata.PROBE_TAG,
        "UnitCounts": metadata.UNITS_TAG,
        "HeadStats": metadata.HEADS_TAG,
        "LossTrace": metadata.LOSS_TAG,
        "Setup": metadata.SETUP_TAG,
        "Findings": metadata.FINDINGS_TAG,
    }[kind]


def record_summary(record: Any) -> summary_pb2.Summary:
    """One record as a Summary: a rank-1 string tensor that holds its bytes.

    The tensor is built by hand because numpy's `S` type strips trailing NUL bytes.
    """
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING,
        tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)]),
        string_val=[codec.encode(record)],
    )
    described = metadata.create_summary_metadata(
        type(record).__name__,
        method=getattr(record, "method", ""),
        layer=getattr(record, "layer", ""),
        signal=getattr(record, "signal", ""),
    )
    value = summary_pb2.Summary.Value(tag=tag_of(record), tensor=tensor, metadata=described)
    return summary_pb2.Summary(value=[value])
