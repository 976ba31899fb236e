# SPDX-License-Identifier: Apache-2.0
"""Attention that a gradient can reach, and single units, against eager models and autograd."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch_models import count_hooks, seed_all

from tb_xai_callbacks.backends.torch.observer import TorchObserver
from tb_xai_callbacks.measure import rollout
from tb_xai_callbacks.torch import watch
from tb_xai_plugin import open_log


class Fused(nn.Module):
    """One self-attention of two heads over [n 5 8]; `eager` computes what SDPA does, keeping the weights."""

    def __init__(self, causal=False):
        super().__init__()
        self.qkv, self.out, self.causal, self.kept = nn.Linear(8, 24), nn.Linear(8, 3), causal, None

    def forward(self, x, eager=False):
        q, k, v = (p.view(len(x), 5, 2, 4).transpose(1, 2) for p in self.qkv(x).chunk(3, -1))
        if eager:
            logits = q @ k.transpose(-2, -1) / 2
            if self.causal:
                logits = logits + torch.full((5, 5), -torch.inf).triu(1)
            self.kept = logits.softmax(-1)
            mixed = self.kept @ v
        else:
            mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(mixed.transpose(1, 2).flatten(2)).mean(1)


def attended(model, x, cotangent):
    observer = TorchObserver(model, x.numpy())
    observer.layout()
    with observer.explaining() as explainer:
        found = explainer.attend(cotangent)
    observer.close()
    return found


@pytest.mark.parametrize("causal", [False, True])
def test_gradients_at_fused_attention_are_those_of_an_eager_model(causal):
    seed_all()
    model, x = Fused(causal).eval(), torch.randn(4, 5, 8)
    cotangent = np.eye(3, dtype=np.float32)[[0, 2, 1, 0]]
    output = model(x, eager=True)
    theirs = torch.autograd.grad((output * torch.from_numpy(cotangent)).sum(), model.kept)[0]
    weights, slopes = attended(model, x, cotangent)
    assert list(weights) == [""]
    np.testing.assert_allclose(weights[""], model.kept.detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(slopes[""], theirs.numpy(), atol=1e-6)


def test_gradients_at_an_encoder_layer_move_the_score_as_finite_differences_do():
    seed_all()
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
    model, x = nn.Sequential(layer, nn.Flatten(), nn.Linear(40, 3)).eval().double(), torch.randn(2, 5, 8)
    hooks = count_hooks(model)
    weights, slopes = attended(model, x, np.eye(3, dtype=np.float32)[[0, 1]])
    assert count_hooks(model) == hooks
    assert "forward" not in vars(layer.self_attn)
    (name,) = weights
    x, attention = x.double(), layer.self_attn
    value = functional.linear(x, attention.in_proj_weight[16:], attention.in_proj_bias[16:])
    value = value.view(2, 5, 2, 4).transpose(1, 2)
    free = torch.from_numpy(weights[name]).double().requires_grad_()
    y = layer.norm1(x + attention.out_proj((free @ value).transpose(1, 2).flatten(2)))
    y = model[2](layer.norm2(y + layer.linear2(layer.linear1(y).relu())).flatten(1))
    theirs = torch.autograd.grad(y[0, 0] + y[1, 1], free)[0]
    np.testing.assert_allclose(slopes[name], theirs.numpy(), atol=1e-5)
    assert np.abs(slopes[name]).max() > 1e-3


def test_a_unit_is_pulled_to_the_input():
    seed_all()
    model, x = (
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(64, 3)),
        torch.randn(2, 1, 6, 6),
    )
    observer, unit = TorchObserver(model, x.numpy()), np.array([3, 40])
    observer.layout()
    with observer.explaining() as explainer:
        ours = explainer.pull_unit(x.numpy(), "1", unit)
    x.requires_grad_()
    inner = model[1](model[0](x)).flatten(1)
    theirs = torch.autograd.grad(inner[0, 3] + inner[1, 40], x)[0]
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-6)


class TwoBlocks(nn.Module):
    """Two layers of fused attention over five tokens, and a mean."""

    def __init__(self):
        super().__init__()
        layers = [nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True) for _ in range(2)]
        self.layers, self.head = nn.ModuleList(layers), nn.Linear(8, 3)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.head(x.mean(1))


def test_gradient_rollout_is_recorded_and_is_that_of_the_arithmetic(tmp_path):
    seed_all()
    model, x = TwoBlocks(), torch.randn(4, 5, 8)
    with watch(model, log_dir=tmp_path, probe=x, methods=("gradient_rollout",), strict=True) as explain:
        explain.snapshot()
    found = next(iter(open_log(tmp_path).values())).attributions(method="gradient_rollout")
    weights, slopes = attended(model, x, np.eye(3, dtype=np.float32)[found.targets[-1]])
    rolled = rollout.gradient_rollout(list(weights.values()), list(slopes.values()))
    np.testing.assert_allclose(found.heat[-1], (rolled - np.eye(5)).mean(1), rtol=2e-3, atol=1e-4)
    assert found.layer == "attention"


def test_neuron_conductance_sums_to_the_units_layer_conductance(tmp_path):
    """Without biases the path's ends add nothing that the quadrature misses: the net is linear along it."""
    seed_all()
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2, bias=False)
    )
    x = torch.rand(3, 1, 6, 6)
    methods = ("neuron_conductance",)
    with watch(model, log_dir=tmp_path, probe=x, methods=methods, target_layers="1", strict=True) as explain:
        explain.snapshot()
    found = next(iter(open_log(tmp_path).values())).attributions(method="neuron_conductance")
    with torch.no_grad():
        share = (
            model[2](model[1](model[0](x))) * model[3].weight[found.targets[-1]]
        )  # every unit's conductance
    strongest = share[torch.arange(3), share.abs().argmax(1)]
    assert found.heat.shape[1:] == (3, 6, 6)
    np.testing.assert_allclose(found.heat[-1].sum((1, 2)), strongest.numpy(), rtol=5e-3)
    assert found.signed
