# SPDX-License-Identifier: Apache-2.0
"""Rules on activations: dead and dying layers, saturation, units that all say the same."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tb_xai_plugin.format.records import PROBE, Layer
from tb_xai_plugin.rules.evidence import Evidence
from tb_xai_plugin.rules.rule import ERROR, INFO, WARNING, Symptom, rule

#: Nonlinearities whose units can be exactly off. Others only ever come close.
GATED = ("relu", "relu6", "threshold", "hardswish", "gelu", "silu", "mish", "smooth")
#: Layers that only pass on what died before them.
PASSIVE = ("Pool", "Norm", "Dropout", "Flatten", "Identity")


def is_gated(layer: Layer) -> bool:
    """Whether a layer's units can die: it is, or ends in, a ReLU or the like."""
    return layer.activation in GATED or layer.type.lower() in GATED


def _gated_rows(evidence: Evidence) -> list[tuple[int, int, int]]:
    """(row, first unit, last unit + 1) of the layers that can die, but for the output."""
    found, start = [], 0
    for row, layer in enumerate(evidence.table.layers):
        if layer.units and is_gated(layer) and not layer.is_output:
            found.append((row, start, start + layer.units))
        start += layer.units
    return found


def seen_samples(evidence: Evidence, steps: int) -> tuple[slice, int]:
    """(observations, samples in them): batches add up, the probe is the same samples again and again."""
    place = evidence.units.last(steps, 2)
    samples = evidence.unit_samples.values[place]
    probe = evidence.sources.get("units") == PROBE
    return place, int(samples.max() if probe else samples.sum()) if len(samples) else 0


def rarely(samples: int) -> str:
    """What silence on N samples supports at 95 % confidence: a rate below 3/N (the rule of three)."""
    return f"silent on all {samples} samples seen, so active on fewer than {min(3 / max(samples, 1), 1):.1%} of inputs"


@rule("dead units", ERROR, needs=("units",), min_steps=5, leads_to=("no_training",), spreads=True)
def dead_layer(
    evidence: Evidence, *, share: float = 0.95, window: int = 30, least: int = 100
) -> Iterator[Symptom]:
    """95 % of a layer's units are silent on all samples of the last 30 steps, at least 100 samples.

    Element-wise zeros say nothing: healthy layers have 71 % of them, and 47 % silent units in one batch.
    100 samples support "fires on fewer than 3 %" for one unit at 95 % confidence (rule of three); for nearly
    all units of a layer at once that is far beyond chance. A probe of 16 samples must do where it is all.
    """
    place, samples = seen_samples(evidence, window)
    probe = evidence.sources.get("units") == PROBE
    if samples < (16 if probe else least):
        return
    live = evidence.units.values[place].sum(axis=0)
    for row, start, end in _gated_rows(evidence):
        dead = float((live[start:end] == 0).mean())
        if dead >= share:
            yield _dead(evidence, row, slice(start, end), dead, share, samples)


def _dead(evidence: Evidence, row: int, units: slice, dead: float, share: float, samples: int) -> Symptom:
    layer = evidence.table.layers[row]
    since = _since(evidence, units, share)
    count = round(dead * layer.units)
    cause, advice = _why_dead(evidence, layer, since)
    return Symptom(
        layer.name, dead, share, "share of silent units", f"{layer.name} is dead",
        f"{count} of {layer.units} units of {layer.name} are {rarely(samples)}", cause, advice, since=since,
    )  # fmt: skip


def _since(evidence: Evidence, units: slice, share: float) -> int:
    """First observation of those that stay dead, by single batches."""
    dead = (evidence.units.values[:, units] == 0).mean(axis=1) >= share
    alive = np.flatnonzero(~dead)
    first = int(alive[-1]) + 1 if len(alive) else 0
    return int(evidence.units.steps[min(first, len(dead) - 1)])


def _why_dead(evidence: Evidence, layer: Layer, since: int) -> tuple[str, str]:
    jump = largest_jump(evidence, layer, since)
    advice = "Lower the learning rate or warm it up, look at the bias before it, use a leaky ReLU or a normalisation."
    if jump is not None:
        name, ratio, step, rate = jump
        told = f" at a learning rate of {rate:.3g}" if np.isfinite(rate) else ""
        return (f"an update of {name} by {ratio:.3g} times its own size at step {step}{told} threw every unit below "
                "zero", advice)  # fmt: skip
    if since <= 5:
        return "the initialisation or unscaled inputs put every unit below zero from the start", advice
    return "its inputs or bias drifted until no sample reaches any unit", advice


def largest_jump(
    evidence: Evidence, layer: Layer, since: int, threshold: float = 0.3
) -> tuple[str, float, int, float] | None:
    """(parameter, update ratio, step, learning rate) of the largest update of the weights that feed a layer
    within 50 steps before `since`; None if none is above 0.3."""
    if not evidence.has("weight", "update_ratio"):
        return None
    steps, every = evidence.every("weight", "update_ratio")
    near = (steps <= since) & (steps >= since - 50)
    place = evidence.layer_rows[layer.name]
    owners = {each.name for each in evidence.table.layers[max(place - 2, 0) : place + 1]}
    rows = [i for i, p in enumerate(evidence.table.parameters) if p.layer in owners]
    if not rows or not near.any():
        return None
    ratios = np.nan_to_num(every[near][:, rows], nan=0.0)
    at, which = np.unravel_index(int(ratios.argmax()), ratios.shape)
    step = int(steps[near][at])
    if ratios[at, which] < threshold:
        return None
    parameter = evidence.table.parameters[rows[int(which)]]
    return parameter.name, float(ratios[at, which]), step, rate_at(evidence, parameter.group, step)


