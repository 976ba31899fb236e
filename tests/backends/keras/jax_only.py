# SPDX-License-Identifier: Apache-2.0
"""What only the JAX backend has: the trainer keeps the state. Run by `test_keras_on_all.py`."""

import jax
import keras
import numpy as np
import pytest
from keras import layers
from keras_models import chooser, functional, observe, pictures, read_log
from reductions import EVERYTHING, resolved

from tb_xai_callbacks.backends.contract import CaptureRequest
from tb_xai_callbacks.keras import ExplainCallback

OPTIONS = {"num_samples": 6, "log_every_n_steps": 1, "max_overhead": None, "strict": True}


def fitted(tmp_path, log_every, epochs=1, **options):
    """(steps of the statistics, how often the trainer gave its state back) of a fit of 6 batches an epoch."""
    model = functional("softmax")
    model.compile("adam", "sparse_categorical_crossentropy", **options)
    due = {"log_every_n_steps": log_every, "explain_every_n_steps": log_every}
    callback = ExplainCallback(tmp_path, validation_data=pictures(), **{**OPTIONS, **due})
    synced, sync = [], model.jax_state_sync

    def counted():
        synced.append(model._jax_state_synced)
        sync()

    object.__setattr__(model, "jax_state_sync", counted)
    model.fit(*pictures(), batch_size=4, epochs=epochs, verbose=0, callbacks=[callback])
    log = read_log(tmp_path)
    assert log["status"][-1][1].state == "finished"
    return [step for step, _ in log["stats/activation"]], synced.count(False)


@pytest.mark.parametrize("options", [{"jit_compile": True}, {"jit_compile": False}])
def test_compiled_and_eager_steps_are_logged_alike(options, tmp_path):
    assert fitted(tmp_path, 1, **options)[0] == [0, 1, 2, 3, 4, 5, 6]


def test_several_steps_an_execution(tmp_path):
    assert fitted(tmp_path, 1, steps_per_execution=3)[0] == [0, 3, 6]


def test_the_trainer_keeps_its_state_between_the_steps_that_are_observed(tmp_path):
    steps, syncs = fitted(tmp_path, 20, epochs=10)
    assert steps == [0, 20, 40, 60]
    # At the end of every epoch, as always; before and after an observed step; at some check-ups.
    assert syncs < 30


def test_accumulated_gradients_count_as_one_step(tmp_path):
    model = functional("softmax")
    optimizer = keras.optimizers.Adam(gradient_accumulation_steps=2)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    callback = ExplainCallback(tmp_path, validation_data=pictures(), **OPTIONS)
    model.fit(*pictures(), batch_size=4, epochs=2, verbose=0, callbacks=[callback])
    assert read_log(tmp_path)["status"][-1][1].step == 6


def test_gradients_are_those_of_jax_grad_of_the_stateless_call():
    """At the weights and at a layer, against JAX's own way to differentiate a Keras model."""
    keras.utils.set_random_seed(0)
    model = functional("softmax")
    loss = keras.losses.SparseCategoricalCrossentropy()
    model.compile("sgd", loss)
    x, y = pictures(8)
    observer, _ = observe(model, x, y)
    observer.layout()
    reductions = resolved(observer.capture(CaptureRequest(statistics=EVERYTHING)).statistics)

    def value(trainable):
        outputs, _ = model.stateless_call(trainable, [v.value for v in model.non_trainable_variables], x)
        return loss(y, outputs)

    expected = jax.grad(value)([v.value for v in model.trainable_variables])
    found = reductions["weight_gradient"].values
    norms = [float(np.linalg.norm(np.asarray(g).ravel())) for g in expected]
    columns = [row[~np.isnan(row)] for row in found]
    for norm, row in zip(norms, columns, strict=True):
        assert np.isclose(row, norm, rtol=1e-4).any(), (norm, row)


def test_a_layer_that_draws_numbers_is_differentiated_where_it_was_looked_at():
    """The pass is run again to be differentiated: from the same seeds, or the activations would not fit."""

    class Noisy(layers.Layer):
        def __init__(self):
            super().__init__(name="noisy")
            self.seed_generator = keras.random.SeedGenerator(5)

        def call(self, inputs):
            return inputs * keras.random.normal(keras.ops.shape(inputs), seed=self.seed_generator)

    inputs = keras.Input((8, 8, 3))
    maps = layers.Conv2D(4, 3, name="conv")(inputs)
    model = keras.Model(inputs, layers.Dense(4, name="head")(layers.Flatten()(Noisy()(maps))))
    observer, probe = observe(model, *pictures(6))
    observer.layout()
    capture = observer.capture(CaptureRequest(("conv", "noisy"), chooser(probe, targets=1)))
    noise = capture.activations["noisy"] / capture.activations["conv"]
    np.testing.assert_allclose(
        capture.gradients["conv"], capture.gradients["noisy"] * noise, rtol=1e-3, atol=1e-6
    )
