# SPDX-License-Identifier: Apache-2.0
"""Data names and SummaryMetadata: how TensorBoard knows a tag of ours again."""

from __future__ import annotations

from tensorboard.compat.proto import summary_pb2

from tb_xai_plugin.format import schema_pb2
from tb_xai_plugin.names import MEDIA as MEDIA
from tb_xai_plugin.names import PLUGIN_NAME as PLUGIN_NAME
from tb_xai_plugin.names import SMALL as SMALL

#: The newest record version this code writes and reads.
SCHEMA_VERSION = 1
#: The child run of a log directory that the recorder writes.
CHILD_RUN = "xai"


def create_summary_metadata(
    kind: str, media: bool, *, method: str = "", layer: str = "", signal: str = ""
) -> summary_pb2.SummaryMetadata:
    """The metadata of a tag that holds records of the kind of that name; `parse_plugin_data` is the inverse.

    `media`: whether they travel as a blob sequence.
    """
    content = schema_pb2.PluginData(
        version=SCHEMA_VERSION, kind=kind, method=method, layer=layer, signal=signal
    )
    return summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(
            plugin_name=MEDIA if media else SMALL, content=content.SerializeToString()
        ),
        data_class=summary_pb2.DATA_CLASS_BLOB_SEQUENCE if media else summary_pb2.DATA_CLASS_TENSOR,
    )


def parse_plugin_data(content: bytes) -> schema_pb2.PluginData:
    """What `create_summary_metadata` put into a tag's `plugin_content`.

    Raises:
        google.protobuf.message.DecodeError: if `content` is not ours.
    """
    return schema_pb2.PluginData.FromString(content)


def display_name(run: str) -> str:
    """The name people see: `a/xai` is `a`, `xai` is `.`; any other run is itself."""
    if run == CHILD_RUN:
        return "."
    suffix = "/" + CHILD_RUN
    return run[: -len(suffix)] if run.endswith(suffix) else run
