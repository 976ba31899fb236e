# SPDX-License-Identifier: Apache-2.0
"""The engine: two looks before it speaks, the step at which it began, states, bounds, and no crash."""

import logging
import tracemalloc

import numpy as np
import pytest
from evidence_builder import BASE, TABLE, build, falling, records
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tb_xai_plugin.format import records as r
from tb_xai_plugin.rules import RULES, Diagnosis, Evidence, Rule, Symptom
from tb_xai_plugin.rules.engine import OFF, WAITING, WATCHING
from tb_xai_plugin.rules.evidence import FIRST_LOSSES, KEEP_LOSSES
from tb_xai_plugin.rules.trail import KEEP, Trail

BY_NAME = {rule.name: rule for rule in RULES}


def symptom(layer="", **changes):
    return Symptom(layer, 2.0, 1.0, "number", "title", "message", "cause", "advice", **changes)


def rule(check, **options):
    return Rule("mine", "family", "warning", "definition", check, **options)


def holding(*steps, **changes):
    """A rule's function that sees a symptom at these steps."""
    return lambda evidence: [symptom(**changes)] if evidence.step in steps else []


def looked(check, *steps, **options):
    diagnosis = Diagnosis([rule(check, **options)])
    for step in steps:
        diagnosis.look(step)
    return diagnosis


def trained(rules=RULES, **options):
    """A diagnosis that looked at a synthetic training whenever it was due, and at its end."""
    diagnosis = Diagnosis(rules)
    for step, found in records(**options):
        for record in found:
            diagnosis.add(step, record)
        if diagnosis.due(step):
            diagnosis.look(step)
    diagnosis.look(step)
    return diagnosis


def state_of(diagnosis, name="mine"):
    return next((state.state, state.reason) for state in diagnosis.findings().rules if state.rule == name)


# ---- hysteresis


def test_one_look_is_not_enough():
    assert looked(holding(10), 10).findings().findings == ()


def test_one_look_is_enough_if_it_is_no_matter_of_chance():
    (found,) = looked(holding(10, sure=True), 10).findings().findings
    assert (found.first_step, found.last_step) == (10, 10)


def test_a_rule_that_need_not_hold_is_looked_at_twice_all_the_same():
    assert looked(holding(10), 10, hold=0).findings().findings == ()
    assert len(looked(holding(10, 11), 10, 11, hold=0).findings().findings) == 1


@pytest.mark.parametrize(("second", "count"), [(14, 0), (15, 1)])
def test_a_symptom_counts_once_it_held_for_as_long_as_the_rule_says(second, count):
    diagnosis = looked(holding(10, second), 10, second, hold=5)
    assert len(diagnosis.findings().findings) == count


def test_a_look_without_the_symptom_starts_the_count_anew():
    diagnosis = looked(holding(10, 20), 10, 15, 20, hold=5)
    assert diagnosis.findings().findings == ()
    assert looked(holding(10, 20, 25), 10, 15, 20, 25, hold=5).findings().findings[0].first_step == 20


def test_symptoms_at_two_layers_are_counted_apart():
    def check(evidence):
        return [symptom("a" if evidence.step < 10 else "b")]

    assert [f.layer for f in looked(check, 0, 5, 10, hold=5).findings().findings] == ["a"]
    assert [f.layer for f in looked(check, 0, 5, 10, 15, hold=5).findings().findings] == ["a", "b"]


# ---- dates


def test_a_finding_is_dated_to_what_the_evidence_shows():
    (found,) = looked(holding(10, 20, since=3), 10, 20).findings().findings
    assert (found.first_step, found.last_step) == (3, 20)


def test_a_finding_never_begins_after_it_was_seen():
    (found,) = looked(holding(10, 20, since=99), 10, 20).findings().findings
    assert found.first_step == 10


def test_a_finding_keeps_its_first_step_and_its_last_step_is_the_last_at_which_it_held():
    diagnosis = looked(holding(10, 20, 40, 50), 10, 20, 30, 40, 50, 60)
    (found,) = diagnosis.findings().findings
    assert (found.first_step, found.last_step) == (10, 50)
    assert diagnosis.findings().step == 60


def test_what_is_new_is_told_once():
    diagnosis = Diagnosis([rule(holding(0, 10, 20))])
    told = []
    for step in (0, 10, 20):
        diagnosis.look(step)
        told.append([found.key for found in diagnosis.take_new()])
    assert told == [[], ["mine"], []]


