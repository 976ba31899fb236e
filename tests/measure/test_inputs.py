# SPDX-License-Identifier: Apache-2.0
"""Explanations at the input against captum, closed forms and slow loops."""

import numpy as np
import pytest
import torch
from captum import attr
from captum.testing.helpers.basic_models import BasicModel2, BasicModel3, ReLULinearModel
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tb_xai_callbacks.measure import inputs as methods

RNG = np.random.default_rng(2)


def calls(net, targets=None):
    """The two callables of a torch net: gradient and score of each sample's own target."""

    def score(x):
        out = net(x)
        return out[:, 0] if targets is None else out[torch.arange(len(x)), torch.tensor(targets)]

    def gradient_of(x):
        x = torch.from_numpy(x).requires_grad_()
        return torch.autograd.grad(score(x).sum(), x)[0].numpy()

    def score_of(x):
        with torch.no_grad():
            return score(torch.from_numpy(x)).numpy()

    return gradient_of, score_of


@pytest.fixture(scope="module")
def convnet():
    torch.manual_seed(3)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.Softplus(), nn.Conv2d(6, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3)
    )
    return net.double().eval()


@pytest.fixture
def images():
    return np.random.default_rng(4).normal(size=(2, 3, 7, 8))


TARGETS = [2, 0]


