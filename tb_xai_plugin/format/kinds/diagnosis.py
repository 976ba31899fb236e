# SPDX-License-Identifier: Apache-2.0
"""The diagnosis: what is trained on what, the loss of every step, what the rules found."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from tb_xai_plugin.format import records as r
from tb_xai_plugin.format import schema_pb2 as pb
from tb_xai_plugin.format.arrays import float_bytes, plain_fields
from tb_xai_plugin.format.kinds.kind import Kind


def loss_trace_pb(record: r.LossTrace) -> pb.LossTrace:
    """LossTrace record → message."""
    return pb.LossTrace(first_step=record.first_step, values=float_bytes(record.values))


def loss_trace(message: pb.LossTrace) -> r.LossTrace:
    """LossTrace message → record."""
    return r.LossTrace(message.first_step, np.frombuffer(message.values, dtype="<f4").copy())


def setup_pb(record: r.Setup) -> pb.Setup:
    """Setup record → message."""
    fields = asdict(record)
    options = fields.pop("options")
    return pb.Setup(**fields, option_names=list(options), option_values=list(options.values()))


def setup(message: pb.Setup) -> r.Setup:
    """Setup message → record."""
    return r.Setup(
        **plain_fields(message),
        options=dict(zip(message.option_names, message.option_values, strict=True)),
        output_shape=tuple(message.output_shape),
        broadcast_shape=tuple(message.broadcast_shape),
        class_counts=tuple(message.class_counts),
        hidden_softmax=tuple(message.hidden_softmax),
    )


def findings_pb(record: r.Findings) -> pb.Findings:
    """Findings record → message; the fields have the same names."""
    return pb.Findings(**asdict(record))


def findings(message: pb.Findings) -> r.Findings:
    """Findings message → record."""
    return r.Findings(
        tuple(r.Finding(**plain_fields(m)) for m in message.findings),
        tuple(r.RuleState(**plain_fields(m)) for m in message.rules),
        message.step,
    )


LOSS_TRACE = Kind(r.LossTrace, pb.LossTrace, loss_trace_pb, loss_trace, stem="loss", replayed=8)
SETUP = Kind(r.Setup, pb.Setup, setup_pb, setup, stem="setup", replayed=2)
FINDINGS = Kind(r.Findings, pb.Findings, findings_pb, findings, stem="findings")
