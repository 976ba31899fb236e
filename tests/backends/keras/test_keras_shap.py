# SPDX-License-Identifier: Apache-2.0
"""KernelSHAP of Keras models of tables, by the library shap; on torch and JAX by `test_keras_on_all.py`."""

import sys

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import functional, observe, pictures
from maps import map_of

from tb_xai_callbacks.attribution import Question
from tb_xai_callbacks.backends.contract import CaptureRequest
from tb_xai_callbacks.measure.scores import select


def explained(model, x, method="kernel_shap", target=0):
    observer, _ = observe(model, x)
    observer.layout()
    choice = select(observer.capture(CaptureRequest(choose=lambda o: select(o, target))).outputs, target)
    with observer.explaining() as explainer:
        question = Question(explainer, choice)
        heat = map_of(method, question, None, explainer.inputs)
        return heat, question.score_at(explainer.inputs) - question.score_at(np.zeros_like(explainer.inputs))


def several_layers():
    """`BasicModel_MultiLayer` of captum.testing.helpers.basic_models."""
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4, activation="relu", kernel_initializer="ones"),
            layers.Dense(2, kernel_initializer="ones"),
        ]
    )
    for layer, bias in zip(model.layers, ([-10, 1, 1, 1], [-1, 1]), strict=True):
        layer.bias.assign(np.array(bias, "float32"))
    return model


def product(features):
    """x0 x1 + 3 x2, and its negative."""
    inputs = keras.Input((features,))
    score = inputs[:, :1] * inputs[:, 1:2] + 3 * inputs[:, 2:3]
    return keras.Model(inputs, layers.Concatenate()([score, -score]))


def test_shapley_values_are_exact_with_few_features():
    x = np.array([[20, 50, 30], [20, 50, 30]], "float32")
    random = np.random.get_state()[1].copy()
    heat, change = explained(several_layers(), x)
    np.testing.assert_allclose(heat, [[230 / 3, 590 / 3, 350 / 3]] * 2, rtol=1e-4)
    np.testing.assert_allclose(heat.sum(1), change, rtol=1e-5)
    np.testing.assert_array_equal(np.random.get_state()[1], random)


def test_pictures_and_captums_methods_are_refused_with_a_reason():
    with pytest.raises(ValueError, match=r"one table.*\[4, 8, 8, 3\]"):
        explained(functional(), pictures(4)[0])
    with pytest.raises(ValueError, match="PyTorch models only"):
        explained(functional(), pictures(4)[0], "deep_lift")


def test_without_shap_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(ValueError, match="tb-xai-plugin\\[attribution\\]"):
        explained(product(9), np.ones((2, 9), "float32"))


@pytest.mark.parametrize("features", [4, 9])
def test_a_product_is_shared_alike(features):
    """x0 x1 + 3 x2 against a blank input: with few features by all coalitions, with more by shap."""
    x = np.random.default_rng(0).normal(size=(3, features)).astype("float32")
    heat, change = explained(product(features), x)
    expected = np.zeros_like(x)
    expected[:, 0] = expected[:, 1] = x[:, 0] * x[:, 1] / 2
    expected[:, 2] = 3 * x[:, 2]
    np.testing.assert_allclose(heat, expected, atol=1e-4)
    np.testing.assert_allclose(heat.sum(1), change, atol=1e-4)