@pytest.mark.parametrize(
    ("ours", "theirs"), [(methods.saliency, attr.Saliency), (methods.input_x_gradient, attr.InputXGradient)]
)
def test_gradients_equal_captum(convnet, images, ours, theirs):
    gradient, _ = calls(convnet, TARGETS)
    expected = theirs(convnet).attribute(torch.from_numpy(images).requires_grad_(), torch.tensor(TARGETS))
    np.testing.assert_allclose(ours(gradient, images), expected.detach().numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("baseline", [0.0, 0.5])
def test_integrated_gradients_equal_captum_and_are_complete(convnet, images, baseline):
    gradient, score = calls(convnet, TARGETS)
    got = methods.integrated_gradients(gradient, score, images, baseline=baseline, steps=50)
    expected, delta = attr.IntegratedGradients(convnet).attribute(
        torch.from_numpy(images),
        baselines=baseline,
        target=torch.tensor(TARGETS),
        n_steps=50,
        return_convergence_delta=True,
    )
    np.testing.assert_allclose(got.attribution, expected.numpy(), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(got.gap, delta.numpy(), atol=1e-6)
    assert np.abs(got.gap).max() < 1e-3


@pytest.mark.parametrize("model", [BasicModel2, BasicModel3])
def test_integrated_gradients_of_the_papers_example(model):
    whole = model()

    def net(x):
        return whole(x[:, :1], x[:, 1:])

    values = np.array([[3.0, 1.0]])
    got = methods.integrated_gradients(*calls(net), values, steps=200)
    if model is BasicModel2:
        np.testing.assert_allclose(got.attribution, [[1.5, -0.5]], atol=5e-3)
    np.testing.assert_allclose(got.attribution.sum(), 1, atol=5e-3)
    np.testing.assert_allclose(got.gap, got.attribution.sum() - 1, atol=1e-6)


def test_integrated_gradients_of_relu_and_linear():
    whole = ReLULinearModel().double()

    def net(x):
        return whole(x[:, :3], x[:, 3:])

    values = np.array([[-10.0, 1, -5, 3, 3, 1]])
    got = methods.integrated_gradients(*calls(net), values)
    np.testing.assert_allclose(got.attribution, [[0, 0, 0, 6, 9, 0]], atol=1e-6)
    np.testing.assert_allclose(got.gap, 0, atol=1e-6)


@given(st.integers(2, 8), st.integers(0, 99))
def test_gauss_legendre_is_exact_for_polynomials(steps, seed):
    generator = np.random.default_rng(seed)
    power = 2 * steps  # the gradient has one degree less: 2 steps - 1 is the highest that is exact
    values, weights = generator.uniform(-1, 1, (3, 4)), generator.normal(size=4)
    got = methods.integrated_gradients(
        lambda x: power * weights * x ** (power - 1), lambda x: x**power @ weights, values, steps=steps
    )
    np.testing.assert_allclose(got.gap, 0, atol=1e-9)
    np.testing.assert_allclose(got.attribution, weights * values**power, atol=1e-6)


def test_the_gap_shows_too_few_steps():
    got = methods.integrated_gradients(
        lambda x: 9 * x**8, lambda x: (x**9).sum(1), np.array([[1.0], [2.0]]), steps=1
    )
    np.testing.assert_allclose(got.gap, 9 * 0.5**8 * np.array([1, 2.0**9]) - [1, 2.0**9], rtol=1e-9)


def test_smooth_grad_is_the_mean_over_the_noise_of_its_seed():
    values = RNG.normal(size=(3, 5)).astype(np.float32)
    seen = []
    got = methods.smooth_grad(lambda x: seen.append(x) or x**2, values, noise=0.2, samples=4, seed=7)
    again = methods.smooth_grad(lambda x: x**2, values, noise=0.2, samples=4, seed=7)
    other = methods.smooth_grad(lambda x: x**2, values, noise=0.2, samples=4, seed=8)
    np.testing.assert_allclose(got, np.mean(np.square(seen, dtype=np.float64), axis=0), rtol=1e-5)
    np.testing.assert_array_equal(got, again)
    assert not np.allclose(got, other)
    one = methods.smooth_grad(np.square, values, samples=1, noise=0)
    np.testing.assert_allclose(one, values**2, rtol=1e-6)
    assert {x.dtype for x in seen} == {np.dtype(np.float32)}


def test_noise_is_a_share_of_each_samples_range():
    values = np.full((2, 40, 50), 20.0)
    values[0, 0, 0], values[1, 0, 0] = 30, 1020
    copies = np.stack(list(methods.noisy_copies(values, 0.1, 30, 0))) - values
    np.testing.assert_allclose(copies.std(axis=(0, 2, 3)), [1, 100], rtol=0.02)
    np.testing.assert_allclose(copies.mean(axis=(0, 2, 3)) / [1, 100], 0, atol=0.02)


def test_no_global_generator_is_touched():
    np.random.seed(5)
    before, torch_before = np.random.get_state()[1].copy(), torch.get_rng_state()
    methods.smooth_grad(np.square, np.ones((2, 3)))
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert torch.equal(torch.get_rng_state(), torch_before)


def test_smooth_grad_of_a_linear_model_is_its_gradient():
    weights = RNG.normal(size=6)
    got = methods.smooth_grad(lambda x: np.broadcast_to(weights, x.shape), RNG.normal(size=(2, 6)))
    np.testing.assert_allclose(got, [weights, weights], rtol=1e-6)


@pytest.mark.parametrize(("patch", "stride"), [(1, 1), (2, 2), (3, 2), (4, 3), (7, 7)])
def test_occlusion_equals_captum(convnet, images, patch, stride):
    _, score = calls(convnet, TARGETS)
    got = methods.occlusion(
        score, images, (2, 3), patch=(patch, patch), stride=(stride, stride), baseline=0.25
    )
    expected = attr.Occlusion(convnet).attribute(
        torch.from_numpy(images),
        (3, patch, patch),
        strides=(3, stride, stride),
        baselines=0.25,
        target=torch.tensor(TARGETS),
    )
    np.testing.assert_allclose(got, expected.detach().numpy()[:, 0], rtol=1e-5, atol=1e-6)


def test_occlusion_of_channels_last_tokens_and_tables(convnet, images):
    _, score = calls(convnet, TARGETS)
    first = methods.occlusion(score, images, (2, 3), patch=(2, 3), stride=(1, 2))
    last = methods.occlusion(
        lambda x: score(np.ascontiguousarray(np.moveaxis(x, -1, 1))),
        np.moveaxis(images, 1, -1),
        (1, 2),
        patch=(2, 3),
        stride=(1, 2),
    )
    np.testing.assert_array_equal(first, last)
    tokens = RNG.normal(size=(2, 5, 3))
    got = methods.occlusion(lambda x: x.sum((1, 2)), tokens, (1,), patch=(1,), stride=(1,))
    np.testing.assert_allclose(got, tokens.sum(2), rtol=1e-5, atol=1e-6)
    table, weights = RNG.normal(size=(4, 3)), np.array([1.0, -2.0, 0.5])
    got = methods.occlusion(lambda x: x @ weights, table, (1,), patch=(1,), stride=(1,), baseline=[1, 2, 3])
    np.testing.assert_allclose(got, (table - [1, 2, 3]) * weights, rtol=1e-5, atol=1e-6)


@given(st.integers(1, 12), st.integers(0, 12), st.integers(0, 12))
def test_windows_cover_every_position(size, patch, stride):
    if 0 < stride <= patch <= size:
        covered = np.zeros(size, int)
        for window in methods._windows(size, patch, stride):
            covered[window] += 1
        assert covered.min() > 0
    else:
        with pytest.raises(ValueError, match="stride ≤ patch ≤ size"):
            methods._windows(size, patch, stride)


def test_attributions_become_maps():
    values = RNG.normal(size=(2, 3, 4, 5))
    np.testing.assert_allclose(
        methods.to_map(values, 1), values[:, 0] + values[:, 1] + values[:, 2], rtol=1e-5
    )
    np.testing.assert_array_equal(methods.to_map(np.moveaxis(values, 1, -1), -1), methods.to_map(values, 1))
    np.testing.assert_array_equal(
        methods.to_magnitude(values, 1), np.float32(np.maximum(values.max(1), -values.min(1)))
    )
    tokens = values[0]
    assert methods.to_map(tokens, -1).shape == (3, 4)
    np.testing.assert_allclose(methods.to_map(tokens, None), tokens.astype(np.float32))
    np.testing.assert_allclose(methods.to_magnitude(tokens, None), np.abs(tokens).astype(np.float32))


def test_maps_keep_the_total_and_the_dtype():
    half = np.full((1, 4096, 1, 1), 0.1, np.float16)
    got = methods.to_map(half, 1)
    np.testing.assert_allclose(got, 4096 * float(np.float16(0.1)), rtol=1e-6)
    assert got.dtype == np.float32


@pytest.mark.parametrize("method", [methods.saliency, methods.input_x_gradient, methods.smooth_grad])
def test_a_gradient_of_another_shape_is_refused(method):
    with pytest.raises(ValueError, match=r"gradient has shape \(2,\), inputs \(2, 3\)"):
        method(lambda x: x[:, 0], np.ones((2, 3)))


def test_wrong_calls_are_refused():
    with pytest.raises(ValueError, match=r"score has shape \(2, 3\)"):
        methods.occlusion(np.square, np.ones((2, 3)), (1,), patch=(1,), stride=(1,))
    with pytest.raises(ValueError, match="at least 1 step"):
        methods.path_points(0)
    with pytest.raises(ValueError, match="at least 1 sample"):
        methods.smooth_grad(np.square, np.ones((2, 3)), samples=0)


def test_inputs_are_not_changed(convnet, images):
    gradient, score = calls(convnet, TARGETS)
    before = images.copy()
    methods.occlusion(score, images, (2, 3), patch=(3, 3), stride=(3, 3))
    methods.integrated_gradients(gradient, score, images, steps=2)
    methods.smooth_grad(gradient, images, samples=2)
    np.testing.assert_array_equal(images, before)
