# SPDX-License-Identifier: Apache-2.0
"""Keras models whose explanations are known: the values of Captum's test models, Captum itself on a twin."""

import captum.attr
import keras
import numpy as np
import pytest
import torch
from keras import layers, ops
from keras_models import CLASSES, chooser, functional, observe, pictures
from maps import map_of
from torch import nn

from tb_xai_callbacks.attribution import Question
from tb_xai_callbacks.backends.contract import CaptureRequest
from tb_xai_callbacks.measure import rollout
from tb_xai_callbacks.measure.cam import grad_cam, hires_cam
from tb_xai_callbacks.measure.scores import select


def explained(model, x, method, layer=None, target=0, guided=False):
    """One method's map of one class; its layer is one of the model's candidates or any with rows."""
    observer, _ = observe(model, x)
    table = observer.layout()
    outputs = observer.capture(CaptureRequest(choose=lambda o: select(o, target))).outputs
    choice = select(outputs, target)
    with observer.explaining(guided=guided) as explainer:
        question = Question(explainer, choice)
        if layer is None:
            return map_of(method, question, None, explainer.inputs)
        found = next((c for c in table.candidates if c.name == layer), None)
        return map_of(method, question, found or Plain(layer), explainer.inputs)


class Plain:
    """A target layer that is no picture."""

    grid, prefix_tokens, units_axis, has_map = None, 0, 1, False

    def __init__(self, name):
        self.name = name


def dense(kernel, bias=None, name=None):
    kernel = np.asarray(kernel, "float32")
    layer = layers.Dense(kernel.shape[1], use_bias=bias is not None, name=name)
    layer.build((None, kernel.shape[0]))
    layer.set_weights([kernel] if bias is None else [kernel, np.asarray(bias, "float32")])
    return layer


# ---- the models of captum.testing.helpers.basic_models, with the values that Captum tests with


def one_conv():
    """`BasicModel_ConvNet_One_Conv`, with channels last and its flattening with channels first."""
    inputs = keras.Input((4, 4, 1))
    conv = layers.Conv2D(2, 3, name="conv1")
    maps = layers.ReLU(name="relu1")(conv(inputs))
    conv.set_weights([np.ones((3, 3, 1, 2), "float32"), np.array([-50.0, -75.0], "float32")])
    flat = layers.Flatten()(layers.Permute((3, 1, 2))(maps))
    kernel = np.concatenate([np.ones((5, 4)), -np.ones((3, 4))])
    return keras.Model(inputs, layers.ReLU(name="relu2")(dense(kernel, np.zeros(4), "fc1")(flat)))


@pytest.mark.parametrize(
    ("layer", "expected"),
    [("conv1", [[11.25, 13.5], [20.25, 22.5]]), ("relu1", [[0, 4], [28, 32.5]])],
)
def test_grad_cam_of_one_convolution(layer, expected):
    x = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    np.testing.assert_allclose(explained(one_conv(), x, "grad_cam", layer)[0], expected, rtol=1e-6)


def multi_layer():
    """`BasicModel_MultiLayer`."""
    inputs = keras.Input((3,))
    hidden = dense(np.eye(3), np.zeros(3), "linear0")(inputs)
    hidden = dense(np.ones((3, 4)), [-10, 1, 1, 1], "linear1")(hidden)
    return keras.Model(inputs, dense(np.ones((4, 2)), [-1, 1], "linear2")(layers.ReLU(name="relu")(hidden)))


@pytest.mark.parametrize(("layer", "expected"), [("linear1", [90, 100, 100, 100]), ("linear0", [0, 390, 0])])
def test_conductance_of_several_layers(layer, expected):
    x = np.array([[0, 100, 0]], "float32")
    found = explained(multi_layer(), x, "layer_conductance", layer)
    np.testing.assert_allclose(found[0], expected, atol=12)  # 16 steps; the kink at 10 is between two


def test_neuron_conductance_is_of_the_strongest_unit():
    x = np.array([[20, 50, 30]], "float32")
    found = explained(multi_layer(), x, "neuron_conductance", "linear1")
    np.testing.assert_allclose(found[0], [20, 50, 30], rtol=2e-2)  # a unit without the threshold


