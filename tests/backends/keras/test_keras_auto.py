# SPDX-License-Identifier: Apache-2.0
"""A Keras model is explained whatever its input, with every option at its default."""

import logging

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import chain

from tb_xai_callbacks.keras import ExplainCallback
from tb_xai_plugin import open_log


@pytest.fixture(autouse=True)
def a_fast_machine(monkeypatch):
    """What is chosen does not depend on how long a pass takes here; `test_a_long_pass…` tests that it may."""
    monkeypatch.setattr("tb_xai_callbacks.signals.explanations.AUTO_SECONDS", float("inf"))
    monkeypatch.setattr("tb_xai_callbacks.run.budget.MOST_AT_START", float("inf"))


def model_of(shape, *parts, dtype="float32"):
    inputs = keras.Input(shape, dtype=dtype)
    return keras.Model(inputs, chain(inputs, [*parts, layers.Dense(2, name="head")]))


def noise(*shape):
    return np.random.default_rng(0).normal(size=(16, *shape)).astype("float32")


def pictures():
    conv, pool = layers.Conv2D(4, 3, activation="relu"), layers.GlobalAveragePooling2D()
    return model_of((8, 8, 3), conv, pool), noise(8, 8, 3)


def words():
    model = model_of((6,), layers.Embedding(20, 8), layers.GlobalAveragePooling1D(), dtype="int32")
    return model, np.random.default_rng(0).integers(0, 20, (16, 6)).astype("int32")


def attending():
    inputs = keras.Input((6,), dtype="int32")
    embedded = layers.Embedding(20, 8)(inputs)
    mixed = layers.MultiHeadAttention(2, 4)(embedded, embedded)
    pooled = layers.GlobalAveragePooling1D()(layers.Add()([embedded, mixed]))
    return keras.Model(inputs, layers.Dense(2)(pooled)), words()[1]


def table():
    return model_of((5,), layers.Dense(8, activation="relu")), noise(5)


def series():
    conv, pool = layers.Conv1D(4, 3, activation="relu"), layers.GlobalAveragePooling1D()
    return model_of((20, 3), conv, pool), noise(20, 3)


def recurrent():
    return model_of((20, 3), layers.LSTM(8)), noise(20, 3)


def volumes():
    conv, pool = layers.Conv3D(4, 3, activation="relu"), layers.GlobalAveragePooling3D()
    return model_of((7, 9, 10, 2), conv, pool), noise(7, 9, 10, 2)


CASES = {
    "pictures": (pictures, {"grad_cam": (6, 6)}),
    "words": (words, {"input_x_gradient": (6,)}),
    "words that attend": (attending, {"input_x_gradient": (6,), "gradient_rollout": (6,)}),
    "a table": (table, {"integrated_gradients": (5,)}),
    "series": (series, {"grad_cam": (1, 18), "integrated_gradients": (20,)}),
    "series of a recurrent network": (recurrent, {"integrated_gradients": (20,)}),
    "volumes": (volumes, {"grad_cam": (7, 8), "integrated_gradients": (9, 10)}),
}


@pytest.mark.parametrize("case", CASES)
def test_something_is_explained_with_every_default(case, tmp_path, caplog):
    make, expected = CASES[case]
    keras.utils.set_random_seed(0)
    model, x = make()
    y = np.arange(16) % 2
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with caplog.at_level(logging.WARNING, "tb_xai"):
        callback = ExplainCallback(tmp_path, validation_data=(x, y))
        model.fit(x, y, batch_size=8, verbose=0, callbacks=[callback])
    run = open_log(tmp_path)["."]
    lines = [line.message for line in caplog.records if line.name.startswith("tb_xai")]
    assert not [line for line in lines if not line.startswith(("error: ", "warning: "))]  # but findings
    assert not [notice for notice in run.status.notices if notice.level != "info"]
    assert set(run.methods) == set(run.status.methods) == set(expected)
    for method, shape in expected.items():
        maps = run.attributions(method=method)
        assert maps.heat.shape[1:] == (16, *shape)
        assert np.isfinite(maps.heat).all()


def test_a_dense_layer_is_explained_unit_by_unit(tmp_path):
    keras.utils.set_random_seed(0)
    model, x = table()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callback = ExplainCallback(
        tmp_path, validation_data=(x, np.arange(16) % 2), target_layers=model.layers[1].name
    )
    model.fit(x, np.arange(16) % 2, verbose=0, callbacks=[callback])
    run = open_log(tmp_path)["."]
    assert set(run.methods) == {"integrated_gradients", "layer_conductance"}
    assert run.attributions(method="layer_conductance").heat.shape[1:] == (16, 8)


def test_grad_cam_of_volumes_is_the_weighted_sum_of_their_maps(tmp_path):
    """Conv, ReLU, mean, dense: known exactly; the middle slice is kept."""
    keras.utils.set_random_seed(0)
    model, x = volumes()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callback = ExplainCallback(tmp_path, validation_data=(x, np.arange(16) % 2), targets=1)
    model.fit(x, np.arange(16) % 2, verbose=0, callbacks=[callback])
    run = open_log(tmp_path)["."]
    inner = keras.Model(model.inputs, model.layers[1].output)
    features = keras.ops.convert_to_numpy(inner(run.probe.values))
    weights = keras.ops.convert_to_numpy(model.layers[-1].kernel)[:, 1] / features[0, ..., 0].size
    expected = np.maximum(features[:, features.shape[1] // 2] @ weights, 0)
    heat = run.attributions(method="grad_cam").heat[-1]
    np.testing.assert_allclose(heat, expected, atol=2e-3 * expected.max())
