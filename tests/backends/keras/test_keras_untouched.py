# SPDX-License-Identifier: Apache-2.0
"""Training with the callback is bit-identical to training without it."""

import random

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import FORMS, Subclassed, chain, pictures

from tb_xai_callbacks.keras import ExplainCallback

STEPS, BATCH = 50, 8


class Batches(keras.callbacks.Callback):
    """What every batch ended with."""

    def __init__(self):
        super().__init__()
        self.logs = []

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append(dict(logs))


class Attending(keras.Model):
    """Not built before it sees data; building its attention draws from Python's RNG."""

    def __init__(self):
        super().__init__()
        self.patches = layers.Conv2D(8, 2, strides=2)
        self.attention = layers.MultiHeadAttention(2, 4, dropout=0.2)
        self.norm = layers.BatchNormalization()
        self.drop = layers.Dropout(0.3)
        self.head = layers.Dense(4)

    def call(self, inputs, training=False):
        tokens = keras.ops.reshape(self.patches(inputs), (-1, 16, 8))
        tokens = self.norm(tokens + self.attention(tokens, tokens, training=training), training=training)
        return self.head(self.drop(keras.ops.mean(tokens, axis=1), training=training))


def regularised():
    inputs = keras.Input((8, 8, 3))
    parts = [
        layers.Conv2D(4, 3, kernel_regularizer="l2", activity_regularizer="l2"),
        layers.GaussianNoise(0.1),
        layers.BatchNormalization(),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(4),
    ]
    return keras.Model(inputs, chain(inputs, parts))


COMPARED = [name for name in FORMS if name != "sequential"]
MODELS = {**FORMS, "attention": Attending, "regularised": regularised}


def train(make, log_dir=None, **compile_options):
    """Everything that training could have changed."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(7)
    model = make()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], **compile_options)
    seen = Batches()
    callbacks = [seen]
    if log_dir is not None:
        probe = pictures(40, seed=1)
        options = {"num_samples": 6, "log_every_n_steps": 4, "max_overhead": None, "strict": True}
        options["explain_every_n_steps"] = 6
        callbacks.append(ExplainCallback(log_dir, validation_data=probe, **options))
    x, y = pictures(BATCH * STEPS // 2)
    model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0, callbacks=callbacks)
    state = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    arrays = [np.array(keras.ops.convert_to_numpy(v)) for v in state]
    after = random.random(), np.random.rand(), keras.ops.convert_to_numpy(keras.random.normal((2,))).tolist()
    return arrays, seen.logs, after


def assert_untouched(make, log_dir, **compile_options):
    arrays, logs, after = train(make, **compile_options)
    watched_arrays, watched_logs, watched_after = train(make, log_dir, **compile_options)
    assert len(logs) == STEPS
    assert logs == watched_logs
    assert after == watched_after
    for plain, watched in zip(arrays, watched_arrays, strict=True):
        np.testing.assert_array_equal(plain, watched)
    assert list((log_dir / "xai").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("form", [*COMPARED, "attention", "regularised"])
def test_fifty_steps_are_bit_identical(form, tmp_path):
    assert_untouched(MODELS[form], tmp_path)


@pytest.mark.slow
def test_fifty_eager_steps_are_bit_identical(tmp_path):
    assert_untouched(FORMS["functional"], tmp_path, run_eagerly=True)


def test_the_comparison_notices_a_difference():
    arrays, _, _ = train(lambda: Subclassed([layers.Flatten(), layers.Dense(4)]))
    other, _, _ = train(
        lambda: Subclassed([layers.Flatten(), layers.Dropout(0.1, name="drop"), layers.Dense(4)])
    )
    assert any(a.shape != b.shape or (a != b).any() for a, b in zip(arrays, other, strict=False))
