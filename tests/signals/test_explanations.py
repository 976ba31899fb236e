# SPDX-License-Identifier: Apache-2.0
"""Explanations and trust as signals of a run that is put together by hand around a torch model."""

import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch_models import ClosedForm, NormDrop, data, seed_all

from tb_xai_callbacks.attribution import Method
from tb_xai_callbacks.backends.torch.observer import TorchObserver
from tb_xai_callbacks.probe.samples import choose_probe
from tb_xai_callbacks.run.budget import Budget
from tb_xai_callbacks.run.guard import Guard
from tb_xai_callbacks.run.run import Run
from tb_xai_callbacks.run.status import Status
from tb_xai_callbacks.settings import Settings
from tb_xai_callbacks.signals.explanations import Explanations
from tb_xai_callbacks.signals.trust import Trust
from tb_xai_plugin.format.records import Attribution, RunStatus


def size_of_input(question, layer):
    """A user's own method."""
    return np.abs(question.inputs).sum(axis=question.axes.features)


def positive_channels(question, layer):
    """A user's own method, of the shared pass."""
    return question.activation(layer).clip(min=0).sum(axis=1)


def fails(question, layer):
    raise RuntimeError("this cannot be\nand more")


OWN = Method("input_size", "Input size", "How large each value is.", size_of_input)
OF_LAYER = Method(
    "positive", "Positive channels", "What is active.", positive_channels, explains="layer", passes=0
)
FAILS = Method("failing", "Failing", "Nothing.", fails)
FAILS_LATE = Method("failing_late", "Failing late", "Nothing.", fails, explains="layer", passes=0)


def begin(model, x, y=None, peers=None, **settings):
    """A run with explanations and trust, whose records are kept in `written` as (step, signal, record)."""
    settings = Settings(**{"max_overhead": None, "targets": "label", **settings})
    probe = None if x is None else choose_probe(x.numpy(), None if y is None else y.numpy())
    observer = TorchObserver(model, np.zeros((1, 1, 6, 6), np.float32) if x is None else probe.inputs)
    status = Status(("explanations",), ("explanations",) if settings.wants("explanations") else ())
    written, guard = [], Guard(status, settings.strict)

    def put(step, name, make):
        with guard(name):
            written.extend((step, name, record) for record in make())

    run = Run(observer, probe, observer.layout(), settings, status, Budget(settings, status), guard, put)
    explanations, trust = Explanations(), Trust()
    for signal in (explanations, trust):
        signal.begin(run, {"explanations": explanations, "trust": trust})
    return SimpleNamespace(run=run, explanations=explanations, trust=trust, written=written, status=status)


def snapshot(it, step, last=False):
    """What the recorder does at a due step."""
    request = it.explanations.request()
    capture = None if request is None else it.run.model.capture(request)
    with it.run.guard("explanations"):
        made = it.explanations.observe(step, capture)
        it.run.put(step, "explanations", lambda: made)
    if not it.status.is_off("trust"):
        with it.run.guard("trust"):
            it.trust.after_snapshot(step, last)


def signals(it):
    return {signal.name: signal for signal in it.status.contents()[0]}


def notices(it):
    return [notice.message for notice in it.status.contents()[1]]


def maps(it):
    return [(r.method, r.layer) for _, _, r in it.written if isinstance(r, Attribution)]


def judged(it, step):
    return [r.method for at, name, r in it.written if name == "trust" and at == step]


@pytest.fixture
def pictures():
    seed_all()
    return NormDrop().eval(), *data()


class Attending(nn.Module):
    """One layer of attention over five tokens, and a mean."""

    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.layer(x).mean(1))


# ---- what is asked for


def test_records_come_layer_by_layer_and_then_in_the_order_asked(pictures):
    methods = ("occlusion", "layer_cam", "guided_backprop", "saliency", "grad_cam")
    it = begin(*pictures, methods=methods, target_layers=("conv", "conv2"))
    snapshot(it, 0)
    assert maps(it) == [
        ("layer_cam", "conv"), ("grad_cam", "conv"), ("layer_cam", "conv2"), ("grad_cam", "conv2"),
        ("occlusion", "input"), ("saliency", "input"), ("guided_backprop", "input"),
    ]  # fmt: skip
    assert it.explanations.methods == ("layer_cam", "grad_cam", "occlusion", "guided_backprop", "saliency")


def test_maps_of_the_shared_pass_are_made_when_they_are_written(pictures, monkeypatch):
    it = begin(*pictures, methods=("grad_cam",))
    capture = it.run.model.capture(it.explanations.request())
    made = it.explanations.observe(0, capture)
    seen = []
    monkeypatch.setattr(Method, "make", lambda self, *_: seen.append(self.name) or np.zeros((12, 2, 2)))
    assert not seen
    assert len(list(made)) == 1
    assert seen == ["grad_cam"]


