# SPDX-License-Identifier: Apache-2.0
"""Attention rollout, plain and weighted by gradients, against loops and closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_xai_callbacks.measure import rollout

RNG = np.random.default_rng(5)


def attention(layers, n, heads, tokens, seed=0):
    return list(np.random.default_rng(seed).dirichlet(np.ones(tokens), (layers, n, heads, tokens)))


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(1, 6), st.integers(0, 99))
def test_rows_of_a_rollout_sum_to_one(layers, n, heads, tokens, seed):
    got = rollout.attention_rollout(attention(layers, n, heads, tokens, seed))
    assert got.shape == (n, tokens, tokens)
    np.testing.assert_allclose(got.sum(-1), 1, rtol=1e-5)
    assert got.min() >= 0


def test_rollout_is_the_slow_recursion():
    layers = attention(3, 2, 2, 4)
    layers[1] = layers[1] * 0.7  # rows that do not sum to 1, as after dropped entries
    for i in range(2):
        expected = np.eye(4)
        for layer in layers:
            mixed = (layer[i, 0] + layer[i, 1]) / 2 + np.eye(4)
            mixed = np.array([row / row.sum() for row in mixed])
            expected = mixed @ expected
        np.testing.assert_allclose(rollout.attention_rollout(layers)[i], expected, rtol=1e-5)


def test_the_last_layer_stands_left():
    to_first, to_second = np.zeros((2, 1, 1, 3, 3))
    to_first[..., 0] = 1
    to_second[..., 1] = 1
    # token 2 reads token 1 last, and token 1 has read token 0 before: ½·(½ itself…) as the paper's example
    got = rollout.attention_rollout([to_first, to_second])[0]
    np.testing.assert_allclose(got[2], [0.5 * 0.5 + 0.5 * 0.5, 0.5 * 0.5, 0.5 * 0.5])
    np.testing.assert_allclose(got[0], [0.5 + 0.5 * 0.5, 0.5 * 0.5, 0])


def test_attention_to_oneself_stays_with_oneself():
    np.testing.assert_array_equal(rollout.attention_rollout([np.eye(3)[None, None]] * 5)[0], np.eye(3))


def test_a_masked_query_passes_on_itself_alone():
    layers = attention(2, 2, 2, 3)
    clean = rollout.attention_rollout(layers)
    layers[0][0, 1, 0, 1:] = np.nan
    got = rollout.attention_rollout(layers)
    np.testing.assert_array_equal(got[1], clean[1])
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got.sum(-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(rollout.attention_rollout(layers[:1])[0, 0], [1, 0, 0])


def test_gradient_rollout_is_the_slow_recursion():
    layers = attention(3, 2, 2, 4)
    slopes = list(RNG.normal(size=(3, 2, 2, 4, 4)))
    for i in range(2):
        relevance = np.eye(4)
        for layer, slope in zip(layers, slopes, strict=True):
            weighted = sum(np.maximum(slope[i, h] * layer[i, h], 0) for h in range(2)) / 2
            relevance = relevance + weighted @ relevance
        np.testing.assert_allclose(rollout.gradient_rollout(layers, slopes)[i], relevance, rtol=1e-5)


def test_heads_with_opposite_gradients_do_not_cancel():
    layer = np.full((1, 2, 1, 1), 1.0)
    slope = np.array([1.0, -1.0]).reshape(1, 2, 1, 1)
    assert rollout.gradient_rollout([layer], [slope])[0, 0, 0] == 1.5


def test_without_positive_gradient_nothing_is_relevant_but_oneself():
    layers = attention(3, 1, 2, 4)
    got = rollout.gradient_rollout(layers, [-np.ones_like(layer) for layer in layers])
    np.testing.assert_array_equal(got[0], np.eye(4))


def test_masked_queries_do_not_spoil_the_gradient_rollout():
    layers = attention(2, 1, 2, 3)
    layers[0][0, :, 0] = np.nan
    got = rollout.gradient_rollout(layers, [np.ones((1, 2, 3, 3))] * 2)
    assert np.isfinite(got).all()


def test_heads_may_differ_between_layers():
    layers = attention(1, 2, 3, 4) + attention(1, 2, 1, 4)
    assert rollout.attention_rollout(layers).shape == (2, 4, 4)


def test_readouts():
    maps = RNG.random((2, 5, 5))
    np.testing.assert_array_equal(rollout.class_token_row(maps, 2), maps[:, 0, 2:])
    np.testing.assert_allclose(rollout.mean_row(maps, 1)[1, 2], maps[1, 1:, 3].mean())
    assert rollout.mean_row(maps).shape == (2, 5)
    for prefix in (0, 5):
        with pytest.raises(ValueError, match=r"1\.\.4"):
            rollout.class_token_row(maps, prefix)
    with pytest.raises(ValueError, match=r"0\.\.4"):
        rollout.mean_row(maps, 5)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "no layers"),
        ([np.ones((1, 2, 3, 4))], r"attention\[0\] has shape \(1, 2, 3, 4\)"),
        ([np.ones((1, 2, 3, 3)), np.ones((1, 2, 4, 4))], r"attention\[1\].*q = k = 3"),
        ([np.ones((3, 3))], "4 axes"),
    ],
)
def test_layers_that_do_not_fit_are_named(layers, message):
    with pytest.raises(ValueError, match=message):
        rollout.attention_rollout(layers)


def test_gradients_must_have_the_shape_of_the_attention():
    with pytest.raises(ValueError, match="gradients have shapes"):
        rollout.gradient_rollout(attention(2, 1, 2, 3), attention(1, 1, 2, 3))
