# SPDX-License-Identifier: Apache-2.0
"""Methods that Captum makes: its own test values, what they must add up to, and when they are refused."""

import sys
from math import factorial

import numpy as np
import pytest
import torch
from captum.testing.helpers.basic_models import (
    BasicModel_MultiLayer,
    BasicModelWithReusedModules,
    ReLUDeepLiftModel,
    SimpleLRPModel,
)
from maps import DELEGATED, map_of
from torch import nn
from torch.nn import functional
from torch_models import count_hooks, seed_all

from tb_xai_callbacks.attribution import Question
from tb_xai_callbacks.attribution.delegated import groups_of
from tb_xai_callbacks.backends.torch.observer import TorchObserver
from tb_xai_callbacks.measure.axes import axes_of
from tb_xai_callbacks.measure.scores import select
from tb_xai_callbacks.torch import watch
from tb_xai_plugin import open_log

#: Of a single column, class 1 is the column itself.
COLUMN = 1


def explained(model, x, method, target=0):
    observer = TorchObserver(model.eval(), np.asarray(x, np.float32))
    observer.layout()
    choice = select(observer.outputs(np.asarray(x, np.float32)), target)
    with observer.explaining() as explainer:
        question = Question(explainer, choice)
        heat = map_of(method, question, None, explainer.inputs)
        change = question.score_at(explainer.inputs) - question.score_at(np.zeros_like(explainer.inputs))
    observer.close()
    return heat, change


