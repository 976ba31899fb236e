# SPDX-License-Identifier: Apache-2.0
"""Record -> Summary: the tag, the metadata and the bytes of one event."""

from __future__ import annotations

from tensorboard.compat.proto import summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2

from tb_xai_plugin.format import codec, metadata
from tb_xai_plugin.format.kinds import kind_of
from tb_xai_plugin.format.records import Record


def record_summary(record: Record) -> summary_pb2.Summary:
    """One record as a Summary: a rank-1 string tensor that holds its bytes.

    The tensor is built by hand because numpy's `S` type strips trailing NUL bytes.
    """
    kind = kind_of(record)
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING,
        tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)]),
        string_val=[codec.encode(record)],
    )
    described = metadata.create_summary_metadata(kind.name, kind.media, **kind.in_metadata(record))
    value = summary_pb2.Summary.Value(tag=kind.tag_of(record), tensor=tensor, metadata=described)
    return summary_pb2.Summary(value=[value])
