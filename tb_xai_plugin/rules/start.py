# SPDX-License-Identifier: Apache-2.0
"""Rules on how training begins: weights that cannot be told apart, or are too large or too small."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tb_xai_plugin.rules.evidence import Evidence
from tb_xai_plugin.rules.rule import ERROR, INFO, WARNING, Symptom, rule

#: Layers whose initial gain is comparable.
LINEAR = ("Linear", "Dense", "Conv1d", "Conv2d", "Conv3d", "Conv1D", "Conv2D", "Conv3D")


@rule("initialisation", ERROR, needs=("weight",), leads_to=("update_ratio_high",))
def constant_init(evidence: Evidence, *, spread: float = 1e-6, most_zero: int = 1) -> Iterator[Symptom]:
    """A weight matrix begins with one and the same value everywhere, so that its units stay alike.

    `spread` is the standard deviation over the mean that counts as none. `most_zero` matrices may be all
    zeros: a zero-initialised head or residual branch is deliberate.
    """
    rows = evidence.matrices
    mean, std = evidence.first("weight", "mean")[rows], evidence.first("weight", "std")[rows]
    wide = np.array([min(evidence.table.parameters[row].shape[:2]) > 1 for row in rows], dtype=bool)
    same = wide & (std <= spread * np.abs(mean))
    zero = same & (mean == 0)
    if zero.sum() <= most_zero:
        same &= ~zero
    if not same.any():
        return
    layers = [evidence.layer_of(int(row)) for row in rows[same]]
    yield Symptom(
        layers[0], float(same.sum()), 0.0, "weight matrices of one constant value",
        "weights begin with one constant value",
        f"{int(same.sum())} of {len(rows)} weight matrices begin with one constant value: {', '.join(layers[:4])}",
        "units that start alike get the same gradient and stay copies of one unit",
        "Initialise at random: the framework's default, He for ReLU, Glorot for tanh.", sure=True, since=0,
    )  # fmt: skip


@rule("initialisation", WARNING, needs=("weight",), leads_to=("update_ratio_high",))
def bad_init(
    evidence: Evidence, *, low: float = 0.02, high: float = 6.0, outputs: float = 100.0
) -> Iterator[Symptom]:
    """The gain std × √fan-in of a weight matrix is below 0.02 or above 6 at the start, or the first outputs
    are above 100.

    He has 1.41, Glorot and LeCun about 1, torch's default 0.58; ten layers of a gain of 6 multiply signals
    by millions. Of no account where the run learns all the same, as with normalisation layers.
    """
    rows = [
        row for row in evidence.matrices if evidence.type_of(evidence.table.parameters[row].layer) in LINEAR
    ]
    if not rows:
        return
    std = evidence.first("weight", "std")[rows]
    fan_in = np.array([fan(evidence, row) for row in rows])
    gain = std * np.sqrt(fan_in)
    odd = ((gain < low) & (gain > 0)) | (gain > high)
    if not odd.any():
        yield from _large_outputs(evidence, outputs)
        return
    worst = int(np.argmax(np.where(odd, np.abs(np.log(np.maximum(gain, 1e-30))), -1)))
    large = bool(gain[worst] > high)
    layer = evidence.layer_of(int(rows[worst]))
    yield Symptom(
        layer, float(gain[worst]), high if large else low, "gain std × √fan-in",
        f"the weights of {layer} begin too {'large' if large else 'small'}",
        f"{int(odd.sum())} of {len(rows)} weight matrices begin with a gain outside {low:g} to {high:g}; {layer} has "
        f"{gain[worst]:.3g}",
        "signals and gradients grow or shrink by this factor at every layer",
        "Use He initialisation for ReLU, Glorot for tanh (gain 1 to 1.5).",
        severity=INFO if evidence.learns() else "", sure=True, since=0,
    )  # fmt: skip


def _large_outputs(evidence: Evidence, limit: float) -> Iterator[Symptom]:
    trail = evidence.scalars.get("probe_output_scale")
    if (
        trail is None
        or trail.first is None
        or not float(trail.first) > limit
        or evidence.setup.feature_rms_max > 10
    ):
        return
    yield Symptom(
        "", float(trail.first), limit, "root mean square of the first outputs", "the first outputs are huge",
        f"Before training the outputs have a root mean square of {float(trail.first):.3g}",
        "the weights amplify signals a little at every layer, and there are many",
        "Use He initialisation for ReLU, Glorot for tanh (gain 1 to 1.5), or normalisation layers.",
        severity=INFO if evidence.learns() else "", sure=True, since=0,
    )  # fmt: skip


def fan(evidence: Evidence, row: int) -> float:
    """Fan-in of a weight; torch keeps outputs first, Keras last."""
    shape = evidence.table.parameters[row].shape
    keras = evidence.type_of(evidence.table.parameters[row].layer) in ("Dense", "Conv1D", "Conv2D", "Conv3D")
    return float(np.prod(shape[:-1] if keras else shape[1:]))


@rule("initialisation", WARNING, needs=("base_loss",), min_steps=3, leads_to=("negative_loss",))
def high_initial_loss(evidence: Evidence, *, factor: float = 10.0) -> Iterator[Symptom]:
    """The first losses are above 10 times (3 times for classes) that of the best constant prediction."""
    base, first = evidence.setup.base_loss, evidence.first_loss()
    classes = evidence.setup.task == "classification"
    limit = factor * (0.3 if classes else 1.0)
    if not base > 1e-6 or not first > limit * base:
        return
    yield Symptom(
        "", first / base, limit, "first loss over that of a constant", "training begins with a very large loss",
        f"The first losses are {first:.4g}, {first / base:.3g} times that of the best constant prediction ({base:.4g})",
        "the head's weights are too large, or the targets are not scaled",
        "Scale the targets, or begin with a smaller head.",
        severity=INFO if evidence.learns() else "", sure=True, since=0,
    )  # fmt: skip
