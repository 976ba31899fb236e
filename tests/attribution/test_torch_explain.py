# SPDX-License-Identifier: Apache-2.0
"""The torch model as a function of its inputs, and every method over it, against captum and closed forms."""

import captum.attr
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch_models import ClosedForm, NormDrop, count_hooks, data, fingerprint, seed_all

from tb_xai_callbacks.attribution import METHODS, Question, method_named
from tb_xai_callbacks.backends.torch.observer import TorchObserver
from tb_xai_callbacks.measure.scores import select
from tb_xai_callbacks.torch import watch
from tb_xai_plugin import open_log


class Relus(nn.Module):
    """A module and a functional ReLU: captum sees only the first."""

    def __init__(self, functional_too=False):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3))
        self.last = nn.ReLU()
        self.fc = nn.Linear(4 * 16, 3)
        self.functional_too = functional_too

    def forward(self, x):
        x = self.body(x)
        x = functional.relu(x) if self.functional_too else self.last(x)
        return self.fc(x.flatten(1))


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 5)
        self.fc = nn.Linear(5, 3)

    def forward(self, tokens):
        return self.fc(torch.tanh(self.embed(tokens)).mean(1))


def question_of(model, x, y, **context):
    observer = TorchObserver(model, x.numpy())
    observer.layout()
    choice = select(observer.outputs(x.numpy()), "label", y.numpy())
    return observer, choice


def maps(model, x, y, method, guided=False):
    observer, choice = question_of(model, x, y)
    with observer.explaining(guided=guided) as explainer:
        return method_named(method).make(Question(explainer, choice), None)


@pytest.fixture
def model():
    seed_all()
    return Relus().eval()


def test_saliency_is_captums(model):
    x, y = data()
    theirs = captum.attr.Saliency(model).attribute(x.clone(), target=y).detach().numpy()[:, 0]
    np.testing.assert_allclose(maps(model, x, y, "saliency"), theirs, atol=1e-6)


def test_input_x_gradient_is_captums(model):
    x, y = data()
    theirs = captum.attr.InputXGradient(model).attribute(x.clone(), target=y).detach().numpy()[:, 0]
    np.testing.assert_allclose(maps(model, x, y, "input_x_gradient"), theirs, atol=1e-6)


def test_integrated_gradients_are_captums(model):
    x, y = data()
    theirs = captum.attr.IntegratedGradients(model).attribute(x, target=y, n_steps=32, method="gausslegendre")
    ours = maps(model, x, y, "integrated_gradients")
    np.testing.assert_allclose(ours, theirs.detach().numpy()[:, 0], atol=1e-5)


@pytest.mark.parametrize("functional_too", [False, True])
def test_guided_backpropagation_is_captums_also_through_functional_relus(functional_too):
    seed_all()
    modules = Relus().eval()
    ours = Relus(functional_too).eval()
    ours.load_state_dict(modules.state_dict())
    x, y = data()
    theirs = captum.attr.GuidedBackprop(modules).attribute(x.clone(), target=y).detach().numpy()[:, 0]
    np.testing.assert_allclose(maps(ours, x, y, "guided_backprop", guided=True), theirs, atol=1e-6)


def test_occlusion_of_a_linear_model_is_input_times_weight():
    seed_all()
    linear = nn.Sequential(nn.Flatten(), nn.Linear(36, 3)).eval()
    x, y = data()
    ours = maps(linear, x, y, "occlusion")  # 6 pixels a side: every window is one pixel
    expected = x[:, 0] * linear[1].weight[y].reshape(-1, 6, 6)
    np.testing.assert_allclose(ours, expected.detach().numpy(), atol=1e-5)


def test_tokens_are_explained_at_their_embeddings():
    seed_all()
    words = Words().eval()
    tokens, y = torch.randint(0, 20, (6, 7)), torch.arange(6) % 3
    ours = maps(words, tokens, y, "integrated_gradients")
    assert ours.shape == (6, 7)
    blank = words.fc(torch.zeros(5))  # an embedding of zeros
    change = (words(tokens) - blank)[torch.arange(6), y].detach().numpy()
    np.testing.assert_allclose(ours.sum(1), change, atol=1e-3)


def test_guided_backpropagation_without_a_relu_says_so():
    with pytest.raises(ValueError, match="the model has none"):
        maps(ClosedForm(), *data(), "guided_backprop", guided=True)


def test_whole_numbers_without_an_embedding_say_so():
    class Lookup(nn.Module):
        def forward(self, tokens):
            return functional.one_hot(tokens, 20).float().mean(1)[:, :3]

    with pytest.raises(ValueError, match=r"no nn\.Embedding"):
        maps(Lookup(), torch.randint(0, 20, (4, 5)), torch.arange(4) % 3, "saliency")


def test_shuffled_weights_are_not_the_models(model):
    x, y = data()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    observer, _ = question_of(model, x, y)
    with observer.explaining(randomised=True) as explainer:
        shuffled = explainer.outputs(explainer.inputs)
        again = explainer.outputs(explainer.inputs)
    with observer.explaining(randomised=True) as explainer:
        np.testing.assert_array_equal(explainer.outputs(explainer.inputs), shuffled)
    np.testing.assert_array_equal(shuffled, again)
    assert np.abs(shuffled - observer.outputs(x.numpy())).max() > 1e-3
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


ALL = tuple(method.name for method in METHODS)


def train(log_dir, methods):
    seed_all()
    model = NormDrop()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    x, y = data(24)
    losses = []
    options = {"methods": methods, "explain_every_n_steps": 2, "max_overhead": None}
    explain = watch(model, optimizer, log_dir=log_dir, probe=(x, y), **options) if methods else None
    for _ in range(5):
        loss = functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        if explain:
            explain.step(loss=loss)
    if explain:
        explain.close()
        assert count_hooks(model) == 0
    return fingerprint(model, optimizer, losses)


def test_training_is_bit_identical_with_every_method_and_trust(tmp_path):
    for ours, bare in zip(train(tmp_path, ALL), train(tmp_path, ()), strict=True):
        np.testing.assert_array_equal(ours, bare)


def test_every_method_is_in_the_log_or_says_why_not(tmp_path):
    train(tmp_path, ALL)
    run = open_log(tmp_path)["."]
    off = {signal.name.removeprefix("explanations/"): signal.reason for signal in run.status.signals}
    for method in ALL:
        if method in run.methods:
            found = run.attributions(method=method)
            assert found.heat.shape[:2] == (len(found.steps), 16)
            assert np.isfinite(found.heat).all()
        else:
            assert ("silently wrong" if method == "deep_lift" else "attention") in off[method]
    assert "attention_rollout" not in run.methods


def test_trust_is_measured_and_what_is_not_says_why(tmp_path):
    train(tmp_path, ("grad_cam", "integrated_gradients"))
    run = open_log(tmp_path)["."]
    cam, integrated = run.trust("grad_cam"), run.trust("integrated_gradients")
    assert cam.steps[-1] == 5
    assert set(cam.measures) == {"deletion", "insertion", "stability", "randomisation"}
    assert cam.measures["deletion"].shape == (len(cam.steps), 16)
    assert "boxes" in cam.missing["pointing"]
    assert np.nanmedian(integrated.measures["gap"]) < 0.1


def test_an_unknown_method_is_refused_with_the_list():
    with pytest.raises(ValueError, match="layer_cam, xgrad_cam"):
        watch(ClosedForm(), log_dir="unused", methods=("grad_camera",))
