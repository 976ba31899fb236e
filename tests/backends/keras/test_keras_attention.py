# SPDX-License-Identifier: Apache-2.0
"""Attention on the probe equals softmax of QKᵀ with the model's own mask; token models are maps too."""

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import chooser, observe

from tb_xai_callbacks.backends.contract import CaptureRequest
from tb_xai_callbacks.measure.cam import tokens_to_map

TOKENS, CHANNELS, HEADS, KEYS = 6, 8, 2, 4


def reference(attention, tokens, allowed):
    """Probabilities [n heads q k] from the layer's weights, slowly."""
    numpy = keras.ops.convert_to_numpy
    dense = attention._query_dense, attention._key_dense
    query, key = (np.einsum("ntc,chd->nthd", tokens, numpy(d.kernel)) + numpy(d.bias) for d in dense)
    logits = np.einsum("nqhd,nkhd->nhqk", query, key) / np.sqrt(KEYS)
    logits = np.where(allowed, logits, -np.inf)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def model_with(**arguments):
    inputs = keras.Input((TOKENS, CHANNELS))
    attention = layers.MultiHeadAttention(HEADS, KEYS, name="attention", bias_initializer="random_normal")
    attended = attention(inputs, inputs, **arguments)
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(attended))), attention


CAUSAL = np.tril(np.ones((TOKENS, TOKENS), bool))
BAND = CAUSAL & ~np.tril(CAUSAL, -3)


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        ({}, np.ones((TOKENS, TOKENS), bool)),
        ({"use_causal_mask": True}, CAUSAL),
        ({"attention_mask": BAND[None]}, BAND),
        ({"attention_mask": BAND.T[None], "use_causal_mask": True}, np.eye(TOKENS, dtype=bool)),
    ],
    ids=["plain", "causal", "mask", "mask and causal"],
)
def test_attention_is_the_softmax_of_the_scores(arguments, allowed):
    model, attention = model_with(**arguments)
    tokens = np.random.default_rng(0).normal(size=(5, TOKENS, CHANNELS)).astype("float32")
    observer, _ = observe(model, tokens)
    assert observer.layout().attention_layers == ("attention",)
    capture = observer.capture(CaptureRequest(attention=True))
    np.testing.assert_allclose(
        capture.attention["attention"], reference(attention, tokens, allowed), atol=1e-6
    )
    np.testing.assert_allclose(
        capture.outputs, keras.ops.convert_to_numpy(model(tokens, training=False)), atol=1e-5
    )
    assert "_compute_attention" not in vars(attention)


def test_padding_that_a_layer_masks_gets_no_attention():
    inputs = keras.Input((TOKENS,), dtype="int32")
    embedded = layers.Embedding(9, CHANNELS, mask_zero=True)(inputs)
    attention = layers.MultiHeadAttention(HEADS, KEYS, name="attention")
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(attention(embedded, embedded))))
    words = np.array([[1, 2, 3, 0, 0, 0], [4, 5, 6, 7, 8, 0]], "int32")
    observer, probe = observe(model, words)
    layout = observer.layout()
    assert layout.auto is None, "words come from no picture"
    weights = observer.capture(CaptureRequest(attention=True)).attention["attention"]
    for sample, length in zip(weights, (probe.inputs > 0).sum(axis=1), strict=True):
        assert np.abs(sample[:, :length, length:]).max() == 0
        np.testing.assert_allclose(sample[:, :length].sum(axis=-1), 1, atol=1e-5)


def test_flash_attention_is_off_for_the_probe_only():
    model, attention = model_with()
    object.__setattr__(attention, "_flash_attention", True)
    observer, _ = observe(model, np.ones((2, TOKENS, CHANNELS), "float32"))
    with pytest.raises(Exception, match=r"(?i)flash"):
        attention(
            np.ones((1, TOKENS, CHANNELS), "float32"),
            np.ones((1, TOKENS, CHANNELS), "float32"),
            return_attention_scores=True,
        )
    object.__setattr__(attention, "_flash_attention", False)
    observer.layout()
    object.__setattr__(attention, "_flash_attention", True)
    weights = observer.capture(CaptureRequest(attention=True)).attention["attention"]
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
    assert attention._flash_attention is True


def test_grouped_queries_have_a_map_per_query_head():
    inputs = keras.Input((TOKENS, CHANNELS))
    attention = layers.GroupQueryAttention(KEYS, 4, 2, name="grouped")
    model = keras.Model(inputs, layers.Flatten()(attention(inputs, inputs, use_causal_mask=True)))
    observer, _ = observe(model, np.random.default_rng(1).normal(size=(3, TOKENS, CHANNELS)))
    observer.layout()
    weights = observer.capture(CaptureRequest(attention=True)).attention["grouped"]
    assert weights.shape == (3, 4, TOKENS, TOKENS)
    assert np.abs(np.triu(weights, 1)).max() == 0
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
    assert attention._return_attention_scores is False


class ClassToken(layers.Layer):
    def build(self, shape):
        self.token = self.add_weight(shape=(1, 1, shape[-1]), initializer="random_normal", name="token")

    def call(self, inputs):
        token = keras.ops.tile(self.token, (keras.ops.shape(inputs)[0], 1, 1))
        return keras.ops.concatenate([token, inputs], axis=1)


def vision_transformer():
    inputs = keras.Input((8, 12, 3))
    tokens = layers.Conv2D(CHANNELS, 2, strides=2, name="patches")(inputs)
    tokens = ClassToken(name="class_token")(layers.Reshape((24, CHANNELS), name="flat")(tokens))
    for block in ("first", "second"):
        normed = layers.LayerNormalization(name=f"{block}_norm")(tokens)
        attended = layers.MultiHeadAttention(HEADS, KEYS, name=f"{block}_attention")(normed, normed)
        tokens = layers.Add(name=f"{block}_sum")([tokens, attended])
        tokens = tokens + layers.Dense(CHANNELS, name=f"{block}_mlp")(tokens)
    return keras.Model(inputs, layers.Dense(3, name="head")(tokens[:, 0]))


def test_a_vision_transformer_is_explained_where_its_last_attention_reads():
    """At the last block's output the patches have no gradient: only the class token is read there."""
    observer, probe = observe(vision_transformer(), np.random.default_rng(2).normal(size=(4, 8, 12, 3)))
    layout = observer.layout()
    assert (layout.auto.name, layout.auto.grid, layout.auto.prefix_tokens) == ("second_norm", (4, 6), 1)
    assert layout.attention_layers == ("first_attention", "second_attention")
    late = CaptureRequest(("second_norm", "second_mlp"), chooser(probe))
    capture = observer.capture(late)
    gradient = tokens_to_map(capture.gradients["second_norm"], (4, 6), 1)
    assert gradient.shape == (4, CHANNELS, 4, 6)
    assert np.abs(gradient).max() > 0
    assert np.abs(capture.gradients["second_mlp"][:, 1:]).max() == 0
