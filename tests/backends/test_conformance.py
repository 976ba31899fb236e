# SPDX-License-Identifier: Apache-2.0
"""One suite for every observer, fakes included: what the contract says, and that it can all be written."""

import inspect
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from fake_observer import Fake, read, settings, states
from reductions import EVERYTHING, resolved

from tb_xai_callbacks.backends import contract
from tb_xai_callbacks.backends.contract import CaptureRequest
from tb_xai_callbacks.measure.scores import select
from tb_xai_callbacks.measure.statistics import BINS
from tb_xai_callbacks.probe.samples import ProbeSet, choose_probe
from tb_xai_callbacks.recorder import Recorder
from tb_xai_plugin.format.columns import columns_of


@dataclass
class Case:
    """An observer with its probe, and how one optimiser step of the user's is made."""

    observer: Any
    probe: ProbeSet
    step: Callable[[], Any]


def torch_case(compiled: bool) -> Case:
    import torch
    from torch import nn
    from torch.nn import functional

    from tb_xai_callbacks.backends.torch.observer import TorchObserver

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(12, 1, 8, 8), torch.arange(12) % 3
    trained = torch.compile(model, backend="eager") if compiled else model

    def step() -> Any:
        loss = functional.cross_entropy(trained(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    probe = choose_probe(x.numpy(), y.numpy(), 6)
    return Case(TorchObserver(trained, probe.inputs, [optimizer]), probe, step)


def keras_case() -> Case:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    from keras import layers

    from tb_xai_callbacks.backends.keras.observer import KerasObserver

    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3)(inputs)))
    model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = np.random.default_rng(0).normal(size=(12, 8, 8, 1)).astype("float32"), np.arange(12) % 3
    probe = choose_probe(x, y, 6)
    return Case(KerasObserver(model, probe, probe.truth), probe, lambda: float(model.train_on_batch(x, y)))


def fake_case(observes_training: bool) -> Case:
    probe = choose_probe(np.zeros((2, 1, 3, 3), np.float32), np.array([0, 1]))
    return Case(Fake(observes_training=observes_training), probe, lambda: 1.0)


CASES = {
    "torch": lambda: torch_case(compiled=False),
    "compiled torch": lambda: torch_case(compiled=True),
    "Keras": keras_case,
    "the fake": lambda: fake_case(observes_training=True),
    "the fake on the probe": lambda: fake_case(observes_training=False),
}


@pytest.fixture(params=CASES)
def case(request):
    made = CASES[request.param]()
    made.observer.layout()
    yield made
    made.observer.close()


def members(protocol: type) -> set[str]:
    own = {name for name in vars(protocol) if not name.startswith("_")}
    return own | {name for name in protocol.__annotations__ if not name.startswith("_")}


def test_it_has_all_that_the_contract_names(case):
    for protocol in (contract.Model, contract.Training, contract.Facts):
        for name in members(protocol):
            assert hasattr(case.observer, name), f"{protocol.__name__}.{name}"
            named = getattr(protocol, name, None)
            if inspect.isfunction(named):
                wanted = list(inspect.signature(named).parameters)[1:]
                assert (
                    list(inspect.signature(getattr(case.observer, name)).parameters)[: len(wanted)] == wanted
                )


def check_reductions(found, layout):
    for name, part in found.items():
        rows = layout.table.parameters if name.startswith("weight") else layout.table.layers
        assert part.signal == name
        assert part.source in ("training batch", "probe")
        assert part.values.shape == (len(rows), len(columns_of(name)))
        assert part.values.dtype == np.float32
        assert part.counts.shape == (len(rows), BINS)
        assert part.counts.dtype == np.uint64
        if part.live is not None:
            assert part.live.dtype == np.uint32
            assert len(part.live) == sum(layer.units for layer in layout.table.layers)


def test_a_pass_brings_what_was_asked_for_and_nothing_else(case):
    layout, size = case.observer.layout(), case.probe.size
    target = layout.auto.name
    alone = case.observer.capture(CaptureRequest(statistics=frozenset({"activation"})))
    assert set(alone.statistics) == {"activation"}
    assert not alone.activations
    assert alone.choice is None
    check_reductions(resolved(alone.statistics), layout)
    explained = case.observer.capture(CaptureRequest((target,), lambda outputs: select(outputs)))
    assert set(explained.activations) == set(explained.gradients) == {target}
    assert explained.activations[target].shape == explained.gradients[target].shape
    assert len(explained.activations[target]) == len(explained.outputs) == size
    assert not explained.statistics
    kept = case.observer.capture(CaptureRequest(layers=(target,)))
    assert set(kept.activations) == {target}


def test_a_step_brings_what_was_asked_for_and_nothing_else(case):
    observer = case.observer
    assert observer.collect() == {}
    for wanted in (EVERYTHING, frozenset({"weight"}), frozenset({"activation", "weight_gradient"})):
        observer.arm(wanted)
        observer.note_loss(case.step())
        brought = observer.collect()
        assert set(brought) <= wanted
        assert ("weight" in brought) == ("weight" in wanted)
        check_reductions(resolved(brought), observer.layout())
    assert observer.collect() == {}
    assert observer.parameters(frozenset()) == observer.last_batch(frozenset()) == {}
    check_reductions(resolved(observer.parameters(EVERYTHING)), observer.layout())


def test_values_are_kept_where_that_is_asked_for(case):
    observer = case.observer
    observer.keeping = frozenset({"weight"})
    names = [parameter.name for parameter in observer.layout().table.parameters]
    weights = dict(observer.weights())
    assert list(weights) == names
    kept = resolved(observer.parameters(EVERYTHING))["weight"].arrays
    if kept is not None:  # the fake keeps nothing
        assert all(np.array_equal(array, weights[name]) for name, array in zip(names, kept, strict=True))


def test_a_whole_run_is_written_without_an_error_or_a_word(case, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="tb_xai"):
        recorder = Recorder(case.observer, case.probe, tmp_path, "torch", settings(rules=()))
        recorder.start(0)
        for step in range(1, 4):
            loss = case.step()
            case.observer.note_loss(loss)
            recorder.after_step(step, {"loss": float(loss)}, float(loss))
        recorder.finish(3)
    assert recorder._writer.error is None
    assert not caplog.records
    got = read(tmp_path)
    levels = [notice.level for notice in got["status"][-1][1].notices]
    assert levels in ([], ["info"])  # a compiled model's gradients
    for name, (state, reason) in states(got).items():
        assert state == "captured" or reason, name
    assert len(got["attribution/grad_cam/" + case.observer.layout().auto.name]) == 4
    assert len(got["stats/activation"]) >= 3
