# SPDX-License-Identifier: Apache-2.0
"""Data names, tags and SummaryMetadata: how a record is found again in TensorBoard."""

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

LAYERS_TAG = "layers"
STATUS_TAG = "status"
PROBE_TAG = "probe"
SCALARS_TAG = "scalars"
UNITS_TAG = "units"
HEADS_TAG = "heads"
FINDINGS_TAG = "findings"
LOSS_TAG = "loss"
SETUP_TAG = "setup"

#: Record kinds that travel as blob sequences.
MEDIA_KINDS = frozenset({"Attribution", "Attention", "Probe"})


def scalars_tag(group: str) -> str:
    """The tag of one group of scalars: `scalars`, `scalars/checkup`."""
    return f"{SCALARS_TAG}/{group}" if group else SCALARS_TAG


def stats_tag(signal: str) -> str:
    """The tag of one signal's statistics, e.g. `stats/activation`."""
    return f"stats/{signal}"


def histograms_tag(signal: str) -> str:
    """The tag of one signal's histograms, e.g. `histograms/gradient`."""
    return f"histograms/{signal}"


def attribution_tag(method: str, layer: str) -> str:
    """The tag of one method's maps at one layer, e.g. `attribution/grad_cam/layer4`."""
    return f"attribution/{method}/{layer}"


def trust_tag(method: str, layer: str) -> str:
    """The tag of how far one method's maps are to be believed, e.g. `trust/grad_cam/layer4`."""
    return f"trust/{method}/{layer}"


def attention_tag(layer: str) -> str:
    """The tag of one layer's attention, e.g. `attention/blocks.0.attn`."""
    return f"attention/{layer}"


def create_summary_metadata(
    kind: str, *, method: str = "", layer: str = "", signal: str = ""
) -> summary_pb2.SummaryMetadata:
    """The metadata of a tag that holds records of `kind`; `parse_plugin_data` is the inverse."""
    content = schema_pb2.PluginData(
        version=SCHEMA_VERSION, kind=kind, method=method, layer=layer, signal=signal
    )
    media = kind in MEDIA_KINDS
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