def test_layers_and_attention_are_asked_for_only_where_a_method_needs_them(pictures):
    assert begin(*pictures, methods=("grad_cam",)).explanations.request().layers == ("conv2",)
    assert begin(*pictures, methods=("saliency", "score_cam")).explanations.request().layers == ()
    seed_all()
    model, x = Attending().eval(), torch.randn(6, 5, 8)
    for signals_wanted in (("explanations",), ("explanations", "attention")):
        it = begin(model, x, methods=("attention_rollout",), targets=1, signals=signals_wanted)
        assert it.explanations.request().attention
    snapshot(it, 0)
    assert maps(it) == [("attention_rollout", "attention")]
    assert not begin(model, x, methods=("gradient_rollout",), targets=1).explanations.request().attention


def test_a_function_of_the_users_is_explained(pictures):
    model, x, y = pictures
    it = begin(model, x, y, targets=lambda outputs: outputs[:, 0] * 2, methods=("grad_cam", "saliency"))
    snapshot(it, 0)
    (_, _, cam), (_, _, _) = it.written
    with torch.no_grad():
        expected = model(torch.from_numpy(it.run.probe.inputs))[:, 0] * 2
    np.testing.assert_allclose(cam.scores, expected, rtol=1e-5)
    assert (cam.targets == -1).all()


# ---- the user's own methods


def test_methods_of_the_users_own_are_recorded_described_and_judged(pictures):
    it = begin(*pictures, methods=("grad_cam", OWN, OF_LAYER))
    snapshot(it, 10)
    assert maps(it) == [("grad_cam", "conv2"), ("positive", "conv2"), ("input_size", "input")]
    heat = next(r.heat for _, _, r in it.written if r.method == "input_size")
    np.testing.assert_allclose(heat, np.abs(it.run.probe.inputs[:, 0]), rtol=1e-6)
    described = it.explanations.describe().methods
    assert [one.title for one in described] == ["Grad-CAM", "Input size", "Positive channels"]
    assert judged(it, 10) == ["grad_cam", "positive", "input_size"]
    (own,) = (r for _, name, r in it.written if name == "trust" and r.method == "input_size")
    assert np.nanmin(own.measures["randomisation"]) > 0.99, "it knows nothing of the weights"
    status = it.explanations.complete(RunStatus("running", "torch", "torch", 10))
    assert status.methods == ("grad_cam", "positive", "input_size")
    assert status.target_layers == ("conv2",)


def test_two_methods_of_one_name_are_refused(pictures):
    with pytest.raises(ValueError, match="two that are named 'input_size'"):
        begin(*pictures, methods=(OWN, replace(OWN, title="Another")))


@pytest.mark.parametrize("method", [FAILS, FAILS_LATE], ids=lambda method: method.name)
def test_a_method_that_fails_is_off_alone(pictures, method, caplog):
    it = begin(*pictures, methods=("grad_cam", method, "saliency"))
    with caplog.at_level(logging.WARNING):
        for step in range(3):
            snapshot(it, step)
    assert maps(it) == [("grad_cam", "conv2"), ("saliency", "input")] * 3
    off = signals(it)[f"explanations/{method.name}"]
    assert (off.state, off.reason) == ("off", "RuntimeError: this cannot be")
    assert not it.status.is_off("explanations")
    assert it.explanations.methods == ("grad_cam", "saliency")
    assert len([record for record in caplog.records if method.name in record.message]) == 1
    assert [one.name for one in it.explanations.describe().methods] == ["grad_cam", method.name, "saliency"]


@pytest.mark.parametrize("method", [FAILS, FAILS_LATE], ids=lambda method: method.name)
def test_strict_mode_raises_what_is_no_sentence_of_ours(pictures, method):
    with pytest.raises(RuntimeError, match="this cannot be"):
        snapshot(begin(*pictures, methods=(method,), strict=True), 0)
    it = begin(*pictures, methods=("attention_rollout", "saliency"), strict=True)
    snapshot(it, 0)
    assert it.explanations.methods == ("saliency",)


def test_with_the_last_method_the_signal_is_off(pictures):
    it = begin(*pictures, methods=(FAILS, FAILS_LATE))
    snapshot(it, 0)
    assert it.status.is_off("explanations")
    assert it.explanations.request() is None
    assert it.explanations.observe(1, None) == ()


def test_absent_that_fails_is_one_method_less(pictures):
    class Odd(Method):
        def absent(self, layout, probe):
            raise KeyError("odd")

    it = begin(*pictures, methods=("saliency", Odd("odd", "Odd", "Nothing.", size_of_input)))
    assert it.explanations.methods == ("saliency",)
    assert signals(it)["explanations/odd"].reason == "KeyError: 'odd'"


# ---- what there is not


def test_a_wrong_layer_is_the_users_to_know(pictures):
    with pytest.raises(ValueError, match=r"no layer 'conf2'; nearest: 'conv2'"):
        begin(*pictures, target_layers="conf2")
    begin(*pictures, target_layers="conf2", signals=("activations",))


