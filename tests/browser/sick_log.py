# SPDX-License-Identifier: Apache-2.0
"""Made-up runs with findings, written with the real sink: what the tab shows of rules, without training.

`sick`: a learning rate that jumps at step 200 kills 124 of the 128 units of relu2. `fine`: nothing found,
some rules wait and some are off. `early`: too few steps for any rule. Run this file to write them to a
folder: `python tests/browser/sick_log.py FOLDER`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from tb_xai_callbacks.probe.samples import images_png
from tb_xai_callbacks.run.sink import EventFileSink
from tb_xai_plugin.format import records as r

UNITS = 128
ONSET = 206
DEAD = 124
STEPS = range(0, 401, 10)

TABLE = r.LayerTable(
    "sick",
    (
        r.Layer("conv1", "Conv2d", (32, 8, 8), 32, spatial=True),
        r.Layer("relu1", "ReLU", (32, 8, 8), 32, "relu", spatial=True),
        r.Layer("conv2", "Conv2d", (UNITS, 4, 4), UNITS, spatial=True),
        r.Layer("relu2", "ReLU", (UNITS, 4, 4), UNITS, "relu", spatial=True),
        r.Layer("conv3", "Conv2d", (64, 4, 4), 64, spatial=True),
        r.Layer("fc", "Linear", (10,), 10, is_output=True),
    ),
    tuple(
        r.Parameter(f"{layer}.{kind}", layer, shape if kind == "weight" else shape[:1], group=group)
        for layer, shape, group in (
            ("conv1", (32, 1, 3, 3), 0),
            ("conv2", (UNITS, 32, 3, 3), 1),
            ("conv3", (64, UNITS, 3, 3), 0),
            ("fc", (10, 1024), 0),
        )
        for kind in ("weight", "bias")
    ),
)

DEFINITIONS = {
    "dead_layer": ("units", "At least 95 % of a layer's units are active for no sample, over 50 steps."),
    "update_too_large": ("steps", "The median update ratio of a weight matrix is above 0.3 over 5 steps."),
    "no_better_than_constant": ("outcome", "Over 100 steps the loss stays at 95 % of the best constant's."),
    "rank_collapse": ("units", "A layer's effective rank falls below half of its own peak."),
    "vanishing_gradient": ("gradients", "Gradients of an early layer are 1000 times smaller than the last."),
    "class_never_predicted": ("outcome", "A class of more than 1 % of the samples is never predicted."),
    "attention_collapse": ("attention", "The entropy of a head is below 0.05 of its maximum."),
    "head_loss_mismatch": ("setup", "The last operation is not the one that the loss expects."),
}


def sick_findings() -> tuple[r.Finding, ...]:
    dead = r.Finding(
        "dead_layer", "error", "relu2", ONSET, 400, 0.97, 0.95,
        "97 % of the 128 units of relu2 are active for no sample since step 206 (limit 95 %, over 50 steps).",
        "Lower the learning rate of group 1 or warm it up; or use a leaky nonlinearity.",
        "units", "relu2 is dead", "The learning rate of conv2 rose from 0.01 to 1 at step 200.", "",
        "share of dead units",
    )  # fmt: skip

    def follows(rule: str, severity: str, layer: str, first: int, title: str, **more: Any) -> r.Finding:
        values = {"value": 0.004, "threshold": 0.01, "statistic": "update ratio", "root": dead.key, **more}
        return r.Finding(rule, severity, layer, first, 400, message=f"{title}, as measured.", title=title,
                         advice="Mend its cause first.", cause="relu2 is dead.", **values)  # fmt: skip

    return (
        dead,
        follows("vanishing_gradient", "error", "conv1", 210, "conv1 gets no gradient"),
        follows("rank_collapse", "warning", "conv3", 220, "conv3 varies in one direction only",
                value=1.02, threshold=1.1, statistic="effective rank"),
        follows("no_better_than_constant", "error", "", 320, "The network is no better than a constant",
                value=2.3, threshold=2.19, statistic="mean loss"),
        follows("update_too_large", "warning", "conv2.bias", 200, "Steps of conv2.bias are too large",
                root="", value=0.8, threshold=0.3, statistic="median update ratio"),
        follows("class_never_predicted", "info", "", 340, "3 of 10 classes are never predicted",
                root="", value=3, threshold=0, statistic="classes never predicted"),
    )  # fmt: skip


def rules(idle: dict[str, tuple[str, str]]) -> tuple[r.RuleState, ...]:
    """All rules; `idle` says which do not watch: rule → (state, reason)."""
    return tuple(
        r.RuleState(name, family, *idle.get(name, ("watching", "")), definition)
        for name, (family, definition) in DEFINITIONS.items()
    )


def _level(step: int, before: float, after: float) -> float:
    """`before` up to step 200, `after` from 210 on."""
    return before if step <= 200 else after


def dead_units(step: int) -> int:
    """Of relu2: some die early, most between 200 and 210, a few later."""
    return 4 if step <= 100 else 9 if step <= 200 else 122 if step <= 210 else DEAD


def stats(step: int, sick: bool) -> list[r.LayerStats]:
    after = 1.0 if not sick or step <= 200 else 0.02
    layers = [
        [64, 0.2 * after, 1, -2, 3, 8, 0.5, 0, np.nan, rank] for rank in (12, 11, 40, 38 * after, 22, 6)
    ]
    for row, dead in ((1, 0.06), (3, dead_units(step) / UNITS if sick else 0.03)):
        layers[row][8] = dead
    norms = [0.8 * after, 0.8 * after, 0.9 * after, 0.7 * after, 0.6, 0.5]
    gradients = [[64, 0, 0.1, -1, 1, norm, 0.1, 0, np.nan] for norm in norms]
    ratio = 0.6 if sick and 200 <= step <= 230 else 0.004
    weights = [
        [288, 0, 0.1, -1, 1, 3, 0, 0, 1e-6 if sick and step > 240 else ratio * (i + 1) / 8]
        for i in range(len(TABLE.parameters))
    ]
    make = lambda signal, columns, values: r.LayerStats(  # noqa: E731
        signal, r.TRAINING_BATCH, 64, TABLE.id, columns, np.array(values, np.float32)
    )
    return [
        make("activation", r.LAYER_COLUMNS, layers),
        make("gradient", r.GRADIENT_COLUMNS, gradients),
        make("weight", r.WEIGHT_COLUMNS, weights),
    ]


def histogram(signal: str, step: int, sick: bool) -> r.Histograms:
    """Bells of magnitudes; those of relu2 fall to zero after step 200, their gradients at 210."""
    counts = np.zeros((len(TABLE.layers), 2 * r.EXPONENTS + 2), np.uint64)
    bell = (4000 * np.exp(-((np.arange(r.EXPONENTS) + r.MIN_EXPONENT + 2) ** 2) / 6)).astype(np.uint64)
    alive = 1 - dead_units(step if signal == "activation" else step - 10) / UNITS if sick else 1
    for row, layer in enumerate(TABLE.layers):
        share = alive if layer.name == "relu2" else 1
        counts[row, r.EXPONENTS + 1 : -1] = bell * share
        if signal == "gradient" or not layer.activation:
            counts[row, : r.EXPONENTS] = (bell * share)[::-1]
        counts[row, r.EXPONENTS] = (1 - share) * 40_000 + (9000 if layer.activation else 0)
    return r.Histograms(signal, r.TRAINING_BATCH, 64, TABLE.id, counts)


def units(step: int, sick: bool) -> r.UnitCounts:
    live = [np.full(layer.units, 40, np.uint32) + np.arange(layer.units) % 24 for layer in TABLE.layers]
    if sick:
        order = np.random.default_rng(0).permutation(UNITS)
        live[3][order[: dead_units(step)]] = 0
    return r.UnitCounts(r.TRAINING_BATCH, 64, TABLE.id, np.concatenate(live).astype(np.uint32))


def attribution(step: int) -> r.Attribution:
    rows, columns = np.mgrid[:4, :4]
    heat = np.stack([np.exp(-((rows - n % 4) ** 2) - (columns - step / 200) ** 2) for n in range(4)])
    ones = np.full(4, 0.4, np.float32)
    return r.Attribution("grad_cam", "conv3", heat.astype(np.float32), np.arange(4), ones, np.arange(4), ones)


def scalars(step: int, sick: bool) -> r.Scalars:
    loss = 2.3 * np.exp(-step / 120) + 0.2
    if sick and step > 200:
        loss = 2.31 + 0.01 * np.sin(step)
    rate = 1.0 if sick and step >= 200 else 0.01
    checkup = {"probe_loss": loss * 1.1, "probe_accuracy": 0.1 if sick and step > 200 else 1 - loss / 3}
    return r.Scalars({"loss": loss, "learning_rate": 0.01, "learning_rate/1": rate, **checkup})


def status(step: int, state: str) -> r.RunStatus:
    signals = (
        r.Signal("activations", "captured", "training batch"),
        r.Signal("gradients", "captured", "training batch"),
        r.Signal("attention", "off", "the model has no attention layer"),
    )
    return r.RunStatus(state, "torch", "torch", step, signals=signals, target_layers=("conv3",))


def write(log_dir: Path, steps: range, sick: bool, findings: r.Findings) -> None:
    images = np.random.default_rng(1).random((4, 1, 8, 8)).astype(np.float32)
    probe = r.Probe("h", "image", images.shape, images=images_png(images), labels=np.arange(4))
    items: list[tuple[int, Any]] = [(0, TABLE), (0, probe)]
    for step in steps:
        items += [(step, one) for one in stats(step, sick)]
        items += [(step, histogram(signal, step, sick)) for signal in ("activation", "gradient")]
        items += [(step, units(step, sick)), (step, scalars(step, sick))]
        if step % 50 == 0:
            items.append((step, attribution(step)))
    items += [(steps[-1], findings), (steps[-1], status(steps[-1], "finished"))]
    sink = EventFileSink(log_dir, print)
    for step, item in items:
        sink.put(step, lambda item=item: [item])  # type: ignore[misc]
    sink.close()


def make(root: Path) -> Path:
    """Write the runs fine, early and sick, the newest, below `root`; returns `root`."""
    off = {"attention_collapse": ("off", "attention is not captured: the model has no attention layer")}
    few = dict.fromkeys(DEFINITIONS, ("waiting", "not enough data yet (12 of 50 steps)"))
    some = {**off, "rank_collapse": ("waiting", "not enough data yet (400 of 500 steps)")}
    write(root / "fine", STEPS, False, r.Findings((), rules(some), 400))
    write(root / "early", range(0, 13, 4), False, r.Findings((), rules(few), 12))
    write(root / "sick", STEPS, True, r.Findings(sick_findings(), rules(off), 400))
    return root


if __name__ == "__main__":
    print(make(Path(sys.argv[1])))
