# SPDX-License-Identifier: Apache-2.0
"""The diagnosis from the user's side: `watch` on real trainings that are healthy, broken or incomplete."""

import logging
import math
import threading

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from torch import nn
from torch.nn import functional

from tb_xai_callbacks.torch import watch
from tb_xai_plugin import open_log
from tb_xai_plugin.format import codec, kinds, metadata
from tb_xai_plugin.rules import RULES, Rule, Symptom

STRICT = {
    "max_overhead": None, "strict": True, "signals": ("activations", "gradients", "weights", "attention"),
}  # fmt: skip
CLASSES = 3


def data(n=96, seed=0):
    """Points in six dimensions whose class is the largest of three sums of two."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 6, generator=generator)
    return x, (x[:, :3] + x[:, 3:]).argmax(1)


def network(head=()):
    return nn.Sequential(
        nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, CLASSES), *head
    )


def train(
    log_dir, model=None, *, steps=60, rate=0.1, loss=functional.cross_entropy, probe="data", given=True,
    optimizer=True, update=lambda optimizer: optimizer.step(), **options,
):  # fmt: skip
    """Train and watch; (run, losses). `given` says whether the loss is handed over, or at which steps."""
    torch.manual_seed(0)
    model = network() if model is None else model()
    made = torch.optim.SGD(model.parameters(), lr=rate)
    x, y = data()
    losses = []
    with watch(
        model, made if optimizer else None, log_dir=log_dir, probe=data(80, 1) if probe == "data" else probe,
        **{**STRICT, **options},
    ) as explain:  # fmt: skip
        for step in range(steps):
            rows = torch.arange(16) + 16 * (step % 6)
            found = loss(model(x[rows]), y[rows])
            made.zero_grad()
            if found.requires_grad:
                found.backward()
            update(made)
            losses.append(float(found.detach()))
            told = given(step) if callable(given) else given
            explain.step(loss=found) if told else explain.step()
    return open_log(log_dir)["."], losses


def records_of(log_dir, tag):
    """[(step, record)] of one tag as they were written."""
    found, kind = [], None
    for path in sorted(log_dir.glob("xai/*tfevents*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.tag == tag:
                    if value.HasField("metadata"):
                        kind = metadata.parse_plugin_data(value.metadata.plugin_data.content).kind
                    found.append((event.step, codec.decode(kind, value.tensor.string_val[0])))
    return found


def states(run):
    return {state.rule: (state.state, state.reason) for state in run.rules}


def keys(findings):
    return [finding.key for finding in findings]


# ---- what is found


class Dead(nn.Module):
    """A ReLU that no sample reaches."""

    def __init__(self):
        super().__init__()
        self.body, self.act, self.head = nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, CLASSES)
        nn.init.constant_(self.body.bias, -100.0)

    def forward(self, x):
        return self.head(self.act(self.body(x)))


def single():
    return nn.Sequential(nn.Linear(6, 1))


def broadcast(outputs, targets):
    return ((outputs[:, :1] - targets.float()) ** 2).mean()


#: name: (what breaks it, keys of which all are found, first step of the first)
FAULTS = {
    "softmax twice": ({"model": lambda: network([nn.Softmax(1)])}, ["head_loss_mismatch@5"], 0),
    "a single output broadcast": ({"model": single, "loss": broadcast}, ["broadcast_loss"], 0),
    "no step is taken": ({"update": lambda optimizer: None}, ["no_training"], None),
    "learning rate of zero": ({"rate": 0.0}, ["no_training"], None),
    "learning rate of a thousand": ({"rate": 1000.0}, ["update_ratio_high@2"], None),
    "dead from the start": ({"model": Dead}, ["dead_layer@act"], 0),
    "uphill": ({"update": lambda o: _uphill(o), "rate": 0.04}, ["uphill_updates"], None),
}  # fmt: skip


def _uphill(optimizer):
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad.neg_()
    optimizer.step()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_while_training_and_again_in_the_log(fault, tmp_path):
    options, wanted, first = FAULTS[fault]
    run, _ = train(tmp_path, **options)
    assert set(wanted) <= set(keys(run.findings))
    found = {finding.key: finding for finding in run.findings}[wanted[0]]
    assert found.severity == "error"
    if first is not None:
        assert found.first_step == first
    again = run.diagnose()
    assert run.findings == again.findings
    assert run.rules == again.rules


def test_a_healthy_training_has_no_finding(tmp_path, caplog):
    run, losses = train(tmp_path, steps=150)
    assert np.mean(losses[-10:]) < 0.5 * losses[0]
    assert run.findings == run.diagnose().findings == ()
    assert {state for state, _ in states(run).values()} <= {"watching", "waiting", "off"}
    assert states(run)["nonfinite"] == ("watching", "")
    assert caplog.text == ""


def test_what_is_trained_on_what_is_in_the_log(tmp_path):
    train(tmp_path, steps=5)
    setup = records_of(tmp_path, kinds.SETUP.tag())[-1][1]
    x, y = data(80, 1)
    counts = torch.bincount(y)
    share = counts / counts.sum()
    assert (setup.task, setup.loss, setup.link, setup.head) == (
        "classification",
        "cross_entropy",
        "log_softmax",
        "linear",
    )
    assert (setup.output_shape, setup.class_counts) == ((CLASSES,), tuple(counts.tolist()))
    assert (setup.optimizer, setup.options["lr"]) == ("SGD", pytest.approx(0.1))
    assert setup.base_loss == pytest.approx(float(-(share * share.log()).sum()), rel=1e-5)
    assert setup.feature_rms_max == pytest.approx(float(x.square().mean(0).sqrt().max()), rel=1e-5)


def test_check_ups_are_right_and_log_spaced(tmp_path):
    made = []

    def model():
        made.append(network())
        return made[0]

    run, _ = train(tmp_path, model, steps=40)
    steps, accuracy = run.scalars["probe_accuracy"]
    assert steps.tolist() == [0, 1, 2, 3, 4, 5, 7, 9, 12, 15, 19, 24, 30, 38, 40]
    x, y = data(80, 1)
    with torch.no_grad():
        outputs = made[0](x)
    assert accuracy[-1] == pytest.approx(float((outputs.argmax(1) == y).float().mean()))
    assert accuracy[-1] > accuracy[0]
    losses = run.scalars["probe_loss"][1]
    assert losses[-1] == pytest.approx(float(functional.cross_entropy(outputs, y)), rel=1e-5)


# ---- losses


def test_the_loss_of_every_step_is_in_the_log_exactly(tmp_path):
    _, losses = train(tmp_path, steps=60, log_every_n_steps=7)
    traces = [record for _, record in records_of(tmp_path, kinds.LOSS_TRACE.tag())]
    joined = np.concatenate([trace.values for trace in traces])
    assert joined.tolist() == np.array(losses, np.float32).tolist()
    starts = [trace.first_step for trace in traces]
    assert starts == [0, *np.cumsum([len(trace.values) for trace in traces])[:-1]]
    assert len(traces) < 30


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("broken", [0, 17, 43])
def test_a_loss_that_is_not_finite_is_found_with_its_very_step(value, broken, tmp_path):
    step = iter(range(100))

    def loss(outputs, targets):
        factor = value if next(step) == broken else 1.0
        return functional.cross_entropy(outputs, targets).detach() * factor if factor != 1 else (
            functional.cross_entropy(outputs, targets))  # fmt: skip

    run, _ = train(tmp_path, loss=loss)
    found = {finding.key: finding for finding in run.findings}["nonfinite"]
    assert (found.severity, found.first_step) == ("error", broken)
    assert f"from step {broken} on" in found.message
    assert run.diagnose().findings == run.findings


def test_losses_may_begin_later_than_training(tmp_path):
    _, losses = train(tmp_path, steps=30, given=lambda step: step >= 8)
    traces = [record for _, record in records_of(tmp_path, kinds.LOSS_TRACE.tag())]
    assert traces[0].first_step == 8
    assert (
        np.concatenate([trace.values for trace in traces]).tolist()
        == np.array(losses[8:], np.float32).tolist()
    )


def test_steps_without_a_loss_are_no_losses_that_are_not_finite(tmp_path):
    run, _ = train(tmp_path, steps=40, given=lambda step: step % 3 == 0)
    assert "nonfinite" not in keys(run.findings)


# ---- the user's function


LATE = Symptom("", 1.0, 0.0, "number", "late", "at the end", "me", "none", sure=True)


class Stop(Exception):
    pass


def test_a_finding_is_told_once_on_the_thread_that_trains(tmp_path):
    told = []
    run, _ = train(
        tmp_path,
        **FAULTS["dead from the start"][0],
        on_finding=lambda f: told.append((f, threading.current_thread())),
    )
    assert {thread for _, thread in told} == {threading.current_thread()}
    assert sorted(keys(f for f, _ in told)) == sorted(keys(run.findings))
    assert len(told) == len({finding.key for finding, _ in told}) >= 1
    first = {finding.key: finding for finding in run.findings}
    assert all(finding.first_step == first[finding.key].first_step for finding, _ in told)


def test_what_the_function_raises_ends_training_and_the_log_is_complete(tmp_path):
    def stop(finding):
        raise Stop(finding.rule)

    with pytest.raises(Stop, match="head_loss_mismatch"):
        train(tmp_path, **FAULTS["softmax twice"][0], steps=5000, on_finding=stop)
    run = open_log(tmp_path)["."]
    assert (run.status.state, run.status.step < 5000) == ("failed", True)
    assert "head_loss_mismatch@5" in keys(run.findings)


def test_what_it_raises_when_training_ended_already_is_raised_all_the_same(tmp_path):
    def late(evidence):
        return [LATE] if evidence.step == 3 else []

    def stop(finding):
        raise Stop

    with pytest.raises(Stop):
        train(tmp_path, steps=3, rules=[Rule("late", "own", "error", "late", late)], on_finding=stop)
    run = open_log(tmp_path)["."]
    assert (run.status.state, keys(run.findings)) == ("finished", ["late"])


def test_it_may_lower_the_learning_rate(tmp_path):
    torch.manual_seed(0)
    model, (x, y) = network(), data()
    optimizer = torch.optim.SGD(model.parameters(), lr=300.0)
    seen = []

    def lower(finding):
        seen.append(finding.rule)
        optimizer.param_groups[0]["lr"] = 0.01

    with watch(model, optimizer, log_dir=tmp_path, probe=data(80, 1), on_finding=lower, **STRICT) as explain:
        for _ in range(5000):
            loss = functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            explain.step(loss=loss)
            if optimizer.param_groups[0]["lr"] < 1:
                break
    assert seen[0] in ("update_ratio_high", "nonfinite", "high_initial_loss")
    assert optimizer.param_groups[0]["lr"] == 0.01


def test_a_finding_is_said_once_on_the_console(tmp_path, caplog):
    with caplog.at_level(logging.INFO, "tb_xai"):
        run, _ = train(tmp_path, **FAULTS["dead from the start"][0], steps=100)
    for finding in run.findings:
        lines = [record for record in caplog.records if finding.title in record.getMessage()]
        assert len(lines) == 1
        level = logging.INFO if finding.severity == "info" else logging.WARNING
        assert (lines[0].name, lines[0].levelno) == ("tb_xai", level)
        if level == logging.WARNING:
            said = lines[0].getMessage()
            assert said.startswith(f"{finding.severity}: {finding.title} since step {finding.first_step}")
            assert finding.cause in said
            assert finding.advice in said
    assert len(caplog.records) == len(run.findings) >= 1


# ---- what is not there


@pytest.mark.parametrize(
    ("options", "off"),
    [
        (
            {"given": False},
            {"oscillation": "no loss is given", "plateau": "the loss of a constant prediction"},
        ),
        ({"probe": data(80, 1)[0]}, {"plateau": "the loss of a constant prediction is not known"}),
        (
            {"optimizer": False},
            {"update_ratio_high": "no optimizer is known", "lagging_layer": "no optimizer"},
        ),
        ({}, {"attention_collapse": "no attention was seen"}),
        ({"signals": ("weights",)}, {"dead_layer": "", "vanishing_gradients": ""}),
    ],
    ids=["no loss", "no labels", "no optimizer", "no attention", "no activations"],
)
def test_what_a_rule_cannot_see_switches_it_off_with_the_reason(options, off, tmp_path):
    run, _ = train(tmp_path, steps=30, **options)
    assert run.findings == ()
    for name, reason in off.items():
        state, said = states(run)[name]
        assert state == "off"
        assert said.startswith(reason)
        assert said
    assert states(run)["nonfinite"][0] == "watching"
    assert run.diagnose().rules == run.rules


def test_without_any_probe_the_first_batch_is_watched(tmp_path):
    run, _ = train(tmp_path, probe=None, **FAULTS["dead from the start"][0])
    assert "dead_layer@act" in keys(run.findings)


def test_without_rules_nothing_is_found(tmp_path, caplog):
    run, _ = train(tmp_path, **FAULTS["dead from the start"][0], rules=())
    assert (run.findings, run.rules) == ((), ())
    assert caplog.text == ""
    assert "dead_layer@act" in keys(run.diagnose().findings)


def test_a_rule_of_the_users_is_asked_and_one_that_raises_is_switched_off(tmp_path, caplog):
    def mine(evidence):
        """The loss was given."""
        yield Symptom("", 1.0, 0.0, "n", "mine", "it is mine", "me", "none", sure=len(evidence.losses) > 0)

    def broken(evidence):
        raise RuntimeError("broken rule")

    rules = (
        Rule("mine", "own", "info", "mine", mine, ("loss",)),
        Rule("broken", "own", "error", "broken", broken),
        *RULES,
    )
    run, losses = train(tmp_path, rules=rules)
    assert keys(run.findings) == ["mine"]
    assert states(run)["broken"] == ("off", "RuntimeError: broken rule")
    assert caplog.text.count("broken rule") == 1
    assert losses[-1] < losses[0]


# ---- training is left alone


def trained_parameters(watching, tmp_path):
    torch.manual_seed(3)
    model = nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, CLASSES)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    x, y = data()
    explain = watch(model, optimizer, log_dir=tmp_path, probe=data(80, 1), **STRICT) if watching else None
    for _ in range(40):
        loss = functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if explain:
            explain.step(loss=loss)
    if explain:
        explain.close()
        assert len(records_of(tmp_path, kinds.FINDINGS.tag())) >= 1
    return [*model.state_dict().values(), torch.get_rng_state()]


def test_training_is_bit_for_bit_the_same(tmp_path):
    watched, alone = trained_parameters(True, tmp_path), trained_parameters(False, tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(watched, alone, strict=True))


class Particular(nn.Module):
    """A network that takes 16 samples at a time and nothing else."""

    def __init__(self):
        super().__init__()
        self.layers = network()

    def forward(self, x):
        if len(x) != 16:
            raise RuntimeError(f"16 samples are wanted, not {len(x)}")
        return self.layers(x)


def test_a_check_up_that_fails_does_not_stop_training_nor_the_other_rules(tmp_path, caplog):
    run, losses = train(tmp_path, Particular, strict=False, update=lambda optimizer: None)
    assert len(losses) == 60
    assert (
        caplog.text.count("check-up switched off, training goes on: RuntimeError: 16 samples are wanted") == 1
    )
    assert keys(run.findings) == ["no_training"]
    assert states(run)["constant_output"][0] == "off"
    assert (
        len(np.concatenate([record.values for _, record in records_of(tmp_path, kinds.LOSS_TRACE.tag())]))
        == 60
    )


# ---- losses by hand that train well


def binary(head=()):
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1), *head)


def with_sigmoid():
    return binary([nn.Sigmoid()])


def first(targets):
    """Whether the class is the first one, as a column."""
    return (targets == 0).float()[:, None]


def bce_by_hand(outputs, targets):
    truth = first(targets)
    return -(truth * (outputs + 1e-7).log() + (1 - truth) * (1 - outputs + 1e-7).log()).mean()


def softplus(outputs, targets):
    return (functional.softplus(outputs) - first(targets) * outputs).mean()


def hinge(outputs, targets):
    return functional.relu(1 - (2 * first(targets) - 1) * outputs).mean()


def entropy_penalty(outputs, targets):
    entropy = -(outputs.softmax(1) * outputs.log_softmax(1)).sum(1).mean()
    return functional.cross_entropy(outputs, targets) - entropy


def policy_gradient(outputs, targets):
    chosen = outputs.log_softmax(1).gather(1, targets[:, None])[:, 0]
    return -(chosen * torch.linspace(-1, 2, 16)).mean()


def soft_kl(outputs, targets):
    wanted = functional.one_hot(targets, CLASSES).float()
    return functional.kl_div(outputs.log_softmax(1), wanted, reduction="batchmean")


BY_HAND = {
    "kl": (soft_kl, network, 0.1),
    "a quarter": (lambda o, t: functional.cross_entropy(o, t) / 4, network, 0.4),
    "sum": (lambda o, t: functional.cross_entropy(o, t, reduction="sum"), network, 0.006),
    "bce": (lambda o, t: functional.binary_cross_entropy(o, first(t)), with_sigmoid, 0.1),
    "bce by hand": (bce_by_hand, with_sigmoid, 0.1),
    "sigmoid and bce by hand": (lambda o, t: bce_by_hand(o.sigmoid(), t), binary, 0.1),
    "softplus": (softplus, binary, 0.1),
    "hinge": (hinge, binary, 0.1),
    "entropy penalty": (entropy_penalty, network, 0.05),
    "policy gradient": (policy_gradient, network, 0.05),
}


@pytest.mark.parametrize(
    "name",
    list(BY_HAND),
)
def test_a_loss_by_hand_that_trains_is_neither_error_nor_warning(name, tmp_path):
    loss, model, rate = BY_HAND[name]
    x, y = data(80, 1)
    labels = y if model is network else (y == 0).long()
    probe = x if loss is policy_gradient else (x, labels)
    run, losses = train(tmp_path, model, loss=loss, rate=rate, steps=260, probe=probe)
    assert np.mean(losses[-20:]) < np.mean(losses[:5]) - 0.1
    assert [finding.key for finding in run.findings if finding.severity != "info"] == []


# ---- whole programs of the development set


class Recorded:
    """Watches a program as its user would."""

    def __init__(self, log_dir):
        self.log_dir = log_dir

    def on_torch(self, script):
        return watch(script.model, script.optimizer, log_dir=self.log_dir, probe=script.probe, **STRICT)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp sgd", "C softmax twice", "R unscaled targets"])
def test_a_program_is_judged_alike_while_it_runs_and_from_its_log(name, tmp_path):
    from programs import BY_NAME

    program = BY_NAME[name]
    program.train(0, Recorded(tmp_path))
    run = open_log(tmp_path)["."]
    serious = {finding.rule for finding in run.findings if finding.severity != "info"}
    assert bool(serious) == (program.kind == "faulty")
    assert not program.causes or serious & set(program.causes)
    assert run.findings == run.diagnose().findings