class Columns(nn.Module):
    """A model of two inputs as one of two columns."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x[:, :1], x[:, 1:])


# ---- the values that Captum tests with


def test_deep_lift_of_two_relus():
    heat, _ = explained(Columns(ReLUDeepLiftModel()), [[1, 2]], "deep_lift", COLUMN)
    np.testing.assert_allclose(heat, [[2, 1]], rtol=1e-5)


def test_relevance_of_a_simple_model():
    heat, _ = explained(SimpleLRPModel(inplace=False), [[1, 2, 3]], "lrp", COLUMN)
    np.testing.assert_allclose(heat, [[18, 36, 54]], rtol=1e-4)


def test_ablation_of_several_layers():
    heat, _ = explained(BasicModel_MultiLayer(), [[20, 50, 30]], "feature_ablation")
    np.testing.assert_allclose(heat, [[80, 200, 120]], rtol=1e-5)


def test_shapley_values_of_several_layers():
    """256 coalitions are sampled of the 6 there are between none and all: their numbers vary."""
    heat, change = explained(BasicModel_MultiLayer(), [[20, 50, 30]], "kernel_shap")
    np.testing.assert_allclose(heat, [[230 / 3, 590 / 3, 350 / 3]], rtol=0.02)
    np.testing.assert_allclose(heat.sum(1), change, rtol=1e-4)


def test_lime_finds_the_slopes_of_a_linear_model():
    seed_all()
    model, x = nn.Linear(4, 3), torch.randn(2, 4) * 10
    heat, _ = explained(model, x, "lime", 2)
    np.testing.assert_allclose(heat, (x * model.weight[2]).detach(), atol=0.3)


# ---- pictures


def network():
    seed_all()
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(100, 3)
    ).eval()


@pytest.mark.parametrize("method", ["deep_lift", "kernel_shap"])
def test_maps_of_pictures_add_up_to_the_change_of_the_score(method):
    heat, change = explained(network(), torch.rand(3, 3, 12, 12), method, 1)
    assert heat.shape == (3, 12, 12)
    np.testing.assert_allclose(heat.sum((1, 2)), change, rtol=1e-3, atol=1e-4)


def test_blocks_of_pixels_are_taken_away_with_all_their_channels():
    """Slow: by hand, one block after the other."""
    model, x = network(), torch.rand(2, 3, 12, 12)
    heat, _ = explained(model, x, "feature_ablation", 1)
    with torch.no_grad():
        whole = model(x)[:, 1]
        for row in range(0, 12, 2):
            for column in range(0, 12, 2):
                hidden = x.clone()
                hidden[:, :, row : row + 2, column : column + 2] = 0
                fall = (whole - model(hidden)[:, 1])[:, None, None] / 4
                block = heat[:, row : row + 2, column : column + 2]
                np.testing.assert_allclose(block, fall.expand(2, 2, 2), atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "count"),
    [((2, 3, 28, 28), 49), ((2, 8, 8, 1), 64), ((2, 5), 5), ((2, 100), 50), ((2, 40, 3), 40)],
)
def test_there_are_never_too_many_groups(shape, count):
    inputs = np.zeros(shape, np.float32)
    groups = groups_of(inputs, axes_of(inputs))
    assert groups.shape == shape[1:]
    assert sorted(set(groups.ravel())) == list(range(count))


# ---- what they leave behind, and when they are refused


def test_nothing_is_left_on_the_model_and_the_same_seed_is_used_every_time():
    model, x = network(), torch.rand(2, 3, 12, 12)
    model.train()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    versions = [parameter._version for parameter in model.parameters()]
    attributes = {name: set(vars(module)) for name, module in model.named_modules()}
    hooks = count_hooks(model)
    random = torch.get_rng_state(), np.random.get_state()[1].copy()
    maps = {method: explained(model, x, method)[0] for method in DELEGATED}
    model.train()
    assert count_hooks(model) == hooks
    assert {name: set(vars(module)) for name, module in model.named_modules()} == attributes
    assert [parameter._version for parameter in model.parameters()] == versions
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert torch.equal(torch.get_rng_state(), random[0])
    np.testing.assert_array_equal(np.random.get_state()[1], random[1])
    for method in DELEGATED:
        np.testing.assert_array_equal(explained(model, x, method)[0], maps[method])


class Functional(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.first, self.second, self.function = nn.Linear(4, 6), nn.Linear(6, 3), function

    def forward(self, x):
        return self.second(self.function(self.first(x)))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (functional.relu, "relu"),
        (torch.tanh, "tanh"),
        (nn.GELU(), "gelu"),
        (lambda x: x.clamp(min=0), "clamp"),
    ],
)
def test_deep_lift_is_refused_where_captum_is_silently_wrong(function, said):
    seed_all()
    with pytest.raises(ValueError, match=f"silently wrong.*{said}"):
        explained(Functional(function), torch.randn(3, 4), "deep_lift")


def test_deep_lift_is_refused_where_a_module_runs_twice():
    with pytest.raises(ValueError, match="relu runs 2 times"):
        explained(BasicModelWithReusedModules(), torch.randn(3, 3), "deep_lift")


def test_deep_lift_is_refused_where_it_does_not_add_up():
    """A product of two parts is nonlinear, and no function that one could name."""
    with pytest.raises(ValueError, match="does not add up"):
        explained(Functional(lambda h: h * h), torch.randn(3, 4), "deep_lift")


def test_a_layer_without_a_rule_is_named():
    seed_all()
    with pytest.raises(ValueError, match=r"no rule.*LayerNorm"):
        explained(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 3)), torch.randn(3, 4), "lrp")


def test_without_captum_the_methods_are_off_and_say_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    methods = ("lime", "saliency")
    with watch(network(), log_dir=tmp_path, probe=torch.rand(4, 3, 12, 12), methods=methods) as explain:
        explain.snapshot()
    (run,) = open_log(tmp_path).values()
    off = {one.name: one.reason for one in run.status.signals}["explanations/lime"]
    assert "pip install 'tb-xai-plugin[attribution]'" in off
    assert len(run.attributions(method="saliency").steps)


def test_tokens_and_further_inputs_follow_their_sample():
    """Versions of one sample go through with that sample's mask."""

    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(9, 4), nn.Linear(4, 3)

        def forward(self, tokens, mask):
            return self.head((self.embed(tokens) * mask[..., None]).sum(1))

    seed_all()
    model = Masked().eval()
    tokens, mask = (
        torch.randint(0, 9, (3, 5)),
        torch.tensor([[1, 1, 1, 0, 0], [1, 0, 1, 0, 1], [0, 0, 0, 1, 1]]),
    )
    observer = TorchObserver(model, (tokens.numpy(), mask.float().numpy()))
    observer.layout()
    choice = select(model(tokens, mask.float()).detach().numpy(), 2)
    expected = (model.embed(tokens) * mask[..., None] @ model.head.weight[2]).detach()
    for method in ("feature_ablation", "kernel_shap"):
        with observer.explaining() as explainer:
            heat = map_of(method, Question(explainer, choice), None, explainer.inputs)
        np.testing.assert_allclose(heat, expected, atol=1e-3)
    observer.close()


def test_the_expected_shapley_values_are_those_of_all_orders():
    """The test value above, by the definition: means of what a feature adds, over all orders."""
    model, x = BasicModel_MultiLayer(), torch.tensor([[20.0, 50.0, 30.0]])
    from itertools import permutations

    values = np.zeros(3)
    for order in permutations(range(3)):
        shown = torch.zeros_like(x)
        for feature in order:
            before = model(shown)[0, 0].item()
            shown[0, feature] = x[0, feature]
            values[feature] += (model(shown)[0, 0].item() - before) / factorial(3)
    np.testing.assert_allclose(values, [230 / 3, 590 / 3, 350 / 3], rtol=1e-5)