def test_a_look_is_news_for_findings_changed_severities_states_and_much_later_steps():
    def check(evidence):
        return [symptom(severity="info" if evidence.step >= 22 else "")] if evidence.step >= 10 else []

    diagnosis = Diagnosis([rule(check)])
    news = {step: diagnosis.look(step) for step in (0, 5, 10, 20, 21, 22, 26, 27, 28, 34, 35)}
    assert [step for step, new in news.items() if new] == [0, 20, 22, 28, 35]
    assert diagnosis.findings().findings[0].severity == "info"


def test_looks_are_dense_at_first_and_then_a_fiftieth_of_the_steps_apart():
    diagnosis = Diagnosis([])
    looks = []
    for step in range(1000):
        if diagnosis.due(step):
            diagnosis.look(step)
            looks.append(step)
    assert looks[:51] == list(range(51))
    gaps = set(np.diff(looks[51:60]).tolist())
    assert len(gaps) == 1
    assert 5 <= gaps.pop() <= 20
    assert np.diff(looks[-3:]).tolist() == [19, 19]


# ---- states


def test_a_rule_says_how_many_steps_it_waits_for():
    assert state_of(looked(holding(), 12, min_steps=50)) == (
        WAITING,
        "not enough data yet (12 of 50 steps)",
    )
    assert state_of(looked(holding(), 50, min_steps=50)) == (WATCHING, "")


def test_a_rule_waits_for_what_it_needs_and_then_is_off_with_the_reason():
    diagnosis = Diagnosis([BY_NAME["plateau"]])
    diagnosis.look(0)
    assert state_of(diagnosis, "plateau") == (WAITING, "waits for base_loss")
    diagnosis.look(20)
    state, reason = state_of(diagnosis, "plateau")
    assert state == OFF
    assert "it takes labels and a known loss" in reason


@pytest.mark.parametrize(
    ("name", "signal"),
    [("dead_layer", "activations"), ("vanishing_gradients", "gradients"), ("no_update", "weights"),
     ("dead_head", "attention")],
)  # fmt: skip
def test_a_rule_is_off_at_once_where_its_signal_is_and_with_the_same_reason(name, signal):
    diagnosis = Diagnosis([BY_NAME[name]])
    diagnosis.add(
        0, r.RunStatus("running", "torch", "torch", 0, signals=(r.Signal(signal, "off", "because"),))
    )
    diagnosis.look(0)
    assert state_of(diagnosis, name) == (OFF, "because")


@pytest.mark.parametrize("state", ["captured", "waiting"])
def test_a_rule_waits_for_a_signal_that_may_still_come(state):
    diagnosis = Diagnosis([BY_NAME["dead_layer"]])
    signals = (r.Signal("activations", state),)
    diagnosis.add(0, r.RunStatus("running", "torch", "torch", 0, signals=signals))
    diagnosis.look(100)
    assert state_of(diagnosis, "dead_layer") == (WAITING, "waits for activations")


def no_ratios(step, cells):
    cells.put(..., "update_ratio", np.nan)


@pytest.mark.parametrize(
    ("options", "name", "reason"),
    [
        ({"loss": None}, "oscillation", "no loss is given"),
        ({"checkup": None}, "constant_output", "there are no samples to check the outputs on"),
        ({"setup": {"loss": ""}}, "target_range", "how the loss is computed is not known"),
        ({"setup": {"base_loss": float("nan")}}, "plateau", "the loss of a constant prediction is not known"),
        (
            {"weight": lambda s, c: c.put(..., "update_ratio", np.nan)},
            "lagging_layer",
            "no optimizer is known",
        ),
    ],
)
def test_what_a_run_does_not_have_switches_rules_off_with_a_reason(options, name, reason):
    state, said = state_of(trained(steps=25, **options), name)
    assert state == OFF
    assert said.startswith(reason)


def test_every_rule_watches_a_complete_run():
    states = trained(steps=260).findings().rules
    assert [state.rule for state in states] == [rule.name for rule in RULES]
    assert {state.state for state in states} == {WATCHING}
    assert all(state.definition for state in states)


def test_all_rules_at_work_find_nothing_in_a_healthy_run():
    assert [f for f in trained().findings().findings if f.severity != "info"] == []


# ---- faults of rules


def test_a_rule_that_raises_is_switched_off_with_one_warning_and_the_others_go_on(caplog):
    def broken(evidence):
        raise KeyError("nothing there")

    other = Rule("other", "family", "error", "definition", holding(0, 10))
    diagnosis = Diagnosis([rule(broken), other])
    with caplog.at_level(logging.WARNING, "tb_xai"):
        diagnosis.look(0)
        diagnosis.look(10)
    assert [record.getMessage() for record in caplog.records] == [
        "rule mine switched off: KeyError: 'nothing there'"
    ]
    assert state_of(diagnosis) == (OFF, "KeyError: 'nothing there'")
    assert [found.rule for found in diagnosis.findings().findings] == ["other"]


