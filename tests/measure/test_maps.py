# SPDX-License-Identifier: Apache-2.0
"""Grad-CAM, what is explained, and attention's arithmetic against closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_xai_callbacks.measure import attention, cam
from tb_xai_callbacks.measure import scores as targets

RNG = np.random.default_rng(0)


def slow_grad_cam(a, g):
    n, c, h, w = a.shape
    heat = np.zeros((n, h, w))
    for i in range(n):
        for k in range(c):
            heat[i] += g[i, k].sum() / (h * w) * a[i, k]
    return np.maximum(heat, 0)


def test_grad_cam_is_the_definition():
    a, g = RNG.normal(size=(2, 3, 4, 5, 6)).astype(np.float32)
    np.testing.assert_allclose(cam.grad_cam(a, g), slow_grad_cam(a, g), rtol=1e-5, atol=1e-6)


def test_grad_cam_names_the_axes_of_a_wrong_shape():
    with pytest.raises(ValueError, match=r"\[n c h w\], got shape \(2, 3\)"):
        cam.grad_cam(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="gradient has shape"):
        cam.grad_cam(np.ones((1, 2, 3, 3)), np.ones((1, 2, 3, 4)))


def test_tokens_become_rows_and_columns():
    tokens = RNG.normal(size=(2, 1 + 6, 4))
    picture = cam.tokens_to_map(tokens, (2, 3), 1)
    assert picture.shape == (2, 4, 2, 3)
    np.testing.assert_array_equal(picture[1, :, 1, 2], tokens[1, 1 + 5])
    with pytest.raises(ValueError, match="do not fill"):
        cam.tokens_to_map(tokens, (2, 2), 1)


def test_classifier_explains_the_logit_of_the_prediction():
    logits = np.array([[1, 5, 0], [4, 0, 0]], np.float32)
    got = targets.select(logits)
    np.testing.assert_array_equal(got.targets, [1, 0])
    np.testing.assert_array_equal(got.cotangent, [[0, 1, 0], [1, 0, 0]])
    np.testing.assert_allclose(
        got.scores, [np.exp(5) / (np.e + np.exp(5) + 1), np.exp(4) / (np.exp(4) + 2)], rtol=1e-5
    )
    assert got.probabilities


def test_label_and_fixed_targets():
    logits = np.array([[1, 5, 0], [4, 0, 0]], np.float32)
    np.testing.assert_array_equal(targets.select(logits, "label", np.array([2, 2])).targets, [2, 2])
    np.testing.assert_array_equal(targets.select(logits, 0).targets, [0, 0])
    np.testing.assert_array_equal(targets.select(logits, [2, 1]).targets, [2, 1])
    with pytest.raises(ValueError, match="3 classes, 0 to 2"):
        targets.select(logits, 3)


def test_probabilities_are_not_softmaxed_again():
    got = targets.select(np.array([[0.25, 0.75]], np.float32))
    assert got.scores[0] == np.float32(0.75)


def test_segmentation_explains_the_mean_logit():
    got = targets.select(RNG.normal(size=(2, 3, 4, 4)).astype(np.float32), 1)
    assert got.cotangent[0, 1].sum() == pytest.approx(1)
    assert got.cotangent[0, [0, 2]].sum() == 0


def test_two_classes_with_one_output():
    got = targets.select(np.array([[2.0], [-1.0]], np.float32), labels=np.array([0, 1]))
    np.testing.assert_array_equal(got.cotangent, [[1], [-1]])
    np.testing.assert_array_equal(got.predictions, [1, 0])
    np.testing.assert_allclose(got.scores, [1 / (1 + np.exp(-2)), 1 - 1 / (1 + np.e)], rtol=1e-5)


def test_a_sigmoid_output_is_a_probability_already():
    got = targets.select(np.array([[0.9]], np.float32), labels=np.array([1]), sigmoid=True)
    assert got.scores[0] == np.float32(0.9)
    small_logit = targets.select(np.array([[0.9]], np.float32), labels=np.array([1]))
    np.testing.assert_allclose(small_logit.scores, 1 / (1 + np.exp(-0.9)), rtol=1e-6)


def test_regression_explains_the_value():
    got = targets.select(np.array([[2.0], [-1.0]], np.float32))
    assert not got.probabilities
    np.testing.assert_array_equal(got.scores, [2, -1])
    np.testing.assert_array_equal(got.targets, [-1, -1])


def test_entropy_of_uniform_and_certain_heads():
    weights = np.zeros((2, 2, 3, 4))
    weights[:, 0] = 0.25
    weights[:, 1, :, 2] = 1
    np.testing.assert_allclose(attention.head_entropy(weights), [np.log(4), 0], atol=1e-6)
    weights[0, 0, 0] = np.nan
    np.testing.assert_allclose(attention.head_entropy(weights)[0], np.log(4), rtol=1e-6)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 20))
def test_pooled_rows_still_sum_to_one(queries, keys, most):
    weights = RNG.dirichlet(np.ones(keys), (1, 2, queries))
    pooled = attention.pool_attention(weights, most)
    assert pooled.shape == (1, 2, min(queries, most), min(keys, most))
    np.testing.assert_allclose(pooled.sum(-1), 1, rtol=1e-9)


def test_pooled_heat_keeps_its_mean():
    heat = RNG.random((2, 128, 96))
    pooled = attention.pool_heat(heat)
    assert pooled.shape == (2, 64, 64)
    assert attention.pool_heat(heat[:, ::2, :32]).shape == (2, 64, 32)
    np.testing.assert_allclose(attention.pool_heat(heat[:, :, :64]).mean(), heat[:, :, :64].mean())