def test_no_layer_to_explain_is_the_reason_only_where_nothing_else_was_asked_for():
    seed_all()
    x, y = torch.rand(8, 5), torch.arange(8) % 2
    it = begin(nn.Linear(5, 2), x, y, methods=("grad_cam", "layer_conductance"))
    absence = it.explanations.absent(it.run.layout, it.run.probe)
    assert "rows and columns" in absence.reason or "spatial" in absence.reason
    assert "target_layers" in absence.remedy
    assert [message for message in notices(it) if message.startswith("off: ")]
    assert it.explanations.request() is None
    it = begin(nn.Linear(5, 2), x, y, methods=("grad_cam", "saliency"))
    assert it.explanations.absent(it.run.layout, it.run.probe) is None
    assert it.explanations.methods == ("saliency",)
    assert [message for message in notices(it) if message.startswith("no maps of layers: ")]


def test_nothing_is_explained_without_a_probe_or_a_method(pictures):
    it = begin(ClosedForm(), None)
    assert it.explanations.absent(it.run.layout, None).reason == "there is no probe"
    assert it.explanations.request() is None
    it = begin(*pictures, methods=())
    assert it.explanations.absent(it.run.layout, it.run.probe).reason == "methods= asks for none"
    it = begin(*pictures, methods=("attention_rollout",))
    assert "can be had" in it.explanations.absent(it.run.layout, it.run.probe).reason
    assert "attention" in signals(it)["explanations/attention_rollout"].reason


def test_labels_that_are_not_there_are_told(pictures):
    model, x, y = pictures
    assert not notices(begin(model, x, y))
    assert [message for message in notices(begin(model, x)) if "the probe has no labels" in message]


def test_explanations_that_were_not_asked_for_do_nothing(pictures):
    it = begin(*pictures, signals=("activations",))
    assert it.explanations.request() is None
    assert it.explanations.describe().methods == ()
    it.trust.after_snapshot(10, last=True)
    assert not it.written


# ---- trust


def test_trust_is_measured_ever_more_rarely_and_at_the_end(pictures):
    it = begin(*pictures, methods=("grad_cam",))
    for step in (0, 5, 10, 20, 39, 40, 100):
        snapshot(it, step)
    it.trust.after_snapshot(100, last=True)
    it.trust.after_snapshot(100, last=True)
    assert [step for step, name, _ in it.written if name == "trust"] == [10, 40, 100]
    costs = {cost.name: cost for cost in it.status.contents()[2]}
    assert costs["trust"].runs == 3


def test_maps_of_an_earlier_step_are_not_judged(pictures):
    it = begin(*pictures, methods=("grad_cam",))
    snapshot(it, 0)
    it.trust.after_snapshot(20, last=True)
    assert not judged(it, 20)


def test_guided_maps_are_judged_by_guided_passes_and_rollouts_not_at_all(pictures):
    it = begin(*pictures, methods=("guided_backprop", "saliency", "score_cam"))
    snapshot(it, 10)
    assert judged(it, 10) == ["saliency", "guided_backprop"]
    assert Trust.optional is False
    assert not it.trust.due(10)


def test_what_claims_to_add_up_is_held_to_it():
    seed_all()
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3)).eval()
    it = begin(model, *data(6), methods=("integrated_gradients", "deep_lift", "saliency"))
    snapshot(it, 10)
    found = {r.method: r for _, name, r in it.written if name == "trust"}
    for method in ("integrated_gradients", "deep_lift"):
        assert np.nanmedian(found[method].measures["gap"]) < 0.1
    assert found["saliency"].missing["gap"] == "the method does not claim to be complete"


def test_trust_that_fails_is_told_once_and_not_tried_again(pictures, monkeypatch, caplog):
    it = begin(*pictures, methods=("grad_cam",))
    tries = []

    def broken(*args, **kwargs):
        tries.append(args)
        raise RuntimeError("no second pass")

    monkeypatch.setattr(it.run.model, "explaining", broken)
    with caplog.at_level(logging.WARNING):
        for step in (10, 40, 160):
            snapshot(it, step, last=step == 160)
    assert len(tries) == 1
    assert maps(it) == [("grad_cam", "conv2")] * 3
    assert signals(it)["trust"].reason == "RuntimeError: no second pass"
    assert len([record for record in caplog.records if "no second pass" in record.message]) == 1
    assert len([message for message in notices(it) if "no second pass" in message]) == 1


def test_strict_mode_raises_what_trust_fails_of(pictures, monkeypatch):
    it = begin(*pictures, methods=("grad_cam",), strict=True)
    monkeypatch.setattr(it.run.model, "explaining", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        snapshot(it, 10)


def test_trust_is_put_off_where_the_budget_does_not_allow_it(pictures):
    it = begin(*pictures, methods=("grad_cam",), max_overhead=1e-6)
    it.run.budget.note_pass(0.1, 1)
    snapshot(it, 10)
    assert not judged(it, 10)
    costs = {cost.name: cost for cost in it.status.contents()[2]}
    assert (costs["trust"].runs, costs["trust"].skipped) == (0, 1)
