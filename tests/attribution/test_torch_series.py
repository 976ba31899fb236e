# SPDX-License-Identifier: Apache-2.0
"""Inputs that are no pictures [n c h w]: series in both orders, recurrent networks, channels last."""

import numpy as np
import pytest
import torch
from torch import nn
from torch_models import seed_all

from tb_xai_callbacks.torch import watch
from tb_xai_plugin import open_log

INPUT_MAPS = ("saliency", "input_x_gradient", "occlusion", "feature_ablation")


def logged(model, x, log_dir, methods, labels=None, **options):
    labels = torch.arange(len(x)) % 2 if labels is None else labels
    options = {"methods": methods, "strict": True, "targets": "label", "max_overhead": None, **options}
    with watch(model, log_dir=log_dir, probe=(x, labels), **options) as explain:
        explain.snapshot()
    (run,) = open_log(log_dir).values()
    return run


def by_hand(model, run, x):
    """Input × gradient of the labels' logits, summed over the features by the caller."""
    x = x.clone().requires_grad_()
    score = model.eval()(x)[torch.arange(len(x)), torch.as_tensor(run.probe.labels)]
    return (torch.autograd.grad(score.sum(), x)[0] * x).detach()


def convolutional():
    seed_all()
    return nn.Sequential(
        nn.Conv1d(3, 6, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(6, 2)
    )


def test_convolutions_of_series_have_maps_of_one_row(tmp_path):
    """Conv, ReLU, mean, dense: Grad-CAM is the weighted sum of the maps, known exactly."""
    model, x = convolutional(), torch.randn(6, 3, 40)
    run = logged(model, x, tmp_path, ("grad_cam", "hires_cam", *INPUT_MAPS))
    heat = run.attributions(method="grad_cam")
    assert heat.layer == "1"
    assert heat.heat.shape[1:] == (6, 1, 40)
    inputs = torch.from_numpy(run.probe.values.transpose(0, 2, 1).copy())
    weight = model[4].weight[torch.as_tensor(run.probe.labels)].detach()
    with torch.no_grad():
        expected = (model[1](model[0](inputs)) * weight[:, :, None]).sum(1).clamp(min=0) / 40
    np.testing.assert_allclose(heat.heat[-1, :, 0], expected, rtol=2e-3, atol=1e-4)
    product = run.attributions(method="input_x_gradient").heat[-1]
    np.testing.assert_allclose(product, by_hand(model, run, inputs).sum(1), rtol=2e-3, atol=1e-4)
    for method in INPUT_MAPS:
        assert run.attributions(method=method).heat.shape[1:] == (6, 40)


def test_series_are_stored_with_their_moments_first_and_trust_is_measured(tmp_path):
    x = torch.randn(6, 3, 40)
    run = logged(convolutional(), x, tmp_path, ("grad_cam", "saliency"))
    assert run.probe.kind == "series"
    assert run.probe.values.shape == (6, 40, 3)
    assert {tuple(row.T.ravel()) for row in run.probe.values} == {tuple(row.ravel()) for row in x.numpy()}
    for method in ("grad_cam", "saliency"):
        measures = run.trust(method).measures
        for name in ("deletion", "insertion", "stability", "randomisation"):
            assert np.isfinite(measures[name]).any(), (method, name)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.GRU(3, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


class Turned(nn.Module):
    """Takes [n t c] and turns it for its convolution."""

    def __init__(self):
        super().__init__()
        self.inner = convolutional()

    def forward(self, x):
        return self.inner(x.transpose(1, 2))


class Deep(nn.Module):
    """Takes [n t c]; a later convolution has as many channels as there are moments."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Conv1d(3, 20, 3), nn.Tanh(), nn.Conv1d(20, 4, 3), nn.Flatten())
        self.head = nn.Linear(64, 2)

    def forward(self, x):
        return self.head(self.inner(x.transpose(1, 2)))


@pytest.mark.parametrize("make", [Recurrent, Turned, Deep])
def test_series_with_their_features_last(make, tmp_path):
    seed_all()
    model, x = make(), torch.randn(6, 20, 3)
    run = logged(model, x, tmp_path, INPUT_MAPS)
    product = run.attributions(method="input_x_gradient").heat[-1]
    assert run.probe.values.shape == (6, 20, 3)
    expected = by_hand(model, run, torch.from_numpy(run.probe.values.copy())).sum(2)
    np.testing.assert_allclose(product, expected, rtol=2e-3, atol=1e-4)


def test_pictures_with_their_channels_last(tmp_path):
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.conv(x.permute(0, 3, 1, 2)).relu().mean((2, 3)))

    seed_all()
    model, x = Last(), torch.rand(6, 12, 12, 3)
    run = logged(model, x, tmp_path, ("grad_cam", *INPUT_MAPS))
    assert run.probe.kind == "image"
    for method in INPUT_MAPS:
        assert run.attributions(method=method).heat.shape[1:] == (6, 12, 12)
    assert run.attributions(method="grad_cam").heat.shape[1:] == (6, 10, 10)
    assert np.isfinite(run.trust("saliency").measures["deletion"]).all()


def test_features_of_tables_are_blanked_one_by_one(tmp_path):
    """Of a linear model, input × gradient puts the features in the order of what they give the score."""
    seed_all()
    x = torch.rand(8, 5) + 0.5
    model = nn.Linear(5, 2)
    run = logged(model, x, tmp_path, ("input_x_gradient", "saliency"))
    measures = run.trust("input_x_gradient").measures
    assert (measures["deletion"] <= measures["insertion"] + 1e-6).all()
