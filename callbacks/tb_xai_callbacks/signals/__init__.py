# SPDX-License-Identifier: Apache-2.0
"""What is observed, and made into records: `SIGNALS`, and the protocol for your own."""

from __future__ import annotations

from collections.abc import Sequence

from tb_xai_callbacks.backends.contract import Absence
from tb_xai_callbacks.signals.attention import Attention
from tb_xai_callbacks.signals.checkup import CheckUp, TrainingSetup
from tb_xai_callbacks.signals.diagnosis import LiveDiagnosis
from tb_xai_callbacks.signals.explanations import Explanations
from tb_xai_callbacks.signals.losses import Losses
from tb_xai_callbacks.signals.signal import Signal
from tb_xai_callbacks.signals.statistics import Activations, Gradients, Weights
from tb_xai_callbacks.signals.trust import Trust

__all__ = ["SIGNALS", "Absence", "Signal", "signals_of"]

#: What a run observes, in the order in which it is told and written.
SIGNALS: tuple[type[Signal], ...] = (
    Activations, Gradients, Weights, Losses, TrainingSetup, LiveDiagnosis, CheckUp, Explanations, Attention,
    Trust,
)  # fmt: skip


def signals_of(wanted: Sequence[str | Signal]) -> tuple[Signal, ...]:
    """A signal of each kind for one run, and the user's own after them."""
    return (*(kind() for kind in SIGNALS), *(signal for signal in wanted if isinstance(signal, Signal)))