def implementations():
    """`BasicModel2` and `BasicModel3`: the same function written in two ways."""
    inputs = keras.Input((2,))
    first, second = inputs[:, :1], inputs[:, 1:]
    one = ops.relu(ops.relu(first) - 1 - ops.relu(second))
    other = ops.relu(ops.relu(first - 1) - ops.relu(second))
    return keras.Model(inputs, one), keras.Model(inputs, other)


def test_integrated_gradients_of_two_implementations():
    x = np.array([[3, 1]], "float32")
    # Of a single column, class 1 is the column itself.
    one, other = (explained(model, x, "integrated_gradients", target=1) for model in implementations())
    np.testing.assert_allclose(one[0], [1.5, -0.5], atol=0.1)
    assert abs(one.sum() - 1) < 0.05
    assert abs(other.sum() - 1) < 0.05


def test_integrated_gradients_of_a_relu_after_linear_parts():
    """`ReLULinearModel`: its two inputs side by side."""
    inputs = keras.Input((6,))
    parts = [dense([[3.0], [1.0], [0.0]]), dense([[2.0], [3.0], [0.0]])]
    both = layers.Concatenate()([parts[0](inputs[:, :3]), parts[1](inputs[:, 3:])])
    model = keras.Model(inputs, dense([[1.0], [1.0]])(layers.ReLU()(both)))
    x = np.array([[-10, 1, -5, 3, 3, 1]], "float32")
    found = explained(model, x, "integrated_gradients", target=1)
    np.testing.assert_allclose(found[0], [0, 0, 0, 6, 9, 0], atol=1e-4)


# ---- Captum on a torch twin with the same weights


def twin(model):
    """The torch module of `functional()` with its weights; pictures [n c h w]."""

    def array(variable):
        return torch.from_numpy(keras.ops.convert_to_numpy(variable).copy())

    def conv(layer):
        kernel, bias = map(array, layer.weights)
        made = nn.Conv2d(kernel.shape[2], kernel.shape[3], kernel.shape[0])
        made.weight.data, made.bias.data = kernel.permute(3, 2, 0, 1).contiguous(), bias
        return made

    norm, head = model.get_layer("norm"), nn.Linear(6, CLASSES)
    made = nn.BatchNorm2d(5, eps=norm.epsilon)
    made.weight.data, made.bias.data = array(norm.gamma), array(norm.beta)
    made.running_mean, made.running_var = array(norm.moving_mean), array(norm.moving_variance)
    head.weight.data, head.bias.data = (array(v).T.contiguous() for v in model.get_layer("head").weights)
    parts = [conv(model.get_layer("conv1")), made, nn.ReLU(), conv(model.get_layer("conv2"))]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head).eval()


CAPTUM = {
    "saliency": lambda net, x: captum.attr.Saliency(net).attribute(x, target=1).amax(1),
    "input_x_gradient": lambda net, x: captum.attr.InputXGradient(net).attribute(x, target=1).sum(1),
    "integrated_gradients": lambda net, x: (
        captum.attr.IntegratedGradients(net).attribute(x, target=1, n_steps=32, method="gausslegendre").sum(1)
    ),
    "guided_backprop": lambda net, x: captum.attr.GuidedBackprop(net).attribute(x, target=1).sum(1),
    "occlusion": lambda net, x: captum.attr.Occlusion(net).attribute(x, (3, 1, 1), target=1)[:, 0],
    "grad_cam": lambda net, x: captum.attr.LayerGradCam(net, net[3]).attribute(
        x, target=1, relu_attributions=True
    )[:, 0],
}


@pytest.mark.parametrize("method", CAPTUM)
def test_methods_are_captums(method):
    keras.utils.set_random_seed(0)
    model, (x, _) = functional("softmax"), pictures(6)
    model.get_layer("norm").set_weights([*np.random.default_rng(0).uniform(0.5, 2, (4, 5)).astype("float32")])
    layer = "conv2" if method == "grad_cam" else None
    ours = explained(model, x, method, layer, target=1, guided=method == "guided_backprop")
    net = twin(model)
    theirs = CAPTUM[method](net, torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).detach().numpy()
    assert np.abs(theirs).max() > 1e-3
    np.testing.assert_allclose(ours, theirs, atol=2e-5, rtol=1e-3)


