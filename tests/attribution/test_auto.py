# SPDX-License-Identifier: Apache-2.0
"""`methods="auto"` with every other option at its default too: something is explained, whatever the input."""

import logging

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch_models import seed_all

from tb_xai_callbacks.attribution import Method
from tb_xai_callbacks.attribution.auto import choose
from tb_xai_callbacks.backends.contract import Layout
from tb_xai_callbacks.probe.samples import choose_probe
from tb_xai_callbacks.torch import watch
from tb_xai_plugin import open_log
from tb_xai_plugin.format.records import LayerTable


@pytest.fixture(autouse=True)
def a_fast_machine(monkeypatch):
    """What is chosen does not depend on how long a pass takes here; `test_a_long_pass…` tests that it may."""
    monkeypatch.setattr("tb_xai_callbacks.signals.explanations.AUTO_SECONDS", float("inf"))
    monkeypatch.setattr("tb_xai_callbacks.run.budget.MOST_AT_START", float("inf"))


def pictures():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    return model, torch.randn(8, 3, 10, 10)


def many_channels():
    return nn.Sequential(nn.Conv2d(6, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 2)), torch.randn(
        8, 6, 10, 10
    )


def flat_pictures():
    return nn.Sequential(nn.Flatten(), nn.Linear(100, 2)), torch.randn(8, 1, 10, 10)


class Words(nn.Module):
    def __init__(self, attends):
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2) if attends else nn.Identity()
        self.head = nn.Linear(8, 2)

    def forward(self, tokens):
        return self.head(self.body(self.embedding(tokens)).mean(1))


def words(attends=True):
    return Words(attends), torch.randint(0, 20, (8, 6))


class Unembedded(nn.Module):
    """Words that cannot be differentiated, at whose numbers a convolution looks all the same."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv1d(20, 4, 3), nn.Linear(4, 2)

    def forward(self, tokens):
        one_hot = functional.one_hot(tokens, 20).float().transpose(1, 2)
        return self.head(self.conv(one_hot).relu().mean(2))


def table():
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2)), torch.randn(8, 5)


def series():
    model = nn.Sequential(
        nn.Conv1d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    return model, torch.randn(8, 3, 20)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.LSTM(3, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


class Several(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 2)

    def forward(self, left, right):
        return self.head(torch.cat([left, right], 1))


class Named(Several):
    def forward(self, right, left):
        return super().forward(left, right)


def volumes():
    model = nn.Sequential(
        nn.Conv3d(2, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    return model, torch.randn(8, 2, 7, 9, 10)


class Steps(nn.Module):
    """Leaves torch on the way: there is no gradient to be had."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(5, 2)

    def forward(self, x):
        return self.head(torch.from_numpy(np.sign(x.numpy())))


CASES = {
    "pictures": (pictures, {"grad_cam": (8, 8, 8)}),
    "pictures of six channels": (many_channels, {"grad_cam": (8, 8, 8)}),
    "pictures without a layer of maps": (flat_pictures, {"integrated_gradients": (8, 10, 10)}),
    "words": (words, {"input_x_gradient": (8, 6), "gradient_rollout": (8, 6)}),
    "words without attention": (lambda: words(False), {"input_x_gradient": (8, 6)}),
    "a table": (table, {"integrated_gradients": (8, 5)}),
    "series": (series, {"grad_cam": (8, 1, 18), "integrated_gradients": (8, 20)}),
    "series of a recurrent network": (
        lambda: (Recurrent(), torch.randn(8, 20, 3)),
        {"integrated_gradients": (8, 20)},
    ),
    "two inputs": (
        lambda: (Several(), (torch.randn(8, 5), torch.randn(8, 3))),
        {"integrated_gradients": (8, 5)},
    ),
    "two inputs by name": (
        lambda: (Named(), {"left": torch.randn(8, 5), "right": torch.randn(8, 3)}),
        {"integrated_gradients": (8, 5)},
    ),
    "volumes": (volumes, {"grad_cam": (8, 7, 8), "integrated_gradients": (8, 9, 10)}),
    "no gradient": (lambda: (Steps(), torch.randn(8, 5)), {"occlusion": (8, 5)}),
}


