# SPDX-License-Identifier: Apache-2.0
"""Every rule on synthetic evidence: where it fires, where it just does not, and a healthy run."""

import inspect
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pytest
from evidence_builder import BASE, CHECKS, REGRESSION, TABLE, build, falling, layer_table, stuck
from made_maps import always, at_edge, boxes, moving, probe, similar

from tb_xai_plugin.format.records import PROBE, Layer
from tb_xai_plugin.rules import RULES
from tb_xai_plugin.rules.folding import Causes
from tb_xai_plugin.rules.rule import ERROR, INFO, SEVERITIES, WARNING
from tb_xai_plugin.rules.trail import Trail

BY_NAME = {rule.name: rule for rule in RULES}
ORDER = Causes(RULES).order


def run(**options):
    """Options of `build`."""
    return options


def level(value):
    """A loss that has this value at every step."""
    return lambda step: value


def put(row, column, value, since=0):
    """An edit that sets one statistic from a step on."""

    def edit(step, cells):
        if step >= since:
            cells.put(row, column, value)

    return edit


def puts(*cells_of):
    """An edit that sets several statistics."""

    def edit(step, cells):
        for row, column, value in cells_of:
            cells.put(row, column, value)

    return edit


def spread(layer, mean, std):
    """An edit that sets a layer's mean and standard deviation."""
    return puts((layer, "mean", mean), (layer, "std", std))


def frozen(*rows):
    """An edit under which these parameters never change."""

    def edit(step, cells):
        for row in rows:
            for column, value in (("norm", 1.0), ("mean", 0.1), ("min", -1.0)):
                cells.put(row, column, value)

    return edit


def silent(layer, count, since=0, before=0):
    """The first `count` units of a layer are silent from a step on, `before` of them until then."""

    def live(step, counts):
        counts[layer][: count if step >= since else before] = 0

    return live


def check(**values):
    """What every check-up says."""
    return lambda step: {f"probe_{name}": value for name, value in values.items()}


def fading(ratio, **others):
    """The root mean square gradient of conv is `ratio` times the head's, that of others as given."""

    def edit(step, cells):
        head = cells.get("head.weight", "norm") / np.sqrt(cells.get("head.weight", "count"))
        for name, share in {"conv": ratio, **others}.items():
            row = f"{name}.weight"
            cells.put(row, "norm", share * head * np.sqrt(cells.get(row, "count")))
        if others:
            cells.put("conv.bias", "norm", 0.0)

    return edit


def burst(usual, late, since):
    """Gradients of a steady norm, of another one from a step on."""

    def edit(step, cells):
        cells.put(..., "norm", 0.0)
        cells.put("fc1.weight", "norm", late if step >= since else usual)

    return edit


