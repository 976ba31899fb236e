# SPDX-License-Identifier: Apache-2.0
"""TensorFlow's compiled train functions: not traced again, and watched as well under XLA as without."""

import keras
import pytest
import tensorflow as tf
from keras import layers
from keras_models import functional, pictures, read_log

from tb_xai_callbacks.keras import ExplainCallback

OPTIONS = {"num_samples": 6, "log_every_n_steps": 1, "max_overhead": None, "strict": True}


class Traced(layers.Layer):
    """Counts how often it is called while a graph is made."""

    traces = 0

    def call(self, inputs):
        if not tf.executing_eagerly():
            Traced.traces += 1
        return inputs


def traces_of_fit(callbacks):
    inputs = keras.Input((8, 8, 3))
    layer = Traced()
    maps = layers.Conv2D(3, 3)(layer(inputs))
    model = keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling2D()(maps)))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    Traced.traces = 0
    model.fit(*pictures(), batch_size=4, epochs=2, verbose=0, callbacks=callbacks)
    return Traced.traces


def test_the_train_function_is_not_traced_again(tmp_path):
    plain = traces_of_fit([])
    assert plain >= 1
    assert traces_of_fit([ExplainCallback(tmp_path, validation_data=pictures(), **OPTIONS)]) == plain


@pytest.mark.parametrize("options", [{"jit_compile": True}, {"jit_compile": False, "steps_per_execution": 3}])
def test_xla_and_several_steps_an_execution(options, tmp_path):
    model = functional("softmax")
    model.compile("adam", "sparse_categorical_crossentropy", **options)
    callback = ExplainCallback(tmp_path, validation_data=pictures(), **OPTIONS)
    model.fit(*pictures(), batch_size=4, verbose=0, callbacks=[callback])
    log = read_log(tmp_path)
    steps = [step for step, _ in log["stats/activation"]]
    assert steps == ([0, 3, 6] if "steps_per_execution" in options else [0, 1, 2, 3, 4, 5, 6])
    assert log["status"][-1][1].state == "finished"