def test_a_rule_that_is_a_generator_may_raise_half_way(caplog):
    def half(evidence):
        yield symptom()
        raise ValueError("half way")

    diagnosis = looked(half, 0, 10)
    assert state_of(diagnosis)[0] == OFF
    assert diagnosis.findings().findings == ()
    assert caplog.text.count("half way") == 1


# ---- no crash, whatever the numbers

ODD = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1e-45, 3e38, -3e38])
NUMBER = st.one_of(st.floats(-1e6, 1e6, width=32), ODD)
SIZES = {"activation": (7, 10), "gradient": (7, 9), "weight": (8, 9), "weight_gradient": (8, 8)}
COLUMNS = {
    "activation": r.LAYER_COLUMNS, "gradient": r.GRADIENT_COLUMNS, "weight": r.WEIGHT_COLUMNS,
    "weight_gradient": r.WEIGHT_GRADIENT_COLUMNS,
}  # fmt: skip
EMPTY = r.LayerTable("t", ())


@st.composite
def runs(draw):
    """A few steps of records with any numbers in them, of a network that may have no layers."""
    table = draw(st.sampled_from([TABLE, TABLE, EMPTY]))
    loss = draw(st.sampled_from(["cross_entropy", "mse", "bce", "other"]))
    task = draw(st.sampled_from(["classification", "regression"]))
    counts = draw(st.sampled_from([(), (0, 0), (5,), (20,) * 10, (1, 1000)]))
    numbers = {name: draw(NUMBER) for name in ("base_loss", "target_std", "target_low", "feature_rms_max")}
    setup = r.Setup(task, loss, head="sigmoid", class_counts=counts, **numbers)
    steps = draw(st.lists(st.integers(0, 400), min_size=1, max_size=6, unique=True).map(sorted))
    found = [(steps[0], [table, setup])]
    traced = 0
    for step in steps:
        now = []
        for signal, (rows, columns) in SIZES.items():
            rows = rows if table is TABLE else 0
            if draw(st.booleans()):
                values = draw(arrays.arrays(np.float32, (rows, columns), elements=NUMBER, fill=NUMBER))
                source = draw(st.sampled_from([r.PROBE, r.TRAINING_BATCH]))
                samples = draw(st.sampled_from([0, 1, 64]))
                now.append(r.LayerStats(signal, source, samples, "t", COLUMNS[signal], values))
        units = sum(layer.units for layer in table.layers)
        live = draw(arrays.arrays(np.uint32, (units,), elements=st.integers(0, 2), fill=st.just(0)))
        now.append(r.UnitCounts(r.PROBE, draw(st.sampled_from([0, 16, 512])), "t", live))
        names = ("learning_rate", "probe_loss", "probe_output_std", "probe_prediction_entropy",
                 "probe_accuracy", "probe_output_scale")  # fmt: skip
        missed = float(draw(st.integers(0, 10)))  # a count
        now.append(r.Scalars({"probe_missed_classes": missed, **{name: draw(NUMBER) for name in names}}))
        heads = draw(st.integers(1, 3))
        now.append(r.HeadStats({"attn": (draw(st.integers(0, 4)), np.full(heads, draw(NUMBER), np.float32))}))
        values = np.array(draw(st.lists(NUMBER, max_size=3)), np.float32)
        fill = np.full(step + 1 - traced, draw(NUMBER), np.float32)
        now.append(r.LossTrace(traced, np.concatenate([fill, values])[: step + 1 - traced]))
        traced = step + 1
        found.append((step, now))
    return found


@settings(max_examples=80, deadline=None)
@given(runs())
def test_no_numbers_make_a_rule_raise(run):
    diagnosis = Diagnosis(RULES)
    for step, found in run:
        with np.errstate(all="ignore"):
            for record in found:
                diagnosis.add(step, record)
        diagnosis.look(step)
        assert diagnosis._broken == {}
    for found in diagnosis.findings().findings:
        assert found.first_step <= found.last_step
        assert found.message


