"""Probe passes: Grad-CAM against known values, Captum and the closed form; odd models and outputs."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from captum.testing.helpers.basic_models import BasicModel_ConvNet_One_Conv
from reductions import EVERYTHING, resolved
from torch import nn
from torch.nn import functional
from torch_models import ClosedForm, NormDrop, count_hooks, data

from tb_xai_callbacks.backends.contract import CaptureRequest
from tb_xai_callbacks.backends.torch.observer import TorchObserver
from tb_xai_callbacks.measure.cam import grad_cam
from tb_xai_callbacks.measure.scores import select
from tb_xai_callbacks.probe.samples import choose_probe


def chooser(target):
    return lambda outputs: select(outputs, target)


def heat(model, inputs, layers, target=0, **options):
    observer = TorchObserver(model, inputs.numpy(), **options)
    observer.layout()
    capture = observer.capture(CaptureRequest(tuple(layers), chooser(target)))
    observer.close()
    assert count_hooks(model) == 0
    return {name: grad_cam(capture.activations[name], capture.gradients[name]) for name in layers}


def test_one_conv_has_the_published_values():
    inputs = torch.arange(16.0).view(1, 1, 4, 4)
    got = heat(BasicModel_ConvNet_One_Conv(), inputs, ["conv1", "relu1"])
    np.testing.assert_allclose(got["conv1"][0], [[11.25, 13.5], [20.25, 22.5]], rtol=1e-6)
    np.testing.assert_allclose(got["relu1"][0], [[0, 4], [28, 32.5]], rtol=1e-6)


@pytest.mark.parametrize("layer", ["conv", "norm", "conv2"])
def test_all_layers_at_once_equal_captum_one_by_one(layer):
    torch.manual_seed(3)
    model, (x, _) = NormDrop(), data()
    got = heat(model, x, ["conv", "norm", "conv2"], target=1)[layer]
    model.eval()
    want = LayerGradCam(model, dict(model.named_modules())[layer]).attribute(x, 1, relu_attributions=True)
    np.testing.assert_allclose(got, want[:, 0].detach().numpy(), atol=1e-5)
    assert got.max() > 0


def test_conv_pool_dense_has_a_closed_form():
    model, (x, _) = ClosedForm(), data()
    maps = model.conv(x)
    want = torch.einsum("c,nchw->nhw", model.fc.weight[2], maps).clamp(min=0) / maps[0, 0].numel()
    np.testing.assert_allclose(heat(model, x, ["conv"], target=2)["conv"], want.detach(), atol=1e-6)


def test_frozen_models_and_backbones_without_grad_are_explained():
    class Frozen(ClosedForm):
        def forward(self, x):
            with torch.no_grad():
                maps = self.conv(x)
            return self.fc(maps.mean((2, 3)))

    model, (x, _) = Frozen(), data()
    want = heat(model, x, ["conv"])["conv"]
    model.requires_grad_(False)
    np.testing.assert_array_equal(heat(model, x, ["conv"])["conv"], want)
    with torch.inference_mode():
        np.testing.assert_array_equal(heat(model, x, ["conv"])["conv"], want)
    assert want.max() > 0


class Returning(ClosedForm):
    """Returns its logits in whatever `wrap` makes of them."""

    def __init__(self, wrap):
        super().__init__()
        self.wrap = wrap

    def forward(self, x):
        return self.wrap(super().forward(x))


@pytest.mark.parametrize(
    ("wrap", "output"),
    [
        (lambda y: (y, 1), None),
        (lambda y: {"logits": y, "other": 2}, None),
        (lambda y: {"scores": y}, "scores"),
        (lambda y: (1, y), 1),
        (lambda y: {"a": {"b": y}}, lambda returned: returned["a"]["b"]),
    ],
)
def test_tuples_and_dicts(wrap, output):
    torch.manual_seed(0)
    plain = ClosedForm()
    model, (x, _) = Returning(wrap), data()
    model.load_state_dict(plain.state_dict())
    np.testing.assert_array_equal(
        heat(model, x, ["conv"], output=output)["conv"], heat(plain, x, ["conv"])["conv"]
    )


@pytest.mark.parametrize("output", [None, "missing", 7])
def test_an_output_that_cannot_be_told_is_explained_but_statistics_are_there(output):
    observer = TorchObserver(Returning(lambda y: {"scores": y}), data()[0].numpy(), output=output)
    layout = observer.layout()
    assert layout.auto is None
    assert "scores" in layout.no_target_reason
    assert "output=" in layout.no_target_reason
    assert [layer.name for layer in layout.table.layers] == ["conv", "fc"]
    assert observer.capture(CaptureRequest(attention=True, statistics=EVERYTHING)).statistics is not None


def test_bfloat16_models_and_several_inputs():
    class Two(ClosedForm):
        def forward(self, a, b):
            return super().forward(a + b)

    x = data()[0]
    observer = TorchObserver(Two().bfloat16(), {"a": x.numpy(), "b": x.numpy()})
    observer.layout()
    got = observer.capture(CaptureRequest(("conv",), chooser(0)))
    assert got.activations["conv"].dtype == got.gradients["conv"].dtype == np.float32


def test_a_compiled_model_is_explained_and_left_compiled():
    x = data()[0]
    model = ClosedForm()
    want = heat(model, x, ["conv"])["conv"]
    np.testing.assert_array_equal(heat(torch.compile(model, backend="eager"), x, ["conv"])["conv"], want)
    model.compile(backend="eager")
    model(x)
    implementation = model._compiled_call_impl
    np.testing.assert_array_equal(heat(model, x, ["conv"])["conv"], want)
    assert model._compiled_call_impl is implementation
    observer = TorchObserver(model, x.numpy())
    assert not observer.observes_training
    observer.layout()
    observer.arm(EVERYTHING)
    assert set(resolved(observer.collect())) == {"weight"}


def test_the_table_names_what_is_reused_functional_and_never_executed():
    layout = TorchObserver(NormDrop(), data()[0].numpy()).layout()
    rows = {layer.name: layer for layer in layout.table.layers}
    assert list(rows) == ["conv", "norm", "conv2", "act", "fc"]
    assert rows["conv2"].activation == "relu"
    assert rows["norm"].activation == ""  # its ReLU is a row itself
    assert rows["act"].calls == layout.call_counts["act"] == 2
    assert rows["conv"].output_shape == (4, 6, 6)
    assert (rows["conv"].units, rows["fc"].units) == (4, 3)
    assert rows["fc"].is_output
    assert layout.table.never_executed == ("unused",)
    assert {p.layer for p in layout.table.parameters} == {"conv", "norm", "conv2", "fc", "unused"}


class Patches(nn.Module):
    """A vision transformer in small: class token, patches of a convolution, blocks of attention."""

    def __init__(self, prefix=1, grid=(3, 4)):
        super().__init__()
        self.grid = grid
        self.embed = nn.Conv2d(1, 8, 2, 2)
        self.prefix = nn.Parameter(torch.randn(1, prefix, 8))
        self.blocks = nn.ModuleList([Block() for _ in range(2)])
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        tokens = self.embed(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.prefix.expand(len(x), -1, -1), tokens], 1)
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(tokens[:, 0])


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1 = nn.LayerNorm(8)
        self.attention = Attention()
        self.norm2 = nn.LayerNorm(8)
        self.mlp = nn.Linear(8, 8)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + functional.gelu(self.mlp(self.norm2(x)))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(8, 24)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        return functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, c)


@pytest.mark.parametrize("prefix", [1, 5])
def test_a_vision_transformer_is_explained_before_its_last_attention(prefix):
    torch.manual_seed(0)
    x = torch.randn(4, 1, 6, 8)
    observer = TorchObserver(Patches(prefix), x.numpy())
    auto = observer.layout().auto
    assert (auto.name, auto.grid, auto.prefix_tokens) == ("blocks.1.norm1", (3, 4), prefix)
    capture = observer.capture(CaptureRequest((auto.name,), chooser(0)))
    assert np.abs(capture.gradients[auto.name][:, prefix:]).max() > 0


def test_swin_like_maps_are_told_to_be_channels_last():
    model = nn.Sequential(nn.Conv2d(1, 7, 2, 2), Permuted(), nn.LayerNorm(7), nn.Linear(7, 7), Pooled())
    x = torch.randn(2, 1, 8, 8)
    observer = TorchObserver(model, x.numpy())
    assert observer.layout().auto.name == "3"
    capture = observer.capture(CaptureRequest(("3", "0"), chooser(0)))
    assert capture.activations["3"].shape == capture.activations["0"].shape == (2, 7, 4, 4)


class Permuted(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1)


class Pooled(nn.Module):
    def forward(self, x):
        return x.mean((1, 2))


def test_the_probe_of_a_wrong_shape_is_told():
    with pytest.raises(ValueError, match=r"does not run on a probe of shape \[2, 3\]"):
        TorchObserver(ClosedForm(), np.zeros((2, 3), np.float32)).layout()
    with pytest.raises(ValueError, match="lazy"):
        TorchObserver(nn.LazyLinear(2), choose_probe(np.zeros((2, 3), np.float32)).inputs).layout()
