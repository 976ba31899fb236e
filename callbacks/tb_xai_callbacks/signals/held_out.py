# SPDX-License-Identifier: Apache-2.0
"""The check-up: a larger fixed set of held-out samples, on which a run is judged now and then.

The probe's 16 samples are to be looked at; whether a network has learned anything takes more of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tb_xai_callbacks.backends.contract import Observer
from tb_xai_callbacks.measure.axes import channel_axis, input_kind
from tb_xai_callbacks.measure.outcome import BINARY, COMPARING, LossFacts, base_loss, missed_classes, outcome
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.probe.trees import arrays_of
from tb_xai_plugin.format.records import Layer, LayerTable, Setup

#: Layers that bring their input to a common scale, and how far into the network they still help.
NORMALISING = ("Norm", "Normalization", "Rescaling")
FIRST_LAYERS = 3


class HeldOut:
    """Judges the outputs on the check-up's samples.

    Args:
        model: what is judged.
        probe: its `checkup` samples are used; the probe's own where it has none.
        table: the layers.
    """

    def __init__(self, model: Observer, probe: ProbeSet, table: LayerTable) -> None:
        samples = probe.checkup or probe
        self.model = model
        self.inputs = samples.inputs
        self.truth = samples.truth
        self.classes = samples.labels is not None
        self.table = table
        self.columns = 1
        self.core = samples.core or samples.size
        self.class_counts = samples.class_counts

    def judged(self, facts: LossFacts) -> dict[str, float]:
        """Figures of the outputs as they are now, by the names that the log has them under."""
        outputs = np.asarray(self.model.outputs(self.inputs), dtype=np.float32)
        self.columns = int(np.prod(outputs.shape[1:], dtype=np.int64)) if outputs.ndim > 1 else 1
        per_sample = outputs.ndim <= 2 or not self.classes
        truth = self.truth if per_sample else None  # classes of positions are not compared
        core = self.core
        found = outcome(outputs[:core], None if truth is None else truth[:core], facts, self.classes)
        if "loss" in found:
            found["loss"] *= summed(facts, self.columns)
        if truth is not None and self.classes:
            found |= missed_classes(outputs, truth, facts)
        return {f"probe_{name}": value for name, value in found.items() if np.isfinite(value)}

    def setup(self, facts: LossFacts) -> Setup:
        """What is trained on what, as far as it is known by now."""
        name, options = self.model.optimizer_facts()
        truth = None if self.truth is None else self.truth[: self.core]
        columns = _Facts(facts, truth, self.classes, self.columns, self.class_counts)
        return Setup(
            task="" if self.truth is None else ("classification" if self.classes else "regression"),
            loss=facts.loss,
            reduction=facts.reduction,
            head=facts.head,
            link=facts.link,
            output_shape=_output_shape(self.table),
            broadcast_shape=facts.broadcast_shape,
            optimizer=name,
            options=options,
            num_samples=self.core,
            normalises=normalises(self.table),
            hidden_softmax=hidden_softmax(self.table),
            **columns.targets(),
            **feature_scale(arrays_of(self.inputs)[0]),
        )


@dataclass(frozen=True)
class _Facts:
    """What the true answers say."""

    facts: LossFacts
    truth: np.ndarray | None
    classes: bool
    columns: int
    counts: tuple[int, ...]

    def targets(self) -> dict[str, Any]:
        """Fields of `Setup` about the targets."""
        if self.truth is None:
            return {}
        values = self.truth.astype(np.float64)
        counts = self.counts or (tuple(int(n) for n in np.bincount(self.truth)) if self.classes else ())
        return {
            "class_counts": counts,
            "target_low": float(values.min()),
            "target_high": float(values.max()),
            "target_mean": float(values.mean()),
            "target_std": float(values.std()),
            "base_loss": base_loss(self.truth, self.columns, self.facts) * summed(self.facts, self.columns),
        }


def summed(facts: LossFacts, columns: int) -> float:
    """A loss that is summed is as many times larger as a batch of it has elements."""
    if facts.reduction != "sum":
        return 1.0
    return float(facts.batch * (columns if facts.loss in (*COMPARING, *BINARY) else 1))


def feature_scale(inputs: np.ndarray) -> dict[str, Any]:
    """Inputs [n …] -> range and root mean square of the features (channels of images); {} for tokens."""
    kind = input_kind(inputs)
    if kind == "tokens" or inputs.dtype.kind not in "fiu" or not inputs.size:
        return {}
    values = inputs.astype(np.float64)
    channels = channel_axis(inputs)
    moved = values if channels is None else np.moveaxis(values, channels, 1)
    whole = kind not in ("tabular",) and inputs.ndim != 4
    features = values.reshape(-1, 1) if whole else _by_feature(moved)
    rms = np.sqrt(np.square(features).mean(axis=0))
    return {
        "feature_rms_max": float(rms.max()),
        "feature_rms_median": float(np.median(rms)),
        "input_low": float(values.min()),
        "input_high": float(values.max()),
    }


def _by_feature(values: np.ndarray) -> np.ndarray:
    """[n c …] -> [n·…, c]."""
    return np.moveaxis(values, 1, -1).reshape(-1, values.shape[1])


def _output_shape(table: LayerTable) -> tuple[int, ...]:
    return table.layers[-1].output_shape if table.layers else ()


def normalises(table: LayerTable) -> bool:
    """Whether one of the first layers brings its input to a common scale."""
    return any(word in layer.type for layer in table.layers[:FIRST_LAYERS] for word in NORMALISING)


def hidden_softmax(table: LayerTable) -> tuple[str, ...]:
    """Layers [n units] within the network whose softmax goes on into a dense layer."""
    pairs = zip(table.layers, table.layers[1:], strict=False)
    return tuple(
        layer.name for layer, after in pairs if _is_softmax(layer) and after.type in ("Linear", "Dense")
    )


def _is_softmax(layer: Layer) -> bool:
    softmax = layer.activation == "softmax" or layer.type in ("Softmax", "LogSoftmax")
    return softmax and len(layer.output_shape) == 1