def rate_at(evidence: Evidence, group: int, step: int) -> float:
    """Learning rate of a parameter group at a step, NaN if it was not logged."""
    trail = evidence.scalars.get(f"learning_rate/{group}" if group else "learning_rate")
    if trail is None or not len(trail.steps):
        return float("nan")
    index = int(np.searchsorted(trail.steps, step, side="right")) - 1
    return float(trail.values[max(index, 0)])


@rule(
    "dead units", WARNING, needs=("units",), min_steps=50, hold=20, leads_to=("rank_collapse",), spreads=True
)
def dying_layer(
    evidence: Evidence, *, share: float = 0.5, growth: float = 0.25, window: int = 50, least: int = 300
) -> Iterator[Symptom]:
    """Half of a layer's units are silent on at least 300 samples, a quarter of the layer more than at first.

    Healthy ReLU layers have up to 47 % silent units from the start on: only growth tells.
    """
    place, samples = seen_samples(evidence, window)
    if samples < least or evidence.units.first is None or evidence.units.count < 8:
        return
    silent = evidence.units.values[place].sum(axis=0) == 0
    at_first = evidence.units.first == 0
    for row, start, end in _gated_rows(evidence):
        dead = float(silent[start:end].mean())
        begun = float(at_first[start:end].mean())
        if share <= dead < 0.95 and dead - begun >= growth:
            layer = evidence.table.layers[row]
            yield Symptom(
                layer.name, dead, share, "share of silent units", f"{layer.name} is dying",
                f"{dead:.0%} of {layer.units} units of {layer.name} are {rarely(samples)}; at first it was {begun:.0%}",
                "steps that throw units below zero, from where no gradient brings them back",
                "Lower the learning rate, normalise before the ReLU, or use a leaky ReLU.",
                severity=INFO if evidence.learns() else "",
            )  # fmt: skip


@rule(
    "saturation",
    WARNING,
    needs=("activation",),
    min_steps=10,
    hold=10,
    leads_to=("vanishing_gradients",),
    spreads=True,
)
def saturation(evidence: Evidence, *, tanh: float = 0.8, window: int = 50) -> Iterator[Symptom]:
    """The mean square of a tanh layer's outputs (of 2σ - 1 for a sigmoid's) is above 0.8: most units sit at
    their ends, where the slope is gone.

    A tanh whose input is a standard normal has 0.39, one at |z| = 1.5 everywhere 0.82. The output layer is
    left out: a confident sigmoid is no fault.
    """
    _, mean = evidence.column("activation", "mean", window, 2)
    _, std = evidence.column("activation", "std", window, 2)
    for row, layer in enumerate(evidence.table.layers):
        kind = layer.type.lower()
        functional = layer.activation in ("tanh", "sigmoid")
        if layer.is_output or not (kind in ("tanh", "sigmoid") or functional):
            continue
        m, s = float(np.nanmedian(mean[:, row])), float(np.nanmedian(std[:, row]))
        square, limit = _saturated(m, s, layer.activation if functional else kind, functional)
        if square > (limit or tanh):
            yield Symptom(
                layer.name, square, limit or tanh, "mean square of the squashed outputs",
                f"{layer.name} is saturated",
                f"The units of {layer.name} sit at the ends of their range (mean square {square:.2f}, 1 is all)",
                "weights or inputs are so large that the slope of the nonlinearity is gone, and gradients with it",
                "Scale the inputs, begin with smaller weights (Glorot), or normalise before the nonlinearity.",
                severity=INFO if evidence.learns() else "",
            )  # fmt: skip


def _saturated(mean: float, std: float, kind: str, before: bool) -> tuple[float, float]:
    """(measure, its own limit or 0): outputs are judged by their mean square, pre-activations by theirs."""
    if before:  # a functional nonlinearity follows: |z| of 5 on average is all but flat
        return mean * mean + std * std, 25.0
    if kind == "sigmoid":
        return 4 * (std * std + (mean - 0.5) ** 2), 0.0
    return mean * mean + std * std, 0.0


@rule(
    "rank collapse",
    ERROR,
    needs=("activation", "units"),
    min_steps=20,
    hold=20,
    leads_to=("update_ratio_low",),
)
def rank_collapse(evidence: Evidence, *, ratio: float = 1.05, window: int = 30) -> Iterator[Symptom]:
    """The units of a hidden layer vary in one direction only (participation ratio below 1.05) although more
    than two outputs are asked for.

    Healthy classifiers keep 2.1 and more; tasks of one output may well need one direction.
    """
    setup = evidence.setup
    classes = len([n for n in setup.class_counts if n]) if setup.class_counts else 0
    outputs = setup.output_shape[-1] if setup.output_shape else 0
    if max(classes, outputs) <= 2 or not evidence.has("activation", "participation_ratio"):
        return
    _, ranks = evidence.column("activation", "participation_ratio", window, 2)
    flat = []
    for row, layer in enumerate(evidence.table.layers):
        values = ranks[:, row]
        if layer.units > 2 and not layer.is_output and np.isfinite(values).all() and values.max() < ratio:
            flat.append((layer.name, float(values.mean())))
    if flat and not evidence.learns():
        name, value = flat[-1]
        yield Symptom(
            name, value, ratio, "participation ratio", f"the units of {name} all say the same",
            f"{len(flat)} of {len(evidence.table.layers)} layers vary in one direction only; {name} has a participation "
            f"ratio of {value:.3f}",
            "units that began alike, a bottleneck before them, or a collapse under too large steps",
            "Initialise at random, widen the bottleneck, lower the learning rate.",
        )  # fmt: skip
