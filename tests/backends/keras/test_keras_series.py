# SPDX-License-Identifier: Apache-2.0
"""Keras models of series [n t c]: their convolutions have maps of one row."""

import keras
import numpy as np
from keras import layers
from keras_models import chain, chooser, observe
from maps import map_of

from tb_xai_callbacks.attribution import Question
from tb_xai_callbacks.backends.contract import CaptureRequest
from tb_xai_callbacks.measure.cam import grad_cam
from tb_xai_callbacks.measure.scores import select


def model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((20, 3))
    parts = [
        layers.Conv1D(6, 5, padding="same", name="conv"),
        layers.ReLU(name="relu"),
        layers.GlobalAveragePooling1D(name="pool"),
        layers.Dense(4, name="head"),
    ]
    return keras.Model(inputs, chain(inputs, parts))


def series():
    return np.random.default_rng(0).normal(size=(5, 20, 3)).astype("float32")


def test_grad_cam_of_conv_pool_dense_is_the_weighted_sum_of_its_maps():
    net = model()
    observer, probe = observe(net, series())
    layout = observer.layout()
    assert layout.auto.name == "relu"
    assert not layout.features_first
    capture = observer.capture(CaptureRequest(("relu",), chooser(probe, targets=2)))
    maps = capture.activations["relu"]
    assert maps.shape == (5, 6, 1, 20)
    kernel = keras.ops.convert_to_numpy(net.get_layer("head").kernel)[:, 2]
    expected = np.maximum((kernel[:, None, None] * maps).sum(axis=1) / 20, 0)
    np.testing.assert_allclose(grad_cam(maps, capture.gradients["relu"]), expected, atol=1e-6)


def test_units_and_inputs_of_series_are_explained():
    net, x = model(), series()
    observer, _ = observe(net, x)
    layout = observer.layout()
    outputs = observer.capture(CaptureRequest(choose=lambda o: select(o, 1))).outputs
    with observer.explaining() as explainer:
        question = Question(explainer, select(outputs, 1))
        product = map_of("input_x_gradient", question, None, explainer.inputs)
        through = map_of("neuron_conductance", question, layout.auto, explainer.inputs)
        unit = explainer.pull_unit(x, "conv", np.array([0, 21, 42, 63, 119]))
    assert product.shape == through.shape == (5, 20)
    kernel = keras.ops.convert_to_numpy(net.get_layer("conv").kernel)
    np.testing.assert_allclose(unit[1][:4], kernel[1:, :, 1], atol=1e-6)  # channel 1, moment 1
    np.testing.assert_allclose(unit[4][17:], kernel[:3, :, 5], atol=1e-6)  # the last channel and moment
