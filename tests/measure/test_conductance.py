# SPDX-License-Identifier: Apache-2.0
"""Conductance of layers and neurons against captum, its published values, and its own identities."""

import numpy as np
import pytest
import torch
from captum import attr
from captum.testing.helpers.basic_models import BasicModel_MultiLayer
from torch import nn

from tb_xai_callbacks.measure import conductance, inputs


def along_the_path(net, layer, values, shares, target=0):
    """A layer's activations and the score's gradients there [s n …] at shares of the way from zero."""
    activations, gradients = [], []
    taken = []
    with layer.register_forward_hook(lambda module, args, output: taken.append(output)):
        for share in shares:
            score = net((share * values).requires_grad_())[:, target].sum()
            gradients.append(torch.autograd.grad(score, taken[-1])[0].numpy())
            activations.append(taken[-1].detach().numpy())
    return np.stack(activations), np.stack(gradients)


@pytest.mark.parametrize(("layer", "expected"), [("linear1", [90, 100, 100, 100]), ("linear0", [0, 390, 0])])
def test_the_values_captum_tests_with(layer, expected):
    net = BasicModel_MultiLayer()
    path = along_the_path(net, getattr(net, layer), torch.tensor([[0.0, 100, 0]]), np.linspace(0, 1, 1001))
    np.testing.assert_allclose(conductance.layer_conductance(*path)[0], expected, atol=0.1)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(6)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.Softplus(), nn.Linear(5, 2)).double()


@pytest.fixture(scope="module")
def values():
    return torch.randn(3, 4, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


@pytest.mark.parametrize("index", [0, 1, 2, 3])
def test_layer_conductance_equals_captum_and_is_complete(net, values, index):
    got = conductance.layer_conductance(*along_the_path(net, net[index], values, np.linspace(0, 1, 101)))
    expected = attr.LayerConductance(net, net[index]).attribute(values, target=0, n_steps=400)
    np.testing.assert_allclose(got, expected.detach().numpy(), atol=5e-3)
    change = (net(values) - net(torch.zeros_like(values)))[:, 0].detach().numpy()
    np.testing.assert_allclose(got.sum(1), change, atol=1e-4)


def neuron_path(net, values, unit, nodes):
    """dF/dy [s n] and dy/dinput [s n f] of a unit of the second linear layer."""
    upper, lower = [], []
    for share in nodes:
        x = (share * values).requires_grad_()
        hidden = net[:3](x)
        upper.append(torch.autograd.grad(net[3:](hidden)[:, 0].sum(), hidden, retain_graph=True)[0][:, unit])
        lower.append(torch.autograd.grad(hidden[:, unit].sum(), x)[0])
    return torch.stack(upper).numpy(), torch.stack(lower).numpy()


def test_neuron_conductance_equals_captum_and_sums_to_the_layers(net, values):
    nodes, weights = inputs.path_points(20)
    layer = conductance.layer_conductance(*along_the_path(net, net[2], values, np.linspace(0, 1, 101)))
    total = 0
    for unit in range(5):
        path = neuron_path(net, values, unit, nodes)
        got = conductance.neuron_conductance(*path, weights, values.numpy())
        # not its default method: those weights sum to 1 - 1/steps
        expected = attr.NeuronConductance(net, net[2]).attribute(
            values, unit, target=0, n_steps=20, method="gausslegendre"
        )
        np.testing.assert_allclose(got, expected.detach().numpy(), rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(got.sum(1), layer[:, unit], atol=1e-4)
        total = total + got
    integrated = attr.IntegratedGradients(net).attribute(values, target=0, n_steps=20)
    np.testing.assert_allclose(total, integrated.numpy(), rtol=1e-5, atol=1e-7)


def test_a_linear_path_has_a_closed_form():
    activations = np.linspace([[0, 0]], [[2, -3]], 5)
    gradients = np.broadcast_to([[5.0, 7.0]], activations.shape)
    np.testing.assert_allclose(conductance.layer_conductance(activations, gradients), [[10, -21]])
    ends = conductance.layer_conductance(activations[[0, -1]], gradients[:2])
    np.testing.assert_allclose(ends, [[10, -21]])
    one_unit = conductance.layer_conductance(activations[..., 0], gradients[..., 0])
    np.testing.assert_allclose(one_unit, [10])


def test_nan_stays_with_its_unit():
    activations, gradients = np.random.default_rng(8).normal(size=(2, 4, 2, 3))
    activations[2, 1, 0] = np.nan
    got = conductance.layer_conductance(activations, gradients)
    assert np.isnan(got).tolist() == [[False] * 3, [True, False, False]]


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"shapes \(3, 2\) and \(3, 1\)"):
        conductance.layer_conductance(np.ones((3, 2)), np.ones((3, 1)))
    with pytest.raises(ValueError, match="s ≥ 2"):
        conductance.layer_conductance(np.ones((1, 2)), np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"\[s n\]"):
        conductance.neuron_conductance(np.ones((3, 2)), np.ones((3, 2, 4)), np.ones(2), np.ones((2, 4)))
