# SPDX-License-Identifier: Apache-2.0
"""The recorder against faults that a real model cannot be made to have on demand."""

import logging
from dataclasses import replace

import pytest
from fake_observer import LAYOUT, TABLE, Fake, read, record, states

from tb_xai_callbacks.options import Options


def steps_of(rows):
    return [step for step, _ in rows]


def test_a_healthy_run_logs_every_signal_from_the_first_to_the_last(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        recorder = record(tmp_path, Fake(), rules=())
    assert recorder._writer.error is None
    assert not caplog.records
    got = read(tmp_path)
    assert steps_of(got["attribution/grad_cam/conv"]) == [0, 1, 2, 3, 4, 5]
    assert steps_of(got["attention/attn"]) == [0, 1, 2, 3, 4, 5]
    assert steps_of(got["stats/activation"]) == [0, 1, 2, 3, 4]
    assert steps_of(got["scalars"]) == [0, 1, 2, 3, 4]
    assert got["probe"][0][1].labels.tolist() == [0, 1]
    assert got["layers"][0][1] == TABLE
    status = got["status"][-1][1]
    assert (status.state, status.step) == ("finished", 5)
    assert {s.name: s.state for s in status.signals} == dict.fromkeys(
        ("activations", "gradients", "weights", "explanations", "attention"), "captured"
    )
    assert status.notices == ()
    assert len(got["units"]) == len(got["stats/activation"])


def test_a_failing_explanation_leaves_everything_else_on(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        record(tmp_path, Fake(capture=RuntimeError("no gradient\nmore")))
    got = read(tmp_path)
    assert "attribution/grad_cam/conv" not in got
    assert len(got["attention/attn"]) == 6
    assert len(got["stats/activation"]) == 5
    off = {s.name: s for s in got["status"][-1][1].signals}["explanations"]
    assert (off.state, off.reason) == ("off", "RuntimeError: no gradient")
    assert sum("no gradient" in r.message for r in caplog.records if r.levelno >= logging.WARNING) <= 2


def test_failing_attention_leaves_explanations_on(tmp_path):
    record(tmp_path, Fake(attention=RuntimeError("hidden")))
    got = read(tmp_path)
    assert "attention/attn" not in got
    assert steps_of(got["attribution/grad_cam/conv"]) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("part", ["arm", "resolve", "layout"])
def test_other_failures_never_reach_training(tmp_path, part):
    record(tmp_path, Fake(**{part: RuntimeError("broken")}))
    got = read(tmp_path)
    assert "stats/activation" not in got
    assert got["status"][-1][1].state == "finished"
    assert any("broken" in notice.message for notice in got["status"][-1][1].notices)


@pytest.mark.parametrize("part", ["arm", "resolve", "layout", "capture"])
def test_strict_mode_raises(tmp_path, part):
    with pytest.raises(RuntimeError, match="broken"):
        record(tmp_path, Fake(**{part: RuntimeError("broken")}), strict=True)


def test_interrupts_are_not_ours_to_catch(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        record(tmp_path, Fake(arm=KeyboardInterrupt()))


def test_a_log_dir_that_cannot_be_written_gets_one_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        record(tmp_path / "file", Fake(), steps=20)
    assert len([r for r in caplog.records if "event file" in r.message and r.levelno >= logging.WARNING]) >= 1
    assert len(caplog.records) <= 2


def test_a_wrong_layer_name_lists_the_nearest(tmp_path):
    with pytest.raises(ValueError, match=r"no layer 'conf'; nearest: 'conv'"):
        record(tmp_path, Fake(), target_layers="conf")
    with pytest.raises(ValueError, match=r"layer 'head' has outputs of shape \(2,\)"):
        record(tmp_path, Fake(), target_layers=["head"], methods=("grad_cam",))


def test_no_spatial_layer_switches_explanations_off_with_the_reason(tmp_path):
    layout = replace(LAYOUT, candidates=(), auto=None, no_target_reason="no output has rows and columns")
    record(tmp_path, Fake(layout), methods=("grad_cam",))
    got = read(tmp_path)
    off = {s.name: s for s in got["status"][-1][1].signals}["explanations"]
    assert (off.state, off.reason) == ("off", "no output has rows and columns")
    assert len(got["stats/activation"]) == 5


def test_without_a_probe_the_training_statistics_go_on(tmp_path):
    record(tmp_path, Fake(replace(LAYOUT, auto=None)), probe=False)
    got = read(tmp_path)
    assert len(got["stats/activation"]) == 5
    assert "probe" not in got


def test_signals_that_were_not_asked_for_are_not_written(tmp_path):
    record(tmp_path, Fake(), signals=("attention",))
    got = read(tmp_path)
    assert "attention/attn" in got
    assert not [tag for tag in got if tag.startswith(("stats", "attribution", "histograms", "units"))]


def test_a_target_class_out_of_range_is_a_sentence(tmp_path):
    record(tmp_path, Fake(), targets=7)
    status = read(tmp_path)["status"][-1][1]
    assert any("2 classes, 0 to 1" in notice.message for notice in status.notices)


def test_finish_twice_and_after_the_end(tmp_path):
    recorder = record(tmp_path, Fake())
    recorder.finish(5)
    recorder.after_step(6)
    recorder.snapshot(6, anew=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target_layer": "x"}, r"unknown option 'target_layer'; nearest: 'target_layers'"),
        ({"signals": ("activation",)}, "known: activations, gradients"),
        ({"methods": ("gradcam",)}, "known: grad_cam"),
        ({"methods": "grad_cam"}, "tuple of names"),
        ({"num_samples": 0}, "at least 1"),
        ({"max_overhead": 5}, r"share in \(0, 1\]"),
        ({"targets": "labels"}, '"predicted", "label"'),
    ],
)
def test_options_are_checked_at_the_door(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Options.create(**options)


def test_statistics_that_failed_are_not_tried_again(tmp_path):
    fake = Fake(arm=RuntimeError("broken"))
    record(tmp_path, fake, steps=20)
    assert fake.armed_steps == 0
    fake = Fake(resolve=RuntimeError("broken"))
    recorder = record(tmp_path, fake, steps=1)
    status = recorder.run.status
    assert all(status.is_off(name) for name in ("activations", "gradients", "weights"))
    recorder._steps.arm_if_due(2)
    assert not recorder.due_next()


def test_a_diagnosis_that_fails_takes_no_record_down(tmp_path, monkeypatch):
    monkeypatch.setattr("tb_xai_plugin.rules.evidence.Evidence.add", lambda *_: 1 / 0)
    status = record(tmp_path, Fake()).run.status
    assert status.is_off("diagnosis")
    assert not status.is_off("activations")
    assert len(read(tmp_path)["stats/activation"]) == 5


# ---- one probe pass for all, and only what fails goes off

ALL = ("activations", "gradients", "weights", "explanations", "attention")


def on(got, *but):
    """Whether all signals but these are captured, these being off."""
    found = {name: state for name, (state, _) in states(got).items()}
    return all((found[name] == "captured") != (name in but) for name in ALL)


def watched_on_the_probe(tmp_path, **more):
    """A fake as Keras is: layers are seen on the probe only."""
    return record(tmp_path, Fake(observes_training=False, **more.pop("errors", {})), **more)


def test_a_healthy_run_on_the_probe_says_nothing(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        recorder = watched_on_the_probe(tmp_path, rules=())
    got = read(tmp_path)
    assert on(got)
    assert not caplog.records
    assert recorder._writer.error is None
    assert got["stats/activation"][0][1].source == "probe"


def failing_statistics(tmp_path, caplog, **options):
    errors = {"statistics": RuntimeError("statistics cannot be")}
    with caplog.at_level(logging.WARNING):
        watched_on_the_probe(tmp_path, errors=errors, **options)
    return read(tmp_path), [r.message for r in caplog.records if "statistics cannot be" in r.message]


def test_failing_statistics_leave_explanations_on(tmp_path, caplog):
    signals = ("activations", "explanations")
    got, told = failing_statistics(tmp_path, caplog, signals=signals)
    assert states(got)["activations"] == ("off", "RuntimeError: statistics cannot be")
    assert states(got)["explanations"][0] == "captured"
    assert steps_of(got["attribution/grad_cam/conv"]) == [0, 1, 2, 3, 4, 5]
    assert len(told) == 1


def test_failing_statistics_leave_explanations_and_attention_on(tmp_path, caplog):
    got, told = failing_statistics(tmp_path, caplog)
    assert states(got)["activations"] == ("off", "RuntimeError: statistics cannot be")
    assert on(got, "activations", "gradients")
    assert steps_of(got["attention/attn"]) == [0, 1, 2, 3, 4, 5]
    assert any("statistics cannot be" in notice.message for notice in got["status"][-1][1].notices)
    assert len([message for message in told if message.startswith("activations")]) == 1


def test_statistics_alone_fail_once_without_another_pass(tmp_path, caplog):
    fake = Fake(observes_training=False, statistics=RuntimeError("statistics cannot be"))
    with caplog.at_level(logging.WARNING):
        record(tmp_path, fake, signals=("activations",))
    assert states(read(tmp_path))["activations"] == ("off", "RuntimeError: statistics cannot be")
    assert len(fake.requests) == 1
    assert not any(request.layers or request.attention for request in fake.requests)


def test_failing_attention_leaves_statistics_and_explanations_on(tmp_path):
    watched_on_the_probe(tmp_path, errors={"attention": RuntimeError("hidden")})
    got = read(tmp_path)
    assert on(got, "attention")
    assert steps_of(got["stats/activation"]) == [0, 1, 2, 3, 4, 5]


def test_a_rollout_that_cannot_be_leaves_maps_of_layers_on(tmp_path):
    errors = {"attention": RuntimeError("hidden")}
    watched_on_the_probe(tmp_path, errors=errors, methods=("grad_cam", "attention_rollout"))
    got = read(tmp_path)
    assert on(got, "attention")
    assert states(got)["explanations/attention_rollout"][0] == "off"
    assert steps_of(got["attribution/grad_cam/conv"]) == [0, 1, 2, 3, 4, 5]


def test_one_pass_serves_all_that_is_due(tmp_path):
    fake = Fake(observes_training=False)
    record(tmp_path, fake, steps=1)
    first = fake.requests[0]
    assert first.layers == ("conv",)
    assert first.attention
    assert first.statistics == {"activation", "gradient", "weight_gradient"}


def test_one_reduction_that_fails_takes_no_other_down(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        record(tmp_path, Fake(**{"resolve gradient": RuntimeError("no gradient")}))
    got = read(tmp_path)
    assert on(got, "gradients")
    assert states(got)["gradients"] == ("off", "RuntimeError: no gradient")
    assert sum("no gradient" in r.message for r in caplog.records) == 1
    assert len(got["stats/activation"]) == len(got["stats/weight"]) - 1 == 5