def train(log_dir, model, x, **options):
    call = (
        (lambda: model(**x)) if isinstance(x, dict) else lambda: model(*x if isinstance(x, tuple) else (x,))
    )
    y = torch.arange(8) % 2
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with watch(model, optimizer, log_dir=log_dir, probe=(x, y), **options) as explain:
        for _ in range(3):
            loss = functional.cross_entropy(call(), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            explain.step(loss=loss)
    return open_log(log_dir)["."]


def told(run, level="info"):
    return [notice.message for notice in run.status.notices if notice.level == level]


@pytest.mark.parametrize("case", CASES)
def test_something_is_explained_with_every_default(case, tmp_path, caplog):
    make, expected = CASES[case]
    seed_all()
    model, x = make()
    with caplog.at_level(logging.WARNING):
        run = train(tmp_path, model, x)
    assert not caplog.records, caplog.text
    assert set(run.methods) == set(run.status.methods) == set(expected)
    assert {signal.name: signal.state for signal in run.status.signals}["explanations"] == "captured"
    described = {method.name for method in run.descriptions.methods}
    for method, shape in expected.items():
        maps = run.attributions(method=method)
        assert maps.heat.shape[1:] == shape
        assert np.isfinite(maps.heat).all()
        assert maps.steps[-1] == 3
        assert method in described
    assert not told(run, "warning")
    assert not [message for message in told(run) if "no maps of layers" in message]


def test_what_is_tried_next_is_there_from_the_first_step_and_says_why(tmp_path):
    seed_all()
    run = train(tmp_path, Steps(), torch.randn(8, 5))
    assert run.attributions(method="occlusion").steps[0] == 0
    off = {signal.name: signal.reason for signal in run.status.signals if signal.state == "off"}
    assert "explanations/integrated_gradients" in off
    assert "explanations/saliency" in off


def test_words_without_an_embedding_are_explained_at_a_layer_if_there_is_one(tmp_path):
    """Nothing that runs the model on other inputs can be had of them."""
    seed_all()
    run = train(tmp_path, Unembedded(), words()[1])
    assert run.methods == ("grad_cam",)
    assert run.attributions(method="grad_cam").heat.shape[1:] == (8, 1, 4)


def test_where_nothing_can_be_one_line_says_so(tmp_path, caplog):
    class Numbers(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(20, 2)

        def forward(self, tokens):
            return self.head(functional.one_hot(tokens, 20).float().mean(1))

    seed_all()
    with caplog.at_level(logging.WARNING):
        run = train(tmp_path, Numbers(), words()[1])
    (line,) = caplog.records
    assert "no nn.Embedding takes them" in line.message
    assert {signal.name: signal.state for signal in run.status.signals}["explanations"] == "off"


def test_which_of_several_inputs_is_explained_is_told(tmp_path):
    seed_all()
    named = {"left": torch.randn(8, 5), "right": torch.randn(8, 3)}
    (message,) = told(train(tmp_path / "a", Named(), named))
    assert "of the inputs 'left', 'right' the first, 'left', is explained" in message
    (message,) = told(train(tmp_path / "b", Several(), tuple(named.values())))
    assert "of the inputs 0, 1 the first, 0, is explained" in message


def test_the_slice_that_is_kept_of_volumes_is_told_and_is_the_middle_one(tmp_path):
    seed_all()
    model, x = volumes()
    run = train(tmp_path, model, x, methods=("auto", "input_x_gradient", "grad_cam"), targets="label")
    messages = told(run)
    assert any("'input' are volumes; slice 3 of 0 to 6" in message for message in messages)
    assert any("'1' are volumes; slice 2 of 0 to 4" in message for message in messages)
    inputs = torch.from_numpy(run.probe.values.copy()).requires_grad_()
    labels = torch.as_tensor(run.probe.labels)
    features = model[1](model[0](inputs))
    score = model[2:](features)[torch.arange(8), labels].sum()
    slope, at_features = torch.autograd.grad(score, (inputs, features))
    product = (slope * inputs).sum(1)[:, 3].detach()
    heat = run.attributions(method="input_x_gradient").heat[-1]
    np.testing.assert_allclose(heat, product, atol=2e-3 * product.abs().max())
    weights = at_features.mean((2, 3, 4), keepdim=True)
    cam = (weights * features).sum(1).clamp(min=0)[:, 2].detach()
    heat = run.attributions(method="grad_cam").heat[-1]
    np.testing.assert_allclose(heat, cam, atol=2e-3 * cam.max())


def test_auto_goes_with_methods_by_name_and_of_the_users_own(tmp_path):
    mine = Method("mine", "Mine", "Nothing.", lambda question, layer: np.abs(question.inputs))
    seed_all()
    run = train(tmp_path, *table(), methods=("saliency", "auto", mine))
    assert set(run.methods) == {"saliency", "integrated_gradients", "mine"}
    assert {"saliency", "integrated_gradients", "mine"} <= {m.name for m in run.descriptions.methods}


def test_a_layer_without_rows_and_columns_is_explained_unit_by_unit(tmp_path):
    """A linear head after a ReLU: what unit j adds to the score, from a blank input, is known."""
    seed_all()
    model = nn.Sequential(nn.Linear(5, 6, bias=False), nn.ReLU(), nn.Linear(6, 2, bias=False))
    x = torch.randn(8, 5)
    run = train(tmp_path, model, x, target_layers="0", targets="label")
    assert set(run.methods) == {"integrated_gradients", "layer_conductance"}
    assert run.status.target_layers == ("0",)
    heat = run.attributions(method="layer_conductance", layer="0").heat[-1]
    inputs, labels = torch.from_numpy(run.probe.values.copy()), torch.as_tensor(run.probe.labels)
    with torch.no_grad():
        expected = model[1](model[0](inputs)) * model[2].weight[labels]
    # the path's first point is the blank input, where the gradient of a ReLU is 0
    np.testing.assert_allclose(heat, expected, rtol=0.05, atol=1e-3)


def test_units_of_a_layer_over_moments_are_summed_over_them(tmp_path):
    seed_all()
    run = train(tmp_path, Recurrent(), torch.randn(8, 20, 3), target_layers="rnn")
    assert run.attributions(method="layer_conductance").heat.shape[1:] == (8, 8)


def test_a_method_of_maps_says_what_it_lacks_at_a_layer_of_units(tmp_path, caplog):
    seed_all()
    model, x = table()
    with pytest.raises(ValueError, match=r"layer '0' has outputs of shape \(8,\), which have no rows and"):
        watch(model, log_dir=tmp_path / "a", probe=x, target_layers="0", methods=("grad_cam",))
    with caplog.at_level(logging.WARNING):
        run = train(tmp_path / "b", model, x, target_layers="0", methods=("grad_cam", "layer_conductance"))
    (line,) = caplog.records
    assert "grad_cam is not captured: layer '0' has outputs of shape (8,)" in line.message
    assert run.methods == ("layer_conductance",)


def test_layers_with_and_without_a_map_are_each_explained_by_what_can(tmp_path):
    seed_all()
    options = {"methods": ("grad_cam", "layer_conductance"), "max_overhead": None}
    run = train(tmp_path, *pictures(), target_layers=("1", "4"), **options)
    assert set(run.status.target_layers) == {"1", "4"}
    assert run.attributions(method="grad_cam", layer="1").heat.shape[1:] == (8, 8, 8)
    for layer, units in (("1", 4), ("4", 2)):
        heat = run.attributions(method="layer_conductance", layer=layer).heat
        assert heat.shape[1:] == (8, units)
    assert run.trust("grad_cam").layer == "1"


def test_shapley_values_of_few_features_are_those_of_all_coalitions(tmp_path):
    """x0 x1 + 3 x2, against a blank input: the product is shared alike, the rest is its own."""

    class Product(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, x):
            score = self.scale * (x[:, 0] * x[:, 1] + 3 * x[:, 2])
            return torch.stack([score, -score], 1)

    x = torch.randn(8, 4)
    with watch(Product(), log_dir=tmp_path, probe=x, methods=("kernel_shap",), targets=0) as explain:
        explain.snapshot()
    run = open_log(tmp_path)["."]
    a, b, c, _ = run.probe.values.T
    expected = np.stack([a * b / 2, a * b / 2, 3 * c, np.zeros(8)], axis=1)
    np.testing.assert_allclose(run.attributions(method="kernel_shap").heat[-1], expected, atol=5e-3)


def test_a_long_pass_leaves_the_path_of_integrated_gradients_for_its_first_point():
    probe = choose_probe(np.ones((4, 5), np.float32), None)
    layout = Layout(table=LayerTable("t", ()))
    names = [method.name for method in choose(layout, probe, ()).methods]
    assert names == ["integrated_gradients"]
    names = [method.name for method in choose(layout, probe, (), most_passes=10).methods]
    assert names == ["input_x_gradient"]