@pytest.mark.parametrize("signal", ["weight", "activation", "weight_gradient"])
def test_nan_in_a_statistic_is_a_finding_with_its_step_and_layer(signal):
    def broken(step, cells):
        if step >= 100:
            for column in r.WEIGHT_COLUMNS[1:6]:
                cells.put("fc1.weight" if "weight" in signal else "fc1", column, np.nan)
            cells.put("fc1.weight" if "weight" in signal else "fc1", "nonfinite_count", 7)

    diagnosis = trained(steps=130, **{signal: broken})
    found = {f.key: f for f in diagnosis.findings().findings}
    assert found["nonfinite@fc1"].first_step == 100
    assert diagnosis._broken == {}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_is_a_finding_with_the_exact_step(value):
    diagnosis = trained(steps=150, loss=lambda s: value if s == 113 else falling(s))
    found = {f.key: f for f in diagnosis.findings().findings}["nonfinite"]
    assert (found.severity, found.first_step) == ("error", 113)


# ---- memory, thinning, restarts


def test_a_trail_keeps_the_latest_and_the_first():
    trail = Trail(8)
    for step in range(100):
        trail.add(step, np.array([step, -step]))
        assert 8 <= len(trail.steps) <= 16 or step < 8
        assert trail.steps[-1] == step
    assert trail.steps.tolist() == list(range(100 - len(trail.steps), 100))
    assert trail.values[:, 1].tolist() == (-trail.steps).tolist()
    assert (trail.count, trail.first.tolist()) == (100, [0, 0])


def test_a_trail_of_other_shapes_begins_anew():
    trail = Trail(8)
    trail.add(0, np.zeros(3))
    trail.add(1, np.ones(2))
    assert trail.steps.tolist() == [1]
    assert (trail.count, trail.first.tolist()) == (1, [1, 1])


@pytest.mark.parametrize(
    ("steps", "least", "found"),
    [
        (20, 1, [40, 50]),
        (10, 1, [50]),
        (1, 3, [30, 40, 50]),
        (1000, 1, [0, 10, 20, 30, 40, 50]),
        (1, 99, [0, 10, 20, 30, 40, 50]),
    ],
)
def test_the_latest_steps_of_a_trail(steps, least, found):
    trail = Trail()
    assert trail.steps[trail.last(steps, least)].tolist() == []
    for step in range(0, 51, 10):
        trail.add(step, np.zeros(1))
    assert trail.steps[trail.last(steps, least)].tolist() == found


def test_statistics_that_come_too_fast_are_passed_over():
    evidence = Evidence()
    evidence.add(0, TABLE)
    taken = []
    for step in [*range(600), *range(10_000, 10_100)]:
        wanted = evidence.wants("stats/weight", step)
        before = evidence.stats["weight"].count if "weight" in evidence.stats else 0
        evidence.add(step, _stats(step))
        assert (evidence.stats["weight"].count > before) == wanted
        taken += [step] if wanted else []
    assert taken[:600] == list(range(600))
    assert taken[600:] == [10_000, 10_020, 10_040, 10_060, 10_080]


def _stats(step, table="t"):
    values = np.full((len(TABLE.parameters), len(r.WEIGHT_COLUMNS)), step, np.float32)
    return r.LayerStats("weight", r.TRAINING_BATCH, 32, table, r.WEIGHT_COLUMNS, values)


def test_evidence_does_not_grow_with_the_steps():
    evidence = Evidence()
    evidence.add(0, TABLE)

    def go_on(start, stop):
        for step in range(start, stop, 20):
            evidence.add(step, _stats(step))
            evidence.add(step, r.UnitCounts(r.PROBE, 16, "t", np.ones(89, np.uint32)))
            evidence.add(step, r.Scalars({"learning_rate": 0.1}))
            evidence.add(step, r.LossTrace(step, np.ones(20, np.float32)))

    go_on(0, 20_000)
    tracemalloc.start()
    go_on(20_000, 60_000)
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown < 100_000
    assert len(evidence.stats["weight"].steps) <= 2 * KEEP
    assert len(evidence.losses) == KEEP_LOSSES
    assert evidence.first_loss_step == 60_000 - KEEP_LOSSES
    assert evidence.num_losses == 60_000
    assert len(evidence.first_losses) == FIRST_LOSSES


def losses(*traces):
    evidence = Evidence()
    for first, values in traces:
        evidence.add(first, r.LossTrace(first, np.array(values, np.float32)))
    return evidence


def test_losses_of_several_traces_are_one_row():
    evidence = losses((0, [5, 4]), (2, [3]), (3, [2, 1]))
    assert evidence.losses.tolist() == [5, 4, 3, 2, 1]
    assert (evidence.first_loss_step, evidence.num_losses, evidence.lowest_loss) == (0, 5, 1)
    assert evidence.first_loss() == 4


def test_losses_may_begin_later():
    evidence = losses((7, [5, 4]))
    assert (evidence.first_loss_step, evidence.num_losses) == (7, 9)


