# SPDX-License-Identifier: Apache-2.0
"""Class activation maps against their definitions, torch-cam and captum, and each other."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from captum.testing.helpers.basic_models import BasicModel_ConvNet_One_Conv
from torch import nn

from tb_xai_callbacks.measure import cam
from tb_xai_callbacks.measure.resize import bilinear

RNG = np.random.default_rng(1)
PAIRED = [cam.grad_cam, cam.grad_cam_plus_plus, cam.hires_cam, cam.layer_cam, cam.xgrad_cam]


class Small(nn.Module):
    """Two convolutions and a head that does not pool, so that gradients differ by position."""

    def __init__(self, pooled):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 5, 3, padding=1), nn.ReLU()
        )
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)]
        self.head = nn.Sequential(
            *(head if pooled else [nn.Flatten(), nn.Linear(5 * 48, 8), nn.Tanh(), nn.Linear(8, 3)])
        )

    def forward(self, x):
        return self.head(self.body(x))


def small(pooled, seed=0):
    torch.manual_seed(seed)
    return Small(pooled).double().eval(), torch.randn(2, 3, 6, 8, dtype=torch.float64)


def activation_and_gradient(net, x, target=1):
    activation = net.body(x)
    gradient = torch.autograd.grad(net.head(activation)[:, target].sum(), activation)[0]
    return activation.detach().numpy(), gradient.numpy()


def by_torchcam(name, net, x, **options):
    from torchcam import methods as torchcam

    with getattr(torchcam, name)(net, net.body, input_shape=(3, 6, 8), **options) as extractor:
        scores = net(x)
        return extractor.compute_cams(1, scores, normalized=False)[0].detach().numpy()


def slow(name, a, g):
    """The formulas of the papers, one element at a time."""
    n, c, h, w = a.shape
    heat = np.zeros((n, h, w))
    for i, k in np.ndindex(n, c):
        ak, gk, total = a[i, k], g[i, k], a[i, k].sum()
        if name == "hires_cam":
            heat[i] += gk * ak
        elif name == "layer_cam":
            heat[i] += np.maximum(gk, 0) * ak
        elif name == "xgrad_cam":
            heat[i] += sum(gk[p] * ak[p] / total for p in np.ndindex(h, w)) * ak if total else 0
        else:
            weight = 0
            for p in np.ndindex(h, w):
                below = 2 * gk[p] ** 2 + total * gk[p] ** 3
                weight += gk[p] ** 2 / below * max(gk[p], 0) if below else 0
            heat[i] += weight * ak
    return np.maximum(heat, 0)


@pytest.mark.parametrize("name", ["grad_cam_plus_plus", "hires_cam", "layer_cam", "xgrad_cam"])
@pytest.mark.parametrize("positive", [True, False])
def test_maps_are_the_definitions(name, positive):
    a, g = RNG.normal(size=(2, 3, 4, 5, 6))
    a = np.abs(a) if positive else a
    a[0, 1] = 0
    g[:, :, 0, 0] = 0
    heat = cam.CAMS[name](a, g)
    assert heat.max() > 0
    np.testing.assert_allclose(heat, slow(name, a, g), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("ours", "theirs"), [("grad_cam", "GradCAM"), ("layer_cam", "LayerCAM"), ("xgrad_cam", "XGradCAM")]
)
@pytest.mark.parametrize("pooled", [True, False])
def test_maps_equal_torchcam(ours, theirs, pooled):
    net, x = small(pooled)
    heat = cam.CAMS[ours](*activation_and_gradient(net, x))
    np.testing.assert_allclose(heat, by_torchcam(theirs, net, x), rtol=1e-6, atol=1e-9)


def test_plus_plus_is_what_the_derivatives_of_exp_give():
    # torch-cam 0.5.0 is no oracle here: it divides a copy, its alpha stays gradient²
    torch.manual_seed(0)
    activation = torch.rand(1, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    slope = torch.randn(1, 2, 2, 2, dtype=torch.float64)
    class_score = torch.exp((slope * activation).sum())
    heat = torch.zeros(2, 2, dtype=torch.float64)
    for k in range(2):
        first = torch.autograd.grad(class_score, activation, create_graph=True)[0][0, k]
        weight = 0
        for p in np.ndindex(2, 2):
            second = torch.autograd.grad(first[p], activation, create_graph=True)[0][0, k][p]
            third = torch.autograd.grad(second, activation, retain_graph=True)[0][0, k][p]
            alpha = second / (2 * second + activation[0, k].sum() * third)
            weight += alpha * first[p].clamp(min=0) / class_score
        heat += weight * activation[0, k]
    got = cam.grad_cam_plus_plus(activation.detach().numpy(), slope.numpy())
    np.testing.assert_allclose(got[0], heat.clamp(min=0).detach(), rtol=1e-9)


def test_plus_plus_does_not_underflow():
    a, g = np.abs(RNG.normal(size=(2, 1, 3, 4, 4)))
    tiny = cam.grad_cam_plus_plus(a.astype(np.float32), (g * 1e-20).astype(np.float32))
    np.testing.assert_allclose(tiny / 1e-20, (g.sum((2, 3))[..., None, None] / 2 * a).sum(1), rtol=1e-4)


def test_grad_cam_equals_captum():
    net, x = small(pooled=False)
    theirs = LayerGradCam(net, net.body).attribute(x, 1, relu_attributions=True).detach().numpy()[:, 0]
    np.testing.assert_allclose(cam.grad_cam(*activation_and_gradient(net, x)), theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "expected"), [("conv1", [[11.25, 13.5], [20.25, 22.5]]), ("relu1", [[0, 4], [28, 32.5]])]
)
def test_grad_cam_of_captums_own_example(layer, expected):
    net, taken = BasicModel_ConvNet_One_Conv(), []
    getattr(net, layer).register_forward_hook(lambda module, args, output: taken.append(output))
    score = net(torch.arange(16.0).view(1, 1, 4, 4))[0, 0]
    gradient = torch.autograd.grad(score, taken[0])[0]
    np.testing.assert_allclose(cam.grad_cam(taken[0].detach(), gradient)[0], expected)


def test_pooled_head_makes_hires_and_grad_cam_one():
    net, x = small(pooled=True)
    a, g = activation_and_gradient(net, x)
    expected = np.maximum((net.head[-1].weight.detach().numpy()[1][:, None, None] * a / 48).sum(1), 0)
    np.testing.assert_allclose(cam.grad_cam(a, g), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(cam.hires_cam(a, g), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", PAIRED)
def test_tensors_give_what_arrays_give(method):
    a, g = RNG.normal(size=(2, 2, 3, 4, 5))
    tensors = method(torch.from_numpy(a), torch.from_numpy(g))
    np.testing.assert_allclose(tensors.numpy(), method(a, g), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", cam.CAMS.values(), ids=cam.CAMS)
def test_nan_stays_with_its_sample(method):
    a, g = RNG.normal(size=(2, 2, 3, 4, 5))
    clean = method(a, g)
    a[1, 0, 0, 0] = np.nan
    heat = method(a, g)
    np.testing.assert_allclose(heat[0], clean[0])
    assert np.isnan(heat[1]).any()


@pytest.mark.parametrize("method", PAIRED)
def test_a_gradient_of_another_shape_is_refused(method):
    with pytest.raises(ValueError, match="gradient has shape"):
        method(np.ones((1, 2, 3, 3)), np.ones((1, 2, 3, 4)))


@pytest.mark.parametrize("name", cam.CAMS)
def test_zeros_give_a_map_of_zeros(name):
    np.testing.assert_array_equal(cam.CAMS[name](np.zeros((1, 2, 3, 3)), np.zeros((1, 2, 3, 3))), 0)


def test_eigen_cam_finds_the_pattern_that_the_channels_share():
    pattern = RNG.random((2, 4, 5))
    a = pattern[:, None] * np.array([3.0, 1.0, 2.0])[:, None, None]
    np.testing.assert_allclose(cam.eigen_cam(a), pattern * np.sqrt(14), rtol=1e-5)
    np.testing.assert_allclose(cam.eigen_cam(-a), pattern * np.sqrt(14), rtol=1e-5)


def test_eigen_cam_is_the_leading_eigenvector_of_the_channels():
    a = np.abs(RNG.normal(size=(1, 3, 4, 5)))
    flat = a[0].reshape(3, 20)
    _, vectors = np.linalg.eigh(flat @ flat.T)
    projected = vectors[:, -1] @ flat
    np.testing.assert_allclose(cam.eigen_cam(a)[0].ravel(), projected * np.sign(projected.mean()), rtol=1e-5)


def test_eigen_cam_without_a_mean_makes_the_strongest_cell_positive():
    a = np.array([-1.0, 0.5, 0.25, 0.25]).reshape(1, 1, 2, 2)
    np.testing.assert_allclose(cam.eigen_cam(a).ravel(), [1, 0, 0, 0], atol=1e-7)


def scored(net, x, target=1):
    def score_of(masks):
        n, k = masks.shape[:2]
        stacked = x[:, None] * torch.from_numpy(masks)[:, :, None].double()
        with torch.no_grad():
            return net(stacked.flatten(0, 1))[:, target].reshape(n, k).numpy()

    return score_of


@pytest.mark.parametrize("batch", [1, 2, 99])
def test_score_cam_equals_torchcam(batch):
    net, x = small(pooled=False)
    a, _ = activation_and_gradient(net, x)
    heat = cam.score_cam(a, scored(net, x), (6, 8), batch=batch)
    np.testing.assert_allclose(heat, by_torchcam("ScoreCAM", net, x), rtol=1e-5, atol=1e-6)


def test_score_cam_scales_masks_after_they_are_upsampled():
    a = RNG.normal(size=(2, 3, 3, 3))
    a[0, 1] = 7
    seen = []

    def score_of(masks):
        seen.append(masks)
        return np.zeros(masks.shape[:2])

    heat = cam.score_cam(a, score_of, (6, 6), batch=2)
    assert [masks.shape for masks in seen] == [(2, 2, 6, 6), (2, 1, 6, 6)]
    masks = np.concatenate(seen, axis=1)
    assert (masks.max((2, 3)) > 1 - 1e-6).sum() == 5  # one channel is constant: its mask is all zero
    assert masks.min() == 0
    assert masks.max() <= 1
    np.testing.assert_allclose(heat, np.maximum(a.mean(1), 0), rtol=1e-5, atol=1e-6)


def test_score_cam_of_great_scores_does_not_overflow():
    a = RNG.random((1, 3, 3, 3)) + np.array([9, 6, 3])[:, None, None]  # by mean, as the masks come
    heat = cam.score_cam(a, lambda masks: np.array([[1000.0, 2000, 2000]]), (3, 3))
    np.testing.assert_allclose(heat, (a[:, 1] + a[:, 2]) / 2, rtol=1e-6)


def test_score_cam_of_few_channels_takes_each_samples_strongest():
    a = np.abs(RNG.normal(size=(2, 4, 3, 3)))
    a[0, 2] += 9
    a[1, 0] += 9
    heat = cam.score_cam(a, lambda masks: masks.mean((2, 3)), (3, 3), channels=1)
    np.testing.assert_allclose(heat, [a[0, 2], a[1, 0]], rtol=1e-6)
    with pytest.raises(ValueError, match="at least 1 channel"):
        cam.score_cam(a, lambda masks: masks.mean((2, 3)), (3, 3), channels=0)


@pytest.mark.parametrize("size", [(6, 8), (7, 3), (1, 1), (2, 2), (12, 16)])
@pytest.mark.parametrize("shape", [(3, 4), (1, 5), (6, 1)])
def test_bilinear_equals_torch(shape, size):
    maps = RNG.normal(size=(2, 3, *shape))
    theirs = nn.functional.interpolate(torch.from_numpy(maps), size, mode="bilinear", align_corners=False)
    np.testing.assert_allclose(bilinear(maps, size), theirs.numpy(), rtol=1e-9, atol=1e-12)


def test_bilinear_keeps_nan_where_it_is_and_refuses_nothing():
    maps = np.zeros((2, 4, 4))
    maps[0, 0, 0] = np.nan
    wide = bilinear(maps, (8, 8))
    assert np.isnan(wide[0, :3, :3]).all()
    assert np.isnan(wide).sum() == 9
    with pytest.raises(ValueError, match="cannot resize"):
        bilinear(maps, (0, 3))
    np.testing.assert_allclose(bilinear(np.eye(2), (2, 2)), np.eye(2))
    with pytest.raises(ValueError, match="cannot resize"):
        bilinear(np.ones(3), (2, 2))
