"""Attention probabilities against their definition, computed slowly and by hand."""

import math

import numpy as np
import pytest
import torch
from reductions import EVERYTHING, resolved
from torch import nn
from torch.nn import functional

from tb_xai_callbacks.backends.contract import CaptureRequest
from tb_xai_callbacks.backends.torch.observer import TorchObserver


def by_hand(q, k, scale, additive):
    """One row at a time, float64."""
    q, k, additive = (a.detach().double().numpy() for a in (q, k, additive))
    out = np.zeros((*q.shape[:3], k.shape[2]))
    for n, h, i in np.ndindex(q.shape[:3]):
        logits = k[n, h * k.shape[1] // q.shape[1]] @ q[n, h, i] * scale + additive[i]
        weights = np.exp(logits - logits.max())
        out[n, h, i] = weights / weights.sum()
    return out


class Fused(nn.Module):
    def __init__(self, **settings):
        super().__init__()
        self.inner = nn.Identity()
        self.settings = settings

    def forward(self, q, k, v):
        return functional.scaled_dot_product_attention(q, k, v, **self.settings).flatten(1)[:, :2]


class Outer(nn.Module):
    def __init__(self, **settings):
        super().__init__()
        self.attend = Fused(**settings)

    def forward(self, q, k, v):
        return self.attend(q, k, v)


BOOL = torch.tril(torch.ones(5, 5, dtype=torch.bool), 1)
FLOAT = torch.randn(5, 5, generator=torch.Generator().manual_seed(1))
CAUSAL = torch.zeros(5, 5).masked_fill(~torch.ones(5, 5, dtype=torch.bool).tril(), -math.inf)


@pytest.mark.parametrize(
    ("settings", "additive", "key_heads"),
    [
        ({}, torch.zeros(5, 5), 4),
        ({"attn_mask": BOOL}, torch.zeros(5, 5).masked_fill(~BOOL, -math.inf), 4),
        ({"attn_mask": FLOAT}, FLOAT, 4),
        ({"is_causal": True}, CAUSAL, 4),
        ({"scale": 0.3}, torch.zeros(5, 5), 4),
        ({"enable_gqa": True, "is_causal": True}, CAUSAL, 2),
    ],
)
def test_fused_attention_equals_its_definition(settings, additive, key_heads):
    torch.manual_seed(0)
    q = torch.randn(3, 4, 5, 6)
    k, v = torch.randn(2, 3, key_heads, 5, 6)
    observer = TorchObserver(Outer(**settings), tuple(a.numpy() for a in (q, k, v)))
    assert observer.layout().attention_layers == ("attend",)
    got = observer.capture(CaptureRequest(attention=True)).attention["attend"]
    want = by_hand(q, k, settings.get("scale", 6**-0.5), additive)
    np.testing.assert_allclose(got, want, atol=1e-6)


class SelfAttention(nn.Module):
    def __init__(self, batch_first=True, need_weights=False, average=True):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=batch_first, dropout=0.5)
        self.settings = {"need_weights": need_weights, "average_attn_weights": average}
        self.returned = None

    def forward(self, x):
        x = x if self.attention.batch_first else x.transpose(0, 1)
        out, self.returned = self.attention(x, x, x, **self.settings)
        return (out if self.attention.batch_first else out.transpose(0, 1)).mean(1)


def heads_of(attention, x):
    """[n t c] -> (queries, keys) [n heads t d] of a MultiheadAttention."""
    q, k, _ = functional.linear(x, attention.in_proj_weight, attention.in_proj_bias).chunk(3, -1)
    return [part.reshape(*x.shape[:2], attention.num_heads, -1).transpose(1, 2) for part in (q, k)]


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize(("need", "average"), [(False, True), (True, True), (True, False)])
def test_multihead_attention_equals_its_definition_and_returns_what_it_did(batch_first, need, average):
    torch.manual_seed(0)
    x = torch.randn(3, 5, 8)
    model = SelfAttention(batch_first, need, average)
    model.eval()
    want = model(x)
    contract = model.returned
    model.train()
    observer = TorchObserver(model, x.numpy())
    assert observer.layout().attention_layers == ("attention",)
    outputs = observer.capture(CaptureRequest(attention=True))
    q, k = heads_of(model.attention, x)
    np.testing.assert_allclose(
        outputs.attention["attention"], by_hand(q, k, 0.5, torch.zeros(5, 5)), atol=1e-6
    )
    assert (model.returned is None) == (contract is None)
    if contract is not None:
        assert model.returned.shape == contract.shape
    model.eval()
    assert torch.equal(model(x), want)
    assert "forward" not in vars(model.attention)


def test_the_encoder_is_seen_layer_by_layer_with_its_padding():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)

    class Padded(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.TransformerEncoder(layer, 2)

        def forward(self, x, pad):
            return self.encoder(x, src_key_padding_mask=pad).mean(1)

    x, pad = torch.randn(3, 5, 8), torch.zeros(3, 5, dtype=torch.bool)
    pad[:, 4] = True
    model = Padded()
    observer = TorchObserver(model, (x.numpy(), pad.numpy()))
    layout = observer.layout()
    assert layout.attention_layers == ("encoder.layers.0.self_attn", "encoder.layers.1.self_attn")
    rows = {row.name: row for row in layout.table.layers}
    assert rows["encoder.layers.0.linear1"].activation == "relu"
    first = model.encoder.layers[0]
    q, k = heads_of(first.self_attn, first.norm1(x))
    additive = torch.zeros(5, 5)
    additive[:, 4] = -math.inf
    got = observer.capture(CaptureRequest(attention=True, statistics=EVERYTHING))
    np.testing.assert_allclose(
        got.attention["encoder.layers.0.self_attn"], by_hand(q, k, 0.5, additive), atol=1e-6
    )
    assert np.isfinite(resolved(got.statistics)["activation"].values[:, 1]).all()  # every row ran
    assert torch.backends.mha.get_fastpath_enabled()


def test_attention_that_cannot_be_seen_is_said_to_be_so():
    layout = TorchObserver(nn.Linear(3, 2), np.zeros((2, 3), np.float32)).layout()
    assert layout.attention_layers == ()
    assert "scaled_dot_product_attention" in layout.no_attention_reason
