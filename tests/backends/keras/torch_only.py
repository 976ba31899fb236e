# SPDX-License-Identifier: Apache-2.0
"""What only the torch backend has: gradients left lying, module modes. Run by `test_keras_on_all.py`."""

import keras
import numpy as np
import torch
from keras import layers
from keras_models import chooser, functional, observe, pictures, read_log
from reductions import EVERYTHING

from tb_xai_callbacks.backends.contract import CaptureRequest
from tb_xai_callbacks.keras import ExplainCallback
from tb_xai_callbacks.measure.cam import grad_cam
from tb_xai_plugin.format.records import TRAINING_BATCH


def test_weight_gradients_are_those_of_the_training_batch(tmp_path):
    """Plain SGD with rate 1 moves the weights by exactly minus the gradient."""
    model = functional()
    model.compile(keras.optimizers.SGD(1.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = pictures(8)
    before = [keras.ops.convert_to_numpy(v).copy() for v in model.trainable_variables]
    callback = ExplainCallback(tmp_path, validation_data=pictures(seed=1), strict=True, max_overhead=None)
    model.fit(x, y, batch_size=8, verbose=0, callbacks=[callback])
    moved = [
        np.linalg.norm(old - keras.ops.convert_to_numpy(v))
        for old, v in zip(before, model.trainable_variables, strict=True)
    ]
    log = read_log(tmp_path)
    ((_, record),) = log["stats/weight_gradient"]
    assert record.source == TRAINING_BATCH
    np.testing.assert_allclose(record.values[:, record.columns.index("norm")], moved, rtol=1e-3, atol=1e-5)
    assert log["stats/gradient"][0][1].source == "probe"


def test_a_pass_leaves_gradients_modes_and_flags_alone():
    class Wrapped(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = keras.layers.TorchModuleWrapper(
                torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout())
            )
            self.head = layers.Dense(4, name="head")

        def call(self, inputs, training=False):
            return self.head(self.inner(inputs, training=training))

    model = Wrapped()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = pictures(8)
    observer, _ = observe(model, x, y)
    model.fit(x, y, verbose=0)
    model.train()
    left = [v.value.grad.clone() for v in model.trainable_variables]
    modes = [module.training for module in model.modules()]
    random = torch.get_rng_state()
    observer.layout()
    observer.capture(CaptureRequest(statistics=EVERYTHING))
    assert [module.training for module in model.modules()] == modes
    assert any(modes)
    assert torch.equal(torch.get_rng_state(), random)
    for variable, gradient in zip(model.trainable_variables, left, strict=True):
        assert torch.equal(variable.value.grad, gradient)
        assert variable.value.requires_grad


def test_channels_first_maps_are_found_and_frozen_layers_explained():
    inputs = keras.Input((3, 8, 8))
    maps = layers.Conv2D(5, 3, data_format="channels_first", name="conv")(inputs)
    pooled = layers.GlobalAveragePooling2D(data_format="channels_first")(layers.ReLU(name="relu")(maps))
    model = keras.Model(inputs, layers.Dense(4, name="head")(pooled))
    model.trainable = False
    observer, probe = observe(model, pictures()[0].transpose(0, 3, 1, 2))
    layout = observer.layout()
    assert (layout.auto.name, layout.table.layers[1].units) == ("relu", 5)
    capture = observer.capture(CaptureRequest(("relu",), chooser(probe, targets=2)))
    kernel = keras.ops.convert_to_numpy(model.get_layer("head").kernel)[:, 2]
    expected = np.maximum((kernel[:, None, None] * capture.activations["relu"]).sum(axis=1) / 36, 0)
    np.testing.assert_allclose(
        grad_cam(capture.activations["relu"], capture.gradients["relu"]), expected, atol=1e-6
    )