def swinging(amplitude):
    """A loss that is high for 5 steps and low for 5 steps."""
    return lambda step: BASE * (1 + (amplitude if step // 5 % 2 else -amplitude))


def growing(factor):
    """A loss whose quarters of 30 steps grow by `factor` from the first to the last."""
    return lambda step: BASE * factor ** (step / 22.5)


def squashed(kind, name="squash"):
    return layer_table(
        TABLE.layers[0], Layer(name, kind, (16,), 16), Layer("head", "Linear", (10,), 10, is_output=True)
    )


FUNCTIONAL = layer_table(
    TABLE.layers[0],
    Layer("fc1", "Linear", (16,), 16, activation="tanh"),
    Layer("head", "Linear", (10,), 10, is_output=True),
)


@dataclass(frozen=True)
class Case:
    """Where a rule fires and what it says then; `near` is the same, just on the other side."""

    rule: str
    severity: str
    layer: str
    value: float
    says: str
    fires: dict = field(default_factory=dict)
    near: dict = field(default_factory=dict)

    @property
    def id(self):
        return f"{self.rule}: {self.says}"


CASES = (
    Case(
        "broadcast_loss", ERROR, "", 1024, "1024 pairs where 32",
        run(setup={"broadcast_shape": (32, 32)}),
        run(setup={"broadcast_shape": ()}),
    ),
    Case(
        "head_loss_mismatch", ERROR, "head", 1, "softmax twice",
        run(setup={"head": "softmax"}, loss=stuck),
        run(setup={"head": "linear"}, loss=stuck),
    ),
    Case(
        "target_range", ERROR, "head", -2, "Targets from -2 to 2",
        run(setup={**REGRESSION, "head": "sigmoid"}),
        run(setup={**REGRESSION, "head": "sigmoid", "target_low": -0.01, "target_high": 0.99}),
    ),
    Case(
        "target_range", ERROR, "head", -0.011, "stay within 0 and 1",
        run(setup={**REGRESSION, "head": "sigmoid", "target_low": -0.011, "target_high": 0.989}),
        run(setup={**REGRESSION, "head": "linear", "target_low": -0.011, "target_high": 0.989}),
    ),
    Case(
        "target_range", ERROR, "head", 2, "stay within 0 and 1",
        run(setup={**REGRESSION, "loss": "bce", "head": "linear", "target_low": 0.0}),
        run(setup={**REGRESSION, "loss": "bce", "head": "linear", "target_low": 0.0, "target_high": 1.0}),
    ),
    Case(
        "hidden_softmax", WARNING, "fc1", 1, "fc1",
        run(setup={"hidden_softmax": ("fc1",)}, loss=stuck),
        run(setup={"hidden_softmax": ()}, loss=stuck),
    ),
    Case(
        "unscaled_inputs", WARNING, "", 10.5, "square of 10.5",
        run(setup={"feature_rms_max": 10.5}, loss=stuck),
        run(setup={"feature_rms_max": 10.0}, loss=stuck),
    ),
    Case(
        "unscaled_inputs", WARNING, "", 110, "5.5, the median one 0.05",
        run(setup={"feature_rms_max": 5.5, "feature_rms_median": 0.05}, loss=stuck),
        run(setup={"feature_rms_max": 5.0, "feature_rms_median": 0.05}, loss=stuck),
    ),
    Case(
        "unscaled_inputs", WARNING, "", 0.009, "square of 0.009",
        run(setup={"feature_rms_max": 0.009, "feature_rms_median": 0.009}, loss=stuck),
        run(setup={"feature_rms_max": 0.01, "feature_rms_median": 0.01}, loss=stuck),
    ),
    Case(
        "unscaled_inputs", INFO, "", 127, "median one 1",
        run(setup={"feature_rms_max": 127.0}),
        run(setup={"feature_rms_max": 127.0, "normalises": True}),
    ),
    Case(
        "unscaled_targets", WARNING, "", 10.5, "mean 10.5",
        run(setup={**REGRESSION, "target_mean": 10.5}, loss=stuck),
        run(setup={**REGRESSION, "target_mean": 10.0}, loss=stuck),
    ),
    Case(
        "constant_init", ERROR, "fc1", 1, "1 of 4",
        run(weight=puts(("fc1.weight", "mean", 0.5), ("fc1.weight", "std", 4e-7))),
        run(weight=puts(("fc1.weight", "mean", 0.5), ("fc1.weight", "std", 6e-7))),
    ),
    Case(
        "constant_init", ERROR, "fc1", 2, "2 of 4",
        run(weight=puts(*((f"{x}.weight", c, 0.0) for x in ("fc1", "fc2") for c in ("mean", "std")))),
        run(weight=puts(("fc2.weight", "mean", 0.0), ("fc2.weight", "std", 0.0))),
    ),
    Case(
        "bad_init", WARNING, "fc2", 7, "fc2 has 7",
        run(weight=put("fc2.weight", "std", 1.75), loss=stuck),
        run(weight=put("fc2.weight", "std", 1.5), loss=stuck),
    ),
    Case(
        "bad_init", WARNING, "fc2", 0.016, "fc2 has 0.016",
        run(weight=put("fc2.weight", "std", 0.004), loss=stuck),
        run(weight=put("fc2.weight", "std", 0.0051), loss=stuck),
    ),
    Case(
        "bad_init", WARNING, "", 101, "square of 101",
        run(checkup=check(output_scale=101.0), loss=stuck),
        run(checkup=check(output_scale=100.0), loss=stuck),
    ),
    Case(
        "high_initial_loss", WARNING, "", 3.1, "3.1 times",
        run(setup={"base_loss": 1.0}, loss=level(3.1)),
        run(setup={"base_loss": 1.0}, loss=level(3.0)),
    ),
    Case(
        "high_initial_loss", WARNING, "", 10.5, "10.5 times",
        run(setup=REGRESSION, loss=level(10.5)),
        run(setup=REGRESSION, loss=level(10.0)),
    ),
    Case(
        "nonfinite", ERROR, "", 180, "from step 120 on",
        run(loss=lambda s: falling(s) if s < 120 else np.nan),
        run(loss=lambda s: falling(s) if s < 120 else 1e36),
    ),
    Case(
        "nonfinite", ERROR, "fc1", 3, "from step 280 on",
        run(weight=put("fc1.weight", "nonfinite_count", 3, 280)),
        run(weight=put("fc1.weight", "nonfinite_count", 0)),
    ),
    Case(
        "nonfinite", ERROR, "relu2", 2, "The activations of relu2",
        run(activation=put("relu2", "nonfinite_count", 2)),
        run(gradient=put("relu2", "nonfinite_count", 2)),
    ),
    Case(
        "negative_loss", ERROR, "", -0.5, "reached -0.5",
        run(loss=lambda s: falling(s) if s < 250 else -0.5),
        run(loss=lambda s: falling(s) if s < 250 else -9e-7),
    ),
    Case(
        "uphill_updates", ERROR, "", 1.21, "in 30 steps of moderate size",
        run(steps=60, loss=growing(1.21)),
        run(steps=60, loss=growing(1.19)),
    ),
    Case(
        "uphill_updates", ERROR, "", 1.5, "in 30 steps of moderate size",
        run(steps=60, loss=growing(1.5), weight=put("fc2.weight", "update_ratio", 0.099)),
        run(steps=60, loss=growing(1.5), weight=put("fc2.weight", "update_ratio", 0.101)),
    ),
    Case(
        "uphill_updates", ERROR, "", -0.1, "learning rate is -0.1",
        run(rate=level(-0.1)),
        run(rate=level(0.0)),
    ),
    Case(
        "update_ratio_high", ERROR, "fc2", 0.5, "by 50% of their size (learning rate 0.1, SGD)",
        run(every=1, loss=stuck, weight=put("fc2.weight", "update_ratio", 0.5)),
        run(every=1, loss=stuck, weight=put("fc2.weight", "update_ratio", 0.099)),
    ),
    Case(
        "update_ratio_high", ERROR, "fc2", 0.11, "by 11% of their size",
        run(loss=stuck, weight=put("fc2.weight", "update_ratio", 0.11)),
        run(loss=falling, weight=put("fc2.weight", "update_ratio", 0.11)),
    ),
    Case(
        "update_ratio_high", ERROR, "fc2", 1.5, "A single step changed the weights of fc2 by 150%",
        run(steps=301, loss=stuck, weight=put("fc2.weight", "update_ratio", 1.5, 300)),
        run(steps=301, loss=stuck, weight=put("fc2.weight", "update_ratio", 1.0, 300)),
    ),
    Case(
        "update_ratio_high", ERROR, "fc2", 0.05, "by 5% of their size",
        run(loss=growing(1.1), weight=put("fc2.weight", "update_ratio", 0.05)),
        run(loss=growing(1.1), weight=put("fc2.weight", "update_ratio", 0.029)),
    ),
    Case(
        "update_ratio_low", WARNING, "", 1e-5,
        "more than 1e-05 of its size per step at a learning rate of 0.1",
        run(loss=stuck, weight=put(..., "update_ratio", 1e-5)),
        run(loss=stuck, weight=put(..., "update_ratio", 2.6e-4)),
    ),
    Case(
        "update_ratio_low", WARNING, "", 9e-4, "more than 0.0009 of its size",
        run(loss=lambda s: BASE * (1.2 - 0.0005 * s), weight=put(..., "update_ratio", 9e-4)),
        run(loss=lambda s: BASE * (1.2 - 0.0005 * s), weight=put(..., "update_ratio", 1.1e-3)),
    ),
    Case(
        "dead_layer", ERROR, "relu2", 1, "16 of 16 units of relu2 are silent on all 224 samples",
        run(live=silent("relu2", 16, 100)),
        run(live=silent("relu2", 15, 100)),
    ),
    Case(
        "dead_layer", ERROR, "relu2", 1, "silent on all 105 samples",
        run(live=silent("relu2", 16), samples=15),
        run(live=silent("relu2", 16), samples=14),
    ),
    Case(
        "dead_layer", ERROR, "relu1", 1, "8 of 8 units of relu1 are silent on all 16 samples",
        run(live=silent("relu1", 8), source=PROBE, samples=16),
        run(live=silent("relu1", 8), source=PROBE, samples=15),
    ),
    Case(
        "dying_layer", WARNING, "relu2", 0.5, "50% of 16 units of relu2",
        run(live=silent("relu2", 8, 100), loss=stuck),
        run(live=silent("relu2", 7, 100), loss=stuck),
    ),
    Case(
        "dying_layer", WARNING, "relu2", 0.5, "silent on all 308 samples",
        run(live=silent("relu2", 8, 100), loss=stuck, samples=28),
        run(live=silent("relu2", 8, 100), loss=stuck, samples=27),
    ),
    Case(
        "dying_layer", INFO, "relu2", 0.5, "at first it was 25%",
        run(live=silent("relu2", 8, 100, before=4)),
        run(live=silent("relu2", 8, 100, before=5)),
    ),
    Case(
        "no_training", ERROR, "", 0, "between steps 280 and 299",
        run(weight=frozen(...)),
        run(weight=frozen(*[p.name for p in TABLE.parameters[:-1]])),
    ),
    Case(
        "no_update", WARNING, "fc1", 0, "fc1 did not change between steps 270 and 299",
        run(weight=frozen("fc1.weight", "fc1.bias")),
        run(weight=frozen("fc1.weight")),
    ),
    Case(
        "vanishing_gradients", ERROR, "conv", 5e-4, "conv are 0.0005 times",
        run(loss=stuck, weight_gradient=fading(5e-4)),
        run(loss=stuck, weight_gradient=fading(1.01e-3)),
    ),
    Case(
        "vanishing_gradients", WARNING, "conv", 9.9e-4, "conv are 0.00099 times",
        run(loss=level(0.9 * BASE), weight_gradient=fading(9.9e-4)),
        run(loss=level(0.9 * BASE), weight_gradient=fading(1.01e-3)),
    ),
    Case(
        "vanishing_gradients", ERROR, "fc1", 4e-4, "fc1 are 0.0004 times",
        run(loss=stuck, weight_gradient=fading(3.9e-3, fc1=4e-4)),
        run(loss=stuck, weight_gradient=fading(4.1e-3, fc1=4e-4)),
    ),
    Case(
        "exploding_gradients", WARNING, "fc1", 10.5, "10.5 times its running median; most of it is in fc1",
        run(loss=stuck, weight_gradient=burst(1, 10.5, 290)),
        run(loss=stuck, weight_gradient=burst(1, 9.9, 290)),
    ),
    Case(
        "exploding_gradients", WARNING, "fc1", 1.01e4, "norm is 1.01e+04",
        run(loss=stuck, weight_gradient=burst(1.01e4, 1.01e4, 0)),
        run(loss=stuck, weight_gradient=burst(9.9e3, 9.9e3, 0)),
    ),
    Case(
        "exploding_gradients", INFO, "fc1", 11, "11 times",
        run(weight_gradient=burst(1, 11, 290)),
        run(weight_gradient=burst(1, 11, 295)),
    ),
    Case(
        "saturation", WARNING, "squash", 0.89, "mean square 0.89",
        run(table=squashed("Tanh"), loss=stuck, activation=spread("squash", 0.5, 0.8)),
        run(table=squashed("Tanh"), loss=stuck, activation=spread("squash", 0.39, 0.8)),
    ),
    Case(
        "saturation", WARNING, "squash", 0.81, "mean square 0.81",
        run(table=squashed("Sigmoid"), loss=stuck, activation=spread("squash", 0.5, 0.45)),
        run(table=squashed("Sigmoid"), loss=stuck, activation=spread("squash", 0.5, 0.44)),
    ),
    Case(
        "saturation", WARNING, "fc1", 26, "mean square 26.00",
        run(table=FUNCTIONAL, loss=stuck, activation=spread("fc1", 1.0, 5.0)),
        run(table=FUNCTIONAL, loss=stuck, activation=spread("fc1", 0.0, 5.0)),
    ),
    Case(
        "rank_collapse", ERROR, "relu2", 1.01, "ratio of 1.010",
        run(loss=stuck, activation=put("relu2", "participation_ratio", 1.01)),
        run(loss=stuck, activation=put("relu2", "participation_ratio", 1.051)),
    ),
    Case(
        "attention_collapse", WARNING, "attn", 0.13 / np.log(16), "100% of the heads of attn",
        run(loss=stuck, heads=lambda s: (16, (0.13,) * 4)),
        run(loss=stuck, heads=lambda s: (16, (0.13,) * 3 + (0.14,))),
    ),
    Case(
        "dead_head", INFO, "attn", 1, "1 of 4 heads of attn",
        run(heads=lambda s: (16, (0.996 * np.log(16), 1, 1, 1))),
        run(heads=lambda s: (16, (0.994 * np.log(16), 1, 1, 1))),
    ),
    Case(
        "constant_output", ERROR, "head", 5e-4, "varies by more than 0.0005",
        run(checkup=check(output_std=5e-4)),
        run(checkup=check(output_std=1e-3)),
    ),
    Case(
        "constant_output", ERROR, "head", 4e-4, "varies by more than 0.0004",
        run(checkup=check(output_std=4e-4, output_scale=0.5)),
        run(checkup=check(output_std=5e-4, output_scale=0.5)),
    ),
    Case(
        "constant_output", ERROR, "head", 0.05, "varies by more than 0.05",
        run(checkup=check(output_std=0.05), setup={**REGRESSION, "target_std": 60.0}),
        run(checkup=check(output_std=0.05), setup={**REGRESSION, "target_std": 50.0}),
    ),
    Case(
        "worse_than_constant", ERROR, "", 0.96,
        "2.21 after 300 steps; always predicting the same would give 2.303",
        run(loss=level(0.96 * BASE), checkup=check(loss=0.95 * BASE)),
        run(loss=level(0.94 * BASE), checkup=check(loss=0.94 * BASE)),
    ),
    Case(
        "worse_than_constant", ERROR, "", 1.0, "2.303 after 200 steps",
        run(steps=200, loss=level(BASE), checkup=check(loss=BASE)),
        run(steps=199, loss=level(BASE), checkup=check(loss=BASE)),
    ),
    Case(
        "worse_than_constant", ERROR, "", 1.1, "on the check-up's samples is 2.533",
        run(checkup=check(loss=1.1 * BASE)),
        run(checkup=lambda s: {"probe_loss": BASE * (0.94 if s == 30 else 1.1)}),
    ),
    Case(
        "plateau", WARNING, "", 0, "stands at 81%",
        run(loss=level(0.81 * BASE)),
        run(loss=level(0.79 * BASE)),
    ),
    Case(
        "plateau", WARNING, "", 0.019, "fell by 1.9%",
        run(loss=lambda s: BASE * (1 - 0.019 * (s - 200) / 200)),
        run(loss=lambda s: BASE * (1 - 0.021 * (s - 200) / 200)),
    ),
    Case(
        "oscillation", WARNING, "", 1.02, "swings between 1.13 and 3.48",
        run(loss=swinging(0.51)),
        run(loss=swinging(0.49)),
    ),
    Case(
        "oscillation", WARNING, "", 1.4, "does not get lower",
        run(loss=lambda s: BASE * 0.31 * (1 + (0.7 if s // 5 % 2 else -0.7))),
        run(loss=lambda s: BASE * 0.29 * (1 + (0.7 if s // 5 % 2 else -0.7))),
    ),
    Case(
        "overfitting", INFO, "", 1.3, "is 0.65, its best was 0.5 at step 0; the training loss is",
        run(checkup=lambda s: {"probe_loss": 0.5 if s < 185 else 0.65}),
        run(checkup=lambda s: {"probe_loss": 0.5 if s < 185 else 0.6}),
    ),
    Case(
        "overfitting", WARNING, "", 1.3, "its best was 0.5",
        run(checkup=lambda s: {"probe_loss": 0.5, "probe_accuracy": 0.9} if s < 185 else
            {"probe_loss": 0.65, "probe_accuracy": 0.84}),
        run(checkup=lambda s: {"probe_loss": 0.65 if s == 232 else 0.5}),
    ),
    Case(
        "overfitting", INFO, "", 1.3, "the training loss is 0.42",
        run(loss=level(0.42), checkup=lambda s: {"probe_loss": 0.5 if s < 185 else 0.65}),
        run(loss=level(0.44), checkup=lambda s: {"probe_loss": 0.5 if s < 185 else 0.65}),
    ),
    Case(
        "overfitting", WARNING, "", 1.1, "the training loss is 0.1",
        run(loss=level(0.1), checkup=lambda s: {"probe_loss": BASE * (0.36 / 1.1 if s < 185 else 0.36)}),
        run(loss=level(0.1), checkup=lambda s: {"probe_loss": BASE * (0.34 / 1.1 if s < 185 else 0.34)}),
    ),
    Case(
        "constant_prediction", WARNING, "", 0.099, "entropy of 0.23 nats, the labels 2.3",
        run(checkup=check(prediction_entropy=0.099 * BASE)),
        run(checkup=check(prediction_entropy=0.1001 * BASE)),
    ),
    Case(
        "missing_class", WARNING, "", 3, "3 of 10 classes",
        run(checkup=check(missed_classes=3.0)),
        run(checkup=check(missed_classes=2.0)),
    ),
    Case(
        "missing_class", WARNING, "", 1, "1 of 10 classes",
        run(checkup=check(missed_classes=1.0), setup={"class_counts": (100, *(10,) * 9)}),
        run(checkup=check(missed_classes=1.0), setup={"class_counts": (99, *(10,) * 9)}),
    ),
    Case(
        "looks_elsewhere", WARNING, "", 0.12, "12% of the map of grad_cam at relu1 lies inside",
        run(maps=moving(0.12)),
        run(maps=moving(0.33)),
    ),
    Case(
        "looks_elsewhere", WARNING, "", 0.2, "83% of the samples are right, 92% before",
        run(maps=moving(0.2, right=0.83), probe=probe(boxes())),
        run(maps=moving(0.2, right=0.75)),
    ),
    Case(
        "maps_all_alike", WARNING, "", 0.96, "correlation of 0.960",
        run(maps=always(similar(0.96)), probe=probe()),
        run(maps=always(similar(0.94)), probe=probe()),
    ),
    Case(
        "map_stuck_at_border", INFO, "", 0.65, "65% or more lies in the outermost ring",
        run(maps=always(at_edge(0.65)), probe=probe()),
        run(maps=always(at_edge(0.61)), probe=probe()),
    ),
    Case(
        "map_stuck_at_border", INFO, "", 0.61, "lies in one corner",
        run(maps=always(at_edge(0.61, corner=True)), probe=probe()),
        run(maps=always(at_edge(0.59, corner=True)), probe=probe()),
    ),
    Case(
        "lagging_layer", INFO, "fc1", 0.008,
        "fc1 change by 4e-05 of their size per step, the median layer's by 0.005",
        run(weight=put("fc1.weight", "update_ratio", 4e-5)),
        run(weight=put("fc1.weight", "update_ratio", 5.1e-5)),
    ),
)  # fmt: skip


def symptoms(name, **options):
    return ask(BY_NAME[name], build(**options))


def ask(rule, evidence):
    """What a rule finds, asked as the engine asks."""
    with np.errstate(all="ignore"):
        return list(rule.check(evidence))


def test_the_table_has_every_rule():
    assert {case.rule for case in CASES} == set(BY_NAME)
    assert len(BY_NAME) == len(RULES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_rule_fires_where_it_should(case):
    found = [each for each in symptoms(case.rule, **case.fires) if each.layer == case.layer]
    assert found, "nothing was found there"
    symptom = found[0]
    assert (symptom.severity or BY_NAME[case.rule].severity) == case.severity
    assert symptom.value == pytest.approx(case.value, rel=2e-3)
    assert case.says in symptom.message
    for text in (symptom.title, symptom.message, symptom.cause, symptom.advice, symptom.statistic):
        assert text.strip()
        assert "nan" not in text.split()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_just_beside_its_threshold_a_rule_is_silent(case):
    assert symptoms(case.rule, **case.near) == []


@pytest.mark.parametrize("steps", [1, 2, 5, 12, 30, 60, 150, 300])
@pytest.mark.parametrize("setup", [{}, REGRESSION], ids=["classes", "values"])
def test_a_healthy_run_is_left_alone(steps, setup):
    evidence = build(steps=steps, setup=setup)
    asked = [rule for rule in RULES if evidence.step >= rule.min_steps]  # as the engine does
    assert [symptom for rule in asked for symptom in ask(rule, evidence)] == []


def image(evidence):
    """All that an evidence holds, as bytes and numbers."""
    lazy = ("layer_rows", "matrices")
    return {name: _image(value) for name, value in vars(evidence).items() if name not in lazy}


def _image(value):
    if isinstance(value, Trail):
        first = None if value.first is None else value.first.tobytes()
        return (value.steps.tobytes(), value.values.tobytes(), value.count, first)
    if isinstance(value, np.ndarray):
        return (value.shape, value.tobytes())
    if isinstance(value, dict):
        return {name: _image(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_image, value))
    return repr(value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_rules_change_nothing_and_repeat_themselves(case):
    evidence = build(**case.fires)
    before = image(evidence)
    once = [repr(ask(rule, evidence)) for rule in RULES]
    again = [repr(ask(rule, evidence)) for rule in reversed(RULES)][::-1]
    assert once == again
    assert image(evidence) == before


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_says_what_it_looks_for_and_its_thresholds_are_arguments(rule):
    assert rule.definition.strip()
    assert inspect.getdoc(rule.check)
    assert rule.name in ORDER
    assert rule.severity in SEVERITIES
    first, *others = inspect.signature(rule.check).parameters.values()
    assert first.name == "evidence"
    for threshold in others:
        assert threshold.kind is inspect.Parameter.KEYWORD_ONLY
        assert isinstance(threshold.default, (int, float))


def test_the_order_of_causes_names_every_rule_once_and_no_other():
    assert sorted(ORDER) == sorted(BY_NAME)


#: (head, loss, link, other facts, what is said; "" is nothing)
HEADS = (
    ("linear", "cross_entropy", "log_softmax", {}, ""),
    ("log_softmax", "nll", "", {}, ""),
    ("softmax", "nll", "log", {}, ""),
    ("linear", "nll", "softmax+log", {}, ""),
    ("linear", "bce_logits", "", {"output_shape": (1,)}, ""),
    ("sigmoid", "bce", "", {"output_shape": (1,)}, ""),
    ("linear", "bce", "sigmoid", {"output_shape": (1,)}, ""),
    ("linear", "mse", "", REGRESSION, ""),
    ("softmax", "cross_entropy", "log_softmax", {}, "softmax twice"),
    ("linear", "cross_entropy", "softmax+log_softmax", {}, "softmax twice"),
    ("softmax_over_batch", "nll", "log", {}, "softmax over the batch"),
    ("log_softmax_over_batch", "nll", "", {}, "softmax over the batch"),
    ("softmax", "bce", "", {"output_shape": (1,)}, "softmax over one unit"),
    ("linear", "cross_entropy", "log_softmax", {"output_shape": (1,)}, "softmax over one unit"),
    ("softmax", "nll", "", {}, "probabilities into a loss that expects log-probabilities"),
    ("linear", "nll", "", {}, "logits into a loss that expects log-probabilities"),
    ("linear", "nll", "log", {}, "raw outputs into a loss that expects probabilities"),
    ("linear", "bce", "", {"output_shape": (1,)}, "logits into a loss that expects probabilities"),
    ("tanh", "bce", "", {"output_shape": (1,)}, "tanh into a loss that expects probabilities"),
    ("sigmoid", "bce_logits", "", {"output_shape": (1,)}, "sigmoid before a loss that expects logits"),
    ("linear", "bce_logits", "sigmoid", {"output_shape": (1,)}, "sigmoid before a loss that expects logits"),
    ("relu", "cross_entropy", "log_softmax", {}, "relu before cross-entropy"),
    ("tanh", "cross_entropy", "log_softmax", {}, "tanh before cross-entropy"),
    ("linear", "cross_entropy", "log_softmax", REGRESSION, "a classification loss on values"),
    ("linear", "mse", "", {}, "a regression loss on classes"),
    ("softmax", "mse", "", {**REGRESSION, "output_shape": (3,)}, "softmax on values"),
)


@pytest.mark.parametrize(("head", "loss", "link", "facts", "says"), HEADS)
def test_heads_and_losses_that_do_not_fit_are_told_from_those_that_do(head, loss, link, facts, says):
    setup = {**facts, "head": head, "loss": loss, "link": link}
    found = symptoms("head_loss_mismatch", setup=setup, loss=stuck)
    assert [symptom.message.split(": ", 1)[1] for symptom in found] == ([says] if says else [])
    assert all(symptom.sure for symptom in found)


@pytest.mark.parametrize(
    ("setup", "severity"),
    [
        ({"head": "softmax"}, INFO),
        ({"head": "relu"}, WARNING),
        ({"head": "linear", "loss": "nll", "link": ""}, ERROR),
    ],
)
def test_a_doubtful_head_on_a_run_that_learns_all_the_same_is_no_error(setup, severity):
    (symptom,) = symptoms("head_loss_mismatch", setup=setup)
    assert (symptom.severity or ERROR) == severity


def parameters(**changes):
    """The table with all parameters changed."""
    return replace(TABLE, parameters=tuple(replace(p, **changes) for p in TABLE.parameters))


#: Rules that judge the outputs as they are.
RECENT = ("constant_output", "constant_prediction", "missing_class")


@pytest.mark.parametrize("case", [c for c in CASES if "checkup" in c.fires and c.rule in RECENT])
def test_check_ups_of_long_ago_say_nothing(case):
    assert symptoms(case.rule, **{**case.fires, "checks": (*CHECKS[:10], 151, 190)})
    assert not symptoms(case.rule, **{**case.fires, "checks": (*CHECKS[:10], 149, 190)})


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (run(rate=level(0.0)), "the learning rate is 0"),
        (run(table=parameters(in_optimizer=False)), "the optimizer has none of this model's parameters"),
        (run(table=parameters(trainable=False)), "no parameter requires a gradient"),
        (run(), "there are gradients, but no optimizer step is taken"),
        (run(weight_gradient=put(..., "norm", 0.0)), "every gradient is zero or missing"),
        (run(without=("weight_gradient",)), "every gradient is zero or missing"),
    ],
)
def test_why_nothing_is_trained(options, cause):
    (symptom,) = symptoms("no_training", weight=frozen(...), **options)
    assert symptom.cause.startswith(cause)


def test_a_model_that_has_no_parameters_is_not_blamed_for_that():
    evidence = build(table=replace(TABLE, parameters=()))
    assert [symptom for rule in RULES for symptom in ask(rule, evidence)] == []


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (run(weight_gradient=puts(("fc1.weight", "norm", np.nan), ("fc1.bias", "norm", np.nan))),
         "no gradient reaches it"),
        (run(weight_gradient=puts(("fc1.weight", "norm", 0.0), ("fc1.bias", "norm", 0.0))),
         "its gradient is exactly zero"),
        (run(table=parameters(in_optimizer=False)), "no optimizer has its parameters"),
        (run(), "its learning rate is zero"),
    ],
)  # fmt: skip
def test_why_a_layer_is_not_trained(options, cause):
    (symptom,) = symptoms("no_update", weight=frozen("fc1.weight", "fc1.bias"), **options)
    assert symptom.cause.startswith(cause)


@pytest.mark.parametrize(
    "changes",
    [{"trainable": False}, {"layer": "elsewhere"}],
    ids=["frozen on purpose", "of a layer that never runs"],
)
def test_a_layer_that_is_meant_to_stand_still_is_no_finding(changes):
    changed = [replace(p, **changes) if p.layer == "fc1" else p for p in TABLE.parameters]
    table = replace(TABLE, parameters=tuple(changed), never_executed=("elsewhere",))
    assert symptoms("no_update", weight=frozen("fc1.weight", "fc1.bias"), table=table) == []


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (run(live=silent("relu2", 16, 100), weight=put("fc1.weight", "update_ratio", 2.5, 100)),
         "an update of fc1.weight by 2.5 times its own size at step 100 at a learning rate of 0.1"),
        (run(live=silent("relu2", 16, 100), weight=put("fc1.weight", "update_ratio", 0.31, 100)),
         "an update of fc1.weight by 0.31 times"),
        (run(live=silent("relu2", 16, 100), weight=put("fc1.weight", "update_ratio", 0.29, 100)),
         "its inputs or bias drifted"),
        (run(live=silent("relu2", 16)), "the initialisation or unscaled inputs"),
        (run(live=silent("relu2", 16, 100)), "its inputs or bias drifted"),
    ],
)  # fmt: skip
def test_why_a_layer_died(options, cause):
    if "weight" in options:
        edit = options["weight"]
        options = {**options, "weight": lambda step, cells: edit(step, cells) if step == 100 else None}
    (symptom,) = symptoms("dead_layer", **options)
    assert symptom.cause.startswith(cause)
    assert symptom.since in (0, 100)


def test_a_dead_layer_is_dated_to_the_first_batch_that_it_was_silent_on():
    def live(step, counts):
        if step == 120 or step >= 200:  # silent once before
            counts["relu2"][:] = 0

    (symptom,) = symptoms("dead_layer", live=live)
    assert symptom.since == 200


@pytest.mark.parametrize("kind", ["Linear", "Tanh", "Sigmoid", "Softmax"])
def test_units_of_a_layer_that_cannot_be_off_are_not_called_dead(kind):
    assert symptoms("dead_layer", table=squashed(kind), live=silent("squash", 16)) == []


def test_a_threshold_that_is_given_is_the_one_that_counts():
    evidence = build(live=silent("relu2", 12))
    assert ask(BY_NAME["dead_layer"], evidence) == []
    check_075 = partial(BY_NAME["dead_layer"].check, share=0.75)
    assert [symptom.threshold for symptom in check_075(evidence)] == [0.75]