@pytest.mark.parametrize("relu", ["layer", "argument", "activation", "operation"])
def test_guided_backpropagation_clips_every_kind_of_relu(relu):
    """Dense, ReLU, Dense: the gradient goes on where both it and what came forward are positive."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(5, 7)).astype("float32"), rng.normal(size=(7, 3)).astype("float32")
    inputs = keras.Input((5,))
    hidden = dense(first)
    if relu == "argument":
        hidden.activation = keras.activations.get("relu")
    made = {
        "layer": layers.ReLU(),
        "argument": lambda x: x,
        "activation": layers.Activation("relu"),
        "operation": ops.relu,
    }[relu](hidden(inputs))
    x = rng.normal(size=(4, 5)).astype("float32")
    ours = explained(keras.Model(inputs, dense(second)(made)), x, "guided_backprop", target=2, guided=True)
    expected = (np.maximum(second[:, 2], 0) * (x @ first > 0)) @ first.T
    np.testing.assert_allclose(ours, expected, atol=1e-5)
    plain = explained(keras.Model(inputs, dense(second)(made)), x, "input_x_gradient", target=2)
    np.testing.assert_allclose(plain, x * ((second[:, 2] * (x @ first > 0)) @ first.T), atol=1e-5)


def test_guided_backpropagation_without_a_relu_says_so():
    model = keras.Sequential([keras.Input((5,)), dense(np.eye(5))])
    with pytest.raises(ValueError, match="the model has none"):
        explained(model, np.ones((2, 5), "float32"), "guided_backprop", guided=True)


# ---- identities


def test_hires_cam_is_grad_cam_before_pooling():
    keras.utils.set_random_seed(0)
    observer, probe = observe(functional(), *pictures(6))
    observer.layout()
    capture = observer.capture(CaptureRequest(("conv2",), chooser(probe)))
    a, g = capture.activations["conv2"], capture.gradients["conv2"]
    np.testing.assert_allclose(hires_cam(a, g), grad_cam(a, g), atol=1e-6)


def attending():
    """One attention over five tokens, a mean, a head without a constant."""
    inputs = keras.Input((5, 8))
    attention = layers.MultiHeadAttention(2, 4, name="attention")
    pooled = layers.GlobalAveragePooling1D()(attention(inputs, inputs))
    return keras.Model(inputs, layers.Dense(3, name="head")(pooled)), attention


def test_gradients_at_attention_are_the_closed_form():
    """The output is linear in the probabilities: their gradient is value · output kernel · head / tokens."""
    keras.utils.set_random_seed(0)
    model, attention = attending()
    x = np.random.default_rng(0).normal(size=(4, 5, 8)).astype("float32")
    observer, _ = observe(model, x)
    observer.layout()
    with observer.explaining() as explainer:
        weights, slopes = explainer.attend(np.eye(3, dtype="float32")[[0, 2, 1, 0]])
    (name,) = weights
    assert name == "attention"
    np.testing.assert_allclose(weights[name].sum(-1), 1, rtol=1e-5)
    value = keras.ops.convert_to_numpy(attention._value_dense(x))
    kernel = keras.ops.convert_to_numpy(attention._output_dense.kernel)
    head = keras.ops.convert_to_numpy(model.get_layer("head").kernel)[:, [0, 2, 1, 0]] / 5
    expected = np.einsum("nkhd,hde,en->nhk", value, kernel, head)[:, :, None].repeat(5, 2)
    np.testing.assert_allclose(slopes[name], expected, atol=1e-6)
    rolled = rollout.gradient_rollout(list(weights.values()), list(slopes.values()))
    assert rolled.shape == (4, 5, 5)


def test_a_unit_is_pulled_to_the_input():
    """Units count with channels first, whatever the model's layout."""
    keras.utils.set_random_seed(0)
    model, (x, _) = functional(), pictures(3)
    observer, _ = observe(model, x)
    observer.layout()
    unit = np.array([3, 40, 77])
    with observer.explaining() as explainer:
        ours = explainer.pull_unit(x, "conv1", unit)
    kernel = keras.ops.convert_to_numpy(model.get_layer("conv1").kernel)
    expected = np.zeros_like(x)
    for sample, (channel, row, column) in enumerate(zip(*np.unravel_index(unit, (5, 6, 6)), strict=True)):
        expected[sample, row : row + 3, column : column + 3] = kernel[..., channel]
    np.testing.assert_allclose(ours, expected, atol=1e-6)
