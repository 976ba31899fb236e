# SPDX-License-Identifier: Apache-2.0
"""Targets that are functions of the output, and classes that cannot be."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch_models import seed_all

from tb_xai_callbacks.torch import watch
from tb_xai_plugin import open_log


def network(outputs=3):
    seed_all()
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, outputs)
    ).eval()


def logged(model, x, log_dir, **options):
    options = {"strict": True, "max_overhead": None, **options}
    with watch(model, log_dir=log_dir, probe=x, **options) as explain:
        explain.snapshot()
    (run,) = open_log(log_dir).values()
    return run


def difference(outputs):
    """Not linear: the product of two logits, less the third."""
    return outputs[:, 0] * outputs[:, 1] - outputs[:, 2]


METHODS = (
    "grad_cam",
    "saliency",
    "input_x_gradient",
    "integrated_gradients",
    "feature_ablation",
    "kernel_shap",
)


def test_the_score_of_a_function_is_explained_by_every_method(tmp_path):
    model, x = network(), torch.rand(5, 1, 12, 12)
    run = logged(model, x, tmp_path, targets=difference, methods=METHODS)
    inputs = x[torch.as_tensor(run_order(run, x))].clone().requires_grad_()
    score = difference(model(inputs))
    slope = torch.autograd.grad(score.sum(), inputs)[0][:, 0]
    maps = {method: run.attributions(method=method) for method in METHODS}
    np.testing.assert_allclose(maps["saliency"].scores[-1], score.detach(), rtol=1e-4)
    assert (maps["saliency"].targets[-1] == -1).all()
    np.testing.assert_allclose(maps["saliency"].heat[-1], slope.abs(), rtol=5e-3, atol=1e-4)
    np.testing.assert_allclose(
        maps["input_x_gradient"].heat[-1], slope * inputs[:, 0].detach(), rtol=5e-3, atol=1e-4
    )
    change = (score - difference(model(torch.zeros_like(inputs)))).detach().numpy()
    for method in ("integrated_gradients", "kernel_shap"):
        np.testing.assert_allclose(maps[method].heat[-1].sum((1, 2)), change, rtol=2e-2, atol=2e-3)


def run_order(run, x):
    """Where the run's samples stand among the given ones; without labels they are a permutation."""
    given = (x[:, 0].numpy() - x.min().item()) / (x.max() - x.min()).item()
    stored = [np.asarray(Image.open(io.BytesIO(png))) / 255 for png in run.probe.images]
    return [int(np.abs(given - one).sum((1, 2)).argmin()) for one in stored]


def test_a_function_that_depends_on_the_place_of_a_sample_sees_every_sample_in_its_place(tmp_path):
    """Each sample has a mask of its own; versions of one sample must meet that sample's mask."""
    model, x = nn.Sequential(nn.Flatten(), nn.Linear(9, 4)), torch.rand(3, 1, 3, 3)
    weights = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]])

    def own(outputs):
        return (outputs * weights).sum(1)

    seed_all()
    run = logged(model, x, tmp_path, targets=own, methods=("feature_ablation", "kernel_shap"))
    inputs = x[torch.as_tensor(run_order(run, x))]
    expected = ((weights @ model[1].weight).view(3, 3, 3) * inputs[:, 0]).detach()
    for method in ("feature_ablation", "kernel_shap"):
        np.testing.assert_allclose(run.attributions(method=method).heat[-1], expected, atol=5e-3)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (
            lambda outputs: outputs,
            r"a tensor of shape \[5, 3\]; expected one score for each of the 5 samples",
        ),
        (lambda outputs: outputs.sum(), r"a tensor of shape \[\]"),
        (lambda outputs: outputs[:, 0].detach().numpy(), "a ndarray"),
        (lambda outputs: outputs.argmax(1), "a tensor of int64"),
        (lambda outputs: outputs[:, 0].detach(), "without a gradient"),
        (lambda outputs: torch.ones(len(outputs), requires_grad=True), "do not depend on the outputs"),
        (lambda outputs: outputs.logits, "nothing but AttributeError"),
    ],
)
def test_a_function_that_returns_something_else_switches_explanations_off_and_says_so(
    function, said, tmp_path
):
    x = torch.rand(5, 1, 12, 12)
    run = logged(network(), x, tmp_path / "a", targets=function, strict=False)
    off = {signal.name: signal.reason for signal in run.status.signals}["explanations"]
    assert re.search(said, off)
    assert run.layer_stats("weight").values.size
    with pytest.raises(ValueError, match=said):
        logged(network(), x, tmp_path / "b", targets=function)


@pytest.mark.parametrize("targets", ["best", -1, 1.5, [0, 1.5], [[0], [1, 2]], []])
def test_targets_that_are_none_are_refused_at_construction(targets, tmp_path):
    with pytest.raises(ValueError, match='expected "predicted", "label", a class index'):
        watch(network(), log_dir=tmp_path, probe=torch.rand(5, 1, 12, 12), targets=targets)


@pytest.mark.parametrize(
    ("targets", "said"), [(7, "out of range: the model has 3 classes"), ([0, 1], "2 classes for 5 samples")]
)
def test_classes_that_cannot_be_are_named(targets, said, tmp_path):
    run = logged(network(), torch.rand(5, 1, 12, 12), tmp_path, targets=targets, strict=False)
    assert said in {signal.name: signal.reason for signal in run.status.signals}["explanations"]


def test_labels_that_are_not_there_are_told(tmp_path):
    run = logged(network(), torch.rand(5, 1, 12, 12), tmp_path, targets="label")
    assert any("the probe has no labels" in notice.message for notice in run.status.notices)