@pytest.mark.parametrize("gap", [1, 3, 40, KEEP_LOSSES - 3, KEEP_LOSSES, 100_000])
def test_losses_after_steps_without_one_keep_their_steps(gap):
    evidence = losses((0, [5, 4]), (2 + gap, [3, np.nan]))
    assert evidence.num_losses == 2 + gap + 2
    assert evidence.losses[-3:].tolist()[:2] == [4, 3]
    (bad,) = np.flatnonzero(np.isnan(evidence.losses))
    assert evidence.first_loss_step + bad == 2 + gap + 1
    assert len(evidence.losses) == min(4 + gap, KEEP_LOSSES)


def test_a_restart_replaces_the_losses_from_its_step_on():
    evidence = losses((0, [5, 4, 3, 2, 1]), (3, [9, 8]))
    assert evidence.losses.tolist() == [5, 4, 3, 9, 8]
    evidence.add(0, r.LossTrace(0, np.array([7, 6], np.float32)))
    assert evidence.losses.tolist() == [7, 6]
    assert evidence.first_loss_step == 0


def test_what_belongs_to_another_table_is_passed_over():
    evidence = build(steps=20)
    count = evidence.stats["weight"].count
    evidence.add(21, _stats(21, table="of another model"))
    assert evidence.stats["weight"].count == count


def test_another_table_brings_its_own_rows():
    evidence = build(steps=20)
    assert evidence.layer_rows["fc2"] == 4
    assert evidence.matrices.tolist() == [0, 2, 4, 6]
    layers = (r.Layer("a", "Linear", (4,), 4), r.Layer("b", "Linear", (2,), 2))
    evidence.add(21, r.LayerTable("new", layers, (r.Parameter("a.weight", "a", (4, 3)),)))
    assert evidence.layer_rows == {"a": 0, "b": 1}
    assert evidence.matrices.tolist() == [0]


SMALL = r.LayerTable("small", TABLE.layers[:2], TABLE.parameters[:2])


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@pytest.mark.parametrize(
    ("first", "then"),
    [pytest.param(TABLE, SMALL, id="smaller"), pytest.param(SMALL, TABLE, id="larger")],
)
def test_a_restart_with_another_model_switches_no_rule_off(first, then, caplog):
    diagnosis = trained(steps=100, table=first)
    diagnosis.add(100, then)
    diagnosis.add(100, r.LossTrace(100, np.ones(1, np.float32)))
    diagnosis.look(100)  # before there are statistics of it
    for step, found in records(table=then, steps=160):
        for record in found:
            if step > 100 and not isinstance(record, r.LossTrace):
                diagnosis.add(step, record)
    diagnosis.look(160)
    assert caplog.text == ""
    assert diagnosis.evidence.stats["weight"].values.shape[1] == len(then.parameters)


def test_embeddings_and_vectors_are_no_matrices():
    layers = (r.Layer("emb", "Embedding", (8,), 8), r.Layer("fc", "Linear", (4,), 4))
    parameters = (r.Parameter("emb.weight", "emb", (9, 8)), r.Parameter("fc.weight", "fc", (4, 8)),
                  r.Parameter("fc.bias", "fc", (4,)), r.Parameter("empty", "", (0, 4)))  # fmt: skip
    evidence = Evidence()
    evidence.add(0, r.LayerTable("t", layers, parameters))
    assert evidence.matrices.tolist() == [1]
    assert (evidence.layer_of(1), evidence.layer_of(3)) == ("fc", "empty")
    assert (evidence.type_of("emb"), evidence.type_of("nobody")) == ("Embedding", "")


@pytest.mark.parametrize(
    ("loss", "held_out", "setup", "learns"),
    [
        (0.59 * BASE, 0.5 * BASE, {}, True),
        (0.61 * BASE, 0.5 * BASE, {}, False),
        (0.59 * BASE, 0.81 * BASE, {}, False),
        (0.59 * BASE, 0.5 * BASE, {"base_loss": float("nan")}, False),
    ],
)
def test_whether_a_run_learns_is_told_by_its_losses(loss, held_out, setup, learns):
    evidence = build(
        steps=60, loss=lambda step: loss, checkup=lambda step: {"probe_loss": held_out}, setup=setup
    )
    assert evidence.learns() is learns


def test_evidence_without_anything_answers_with_nothing():
    evidence = Evidence()
    assert np.isnan(evidence.mean_loss(10))
    assert np.isnan(evidence.first_loss())
    assert evidence.scalar("learning_rate").tolist() == []
    assert not evidence.has("weight")
    assert evidence.matrices.tolist() == []
    assert evidence.never_fell()
    assert not evidence.learns()
