# SPDX-License-Identifier: Apache-2.0
"""The recorder against faults that a real model cannot be made to have on demand."""

import logging
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from tb_xai_callbacks.backends.contract import Capture, Layout, Pulled, Reduction, TargetLayer
from tb_xai_callbacks.measure.outcome import LossFacts
from tb_xai_callbacks.measure.statistics import BINS
from tb_xai_callbacks.options import Options
from tb_xai_callbacks.probe.samples import choose_probe
from tb_xai_callbacks.recorder import Recorder
from tb_xai_plugin.format import codec, metadata
from tb_xai_plugin.format.records import TRAINING_BATCH, Layer, LayerTable

TABLE = LayerTable(
    "t", (Layer("conv", "Conv2d", (4, 3, 3), 4, spatial=True), Layer("head", "Linear", (2,), 2))
)
LAYOUT = Layout(
    TABLE, (TargetLayer("conv"),), TargetLayer("conv"), attention_layers=("attn",), call_counts={"conv": 1}
)


class FakeExplainer:
    inputs = np.arange(18, dtype=np.float32).reshape(2, 1, 3, 3)
    embedded, has_relu, features_first = False, True, False

    def outputs(self, inputs):
        return np.array([[2.0, 0.0], [0.0, 1.0]], np.float32)

    def pull(self, inputs, cotangent, layers=()):
        maps = {name: np.ones((2, 4, 3, 3), np.float32) for name in layers}
        return Pulled(inputs, maps, maps)


class Fake:
    """An observer whose every part can be made to fail."""

    backend, versions, observes_training = "fake", ("fake 1",), True
    loss_facts = LossFacts("cross_entropy", "mean", "linear", "log_softmax")

    def __init__(self, found=LAYOUT, **errors):
        self._layout, self.errors, self.armed, self.armed_steps = found, errors, False, 0

    def _fail(self, name):
        if name in self.errors:
            raise self.errors[name]

    def layout(self):
        self._fail("layout")
        return self._layout

    def capture(self, request):
        if request.attention:
            self._fail("attention")
        outputs = np.array([[2.0, 0.0], [0.0, 1.0]], np.float32)
        if not request.layers:
            return Capture(outputs, attention={"attn": np.full((2, 1, 3, 3), 1 / 3)})
        self._fail("capture")
        maps = {"conv": np.ones((2, 4, 3, 3), np.float32)}
        attention = {"attn": np.full((2, 1, 3, 3), 1 / 3)} if request.attention else {}
        return Capture(outputs, request.choose(outputs), maps, maps, attention)

    def outputs(self, inputs):
        self._fail("outputs")
        return np.array([[2.0, 0.0], [0.0, 1.0]], np.float32)

    @contextmanager
    def explaining(self, guided=False, randomised=False):
        self._fail("explaining")
        yield FakeExplainer()

    def optimizer_facts(self):
        self._fail("optimizer_facts")
        return "SGD", {"lr": 0.1}

    def numbers(self, values):
        self._fail("numbers")
        return lambda: np.array(values, np.float32)

    def parameters(self):
        return lambda: []

    def arm(self):
        self._fail("arm")
        self.armed = True
        self.armed_steps += 1

    def disarm(self):
        self.armed = False

    def collect(self):
        self.armed = False

        def resolve():
            self._fail("resolve")
            row = np.ones((2, 10), np.float32)
            return [
                Reduction("activation", TRAINING_BATCH, 8, row, np.zeros((2, BINS), np.uint64), np.ones(6))
            ]

        return resolve

    def last_batch(self):
        return None


def record(log_dir, fake, steps=5, probe=True, **options):
    options = Options.create(
        **{"log_every_n_steps": 1, "explain_every_n_steps": 1, "max_overhead": None, **options}
    )
    samples = choose_probe(np.zeros((2, 1, 3, 3), np.float32), np.array([0, 1])) if probe else None
    recorder = Recorder(fake, samples, log_dir=log_dir, host="torch", options=options)
    recorder.start(0)
    for step in range(1, steps + 1):
        recorder.after_step(step, {"loss": 1.0 / step, "learning_rate": 0.1}, 1.0 / step)
    recorder.finish(steps)
    return recorder


def read(log_dir):
    """{tag: [(step, record)]} of everything written."""
    found = {}
    for path in sorted(log_dir.glob("xai/*tfevents*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                data = (
                    metadata.parse_plugin_data(value.metadata.plugin_data.content)
                    if value.HasField("metadata")
                    else None
                )
                kind = data.kind if data else found[value.tag][0][2]
                found.setdefault(value.tag, []).append(
                    (event.step, codec.decode(kind, value.tensor.string_val[0]), kind)
                )
    return {tag: [(step, rec) for step, rec, _ in rows] for tag, rows in found.items()}


def steps_of(rows):
    return [step for step, _ in rows]


def test_a_healthy_run_logs_every_signal_from_the_first_to_the_last(tmp_path):
    record(tmp_path, Fake())
    got = read(tmp_path)
    assert steps_of(got["attribution/grad_cam/conv"]) == [0, 1, 2, 3, 4, 5]
    assert steps_of(got["attention/attn"]) == [0, 1, 2, 3, 4, 5]
    assert steps_of(got["stats/activation"]) == [0, 1, 2, 3, 4]
    assert steps_of(got["scalars"]) == [0, 1, 2, 3, 4]
    assert got["probe"][0][1].labels.tolist() == [0, 1]
    assert got["layers"][0][1] == TABLE
    status = got["status"][-1][1]
    assert (status.state, status.step) == ("finished", 5)
    assert {s.name: s.state for s in status.signals}["explanations"] == "captured"


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
        record(tmp_path, Fake(), target_layers=["head"])


def test_no_spatial_layer_switches_explanations_off_with_the_reason(tmp_path):
    layout = replace(LAYOUT, candidates=(), auto=None, no_target_reason="no output has rows and columns")
    record(tmp_path, Fake(layout))
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
    recorder.snapshot_all(6)


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
    assert recorder.guard.is_off("training statistics")
    recorder._arm_if_due(2)
    assert not recorder.due_next()


def test_a_diagnosis_that_fails_takes_no_record_down(tmp_path, monkeypatch):
    monkeypatch.setattr("tb_xai_plugin.rules.evidence.Evidence.add", lambda *_: 1 / 0)
    recorder = record(tmp_path, Fake())
    assert recorder.guard.is_off("diagnosis")
    assert not recorder.guard.is_off("training statistics")
    assert len(read(tmp_path)["stats/activation"]) == 5
