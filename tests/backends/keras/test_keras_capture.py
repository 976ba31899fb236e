# SPDX-License-Identifier: Apache-2.0
"""What the observer sees of a model: closed forms and slow references, for every model form."""

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import FORMS, chain, chooser, functional, layer_of, observe, pictures, weights_of
from reductions import EVERYTHING, resolved

from tb_xai_callbacks.backends.contract import CaptureRequest
from tb_xai_callbacks.measure.cam import grad_cam
from tb_xai_callbacks.measure.statistics import layer_row, live_counts
from tb_xai_plugin.format.records import LAYER_COLUMNS

NAMES = ["conv1", "norm", "relu", "conv2", "pool", "drop", "head"]


@pytest.mark.parametrize("head", [None, "softmax"])
@pytest.mark.parametrize("form", FORMS)
def test_grad_cam_of_conv_pool_dense_is_the_weighted_sum_of_its_maps(form, head):
    """With global average pooling the gradient is W/HW everywhere, so the map is known exactly."""
    model = FORMS[form](head)
    observer, probe = observe(model, *pictures())
    target = observer.layout().auto
    assert target.name == ("backbone/conv2" if form == "nested" else "conv2")
    capture = observer.capture(CaptureRequest((target.name,), chooser(probe, targets="label")))
    kernel = weights_of(model, "head")[0][:, probe.labels].T
    maps = capture.activations[target.name]
    assert maps.shape == (24, 6, 4, 4)
    assert np.abs(capture.outputs.sum(axis=1) - 1).max() > 0.01, "logits, not probabilities"
    expected = np.maximum((kernel[:, :, None, None] * maps).sum(axis=1) / 16, 0)
    assert expected.max() > 0.01
    np.testing.assert_allclose(grad_cam(maps, capture.gradients[target.name]), expected, atol=1e-6)
    np.testing.assert_allclose(capture.choice.cotangent.sum(axis=1), 1)


def test_two_layers_are_explained_by_one_pass():
    model = functional()
    observer, probe = observe(model, *pictures())
    observer.layout()
    both = observer.capture(CaptureRequest(("conv1", "conv2"), chooser(probe)))
    for name in ("conv1", "conv2"):
        alone = observer.capture(CaptureRequest((name,), chooser(probe)))
        np.testing.assert_allclose(both.gradients[name], alone.gradients[name], atol=1e-7)
        assert np.abs(both.gradients[name]).max() > 0


@pytest.mark.parametrize("form", FORMS)
def test_every_layer_of_every_form_has_the_statistics_of_its_output(form):
    model = FORMS[form]()
    observer, probe = observe(model, *pictures())
    table = observer.layout().table
    assert [layer.name.split("/")[-1] for layer in table.layers] == NAMES
    assert [layer.name for layer in table.layers if layer.is_output] == ["head"]
    assert [layer.units for layer in table.layers] == [5, 5, 5, 6, 6, 6, 4]
    reductions = resolved(observer.capture(CaptureRequest(statistics=EVERYTHING)).statistics)
    tensor, live = probe.inputs, []
    for row, name in zip(reductions["activation"].values, NAMES, strict=True):
        tensor = keras.ops.convert_to_numpy(layer_of(model, name)(tensor, training=False))
        live.append(live_counts(tensor, tensor.ndim - 1))
        expected = layer_row(tensor, live[-1], tensor.ndim - 1)
        np.testing.assert_allclose(row, expected, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(reductions["activation"].live, np.concatenate(live))
    assert reductions["activation"].num_samples == len(probe.labels)


@pytest.mark.parametrize("head", [None, "softmax"])
def test_gradients_of_the_loss_are_the_analytic_ones(head):
    """Cross-entropy: (p − y)/n at the logits, its product with Wᵀ before them."""
    model = functional(head)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=head is None))
    observer, probe = observe(model, *pictures())
    observer.layout()
    capture = observer.capture(CaptureRequest(statistics=EVERYTHING))
    values = resolved(capture.statistics)["gradient"].values
    p = np.exp(capture.outputs)
    p /= p.sum(axis=1, keepdims=True)
    at_logits = (p - np.eye(4)[probe.labels]) / len(p)
    at_drop = at_logits @ weights_of(model, "head")[0].T
    at_conv = np.repeat(at_drop / 16, 16)
    norm = LAYER_COLUMNS.index("norm")
    np.testing.assert_allclose(values[NAMES.index("drop"), norm], np.linalg.norm(at_drop), rtol=1e-4)
    np.testing.assert_allclose(values[NAMES.index("conv2"), norm], np.linalg.norm(at_conv), rtol=1e-4)
    if keras.backend.backend() == "tensorflow" or head is None:
        np.testing.assert_allclose(values[NAMES.index("head"), norm], np.linalg.norm(at_logits), rtol=1e-4)
    assert np.isfinite(values[:, norm]).all()


def test_a_reused_layer_says_so_and_an_idle_one_too():
    class Odd(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = layers.Conv2D(3, 3, padding="same", name="conv")
            self.idle = layers.Dense(2, name="idle")
            self.pool = layers.GlobalAveragePooling2D(name="pool")

        def call(self, inputs):
            return self.pool(self.conv(self.conv(inputs)))

    model = Odd()
    model.idle.build((None, 3))
    observer, _ = observe(model, pictures()[0])
    layout = observer.layout()
    assert [(layer.name, layer.calls) for layer in layout.table.layers] == [("conv", 2), ("pool", 1)]
    assert layout.table.never_executed == ("idle",)
    assert layout.call_counts["conv"] == 2


def two_outputs(keys=None):
    inputs = keras.Input((8, 8, 3))
    maps = layers.Conv2D(4, 3, name="conv")(inputs)
    first = layers.GlobalAveragePooling2D(name="first")(maps)
    second = layers.Dense(2, name="second")(first)
    return keras.Model(inputs, {"first": first, "second": second} if keys else [first, second])


@pytest.mark.parametrize(("keys", "select"), [(True, "second"), (False, 1), (True, lambda o: o["second"])])
def test_one_of_several_outputs_is_selected(keys, select):
    observer, probe = observe(two_outputs(keys), pictures()[0], output=select)
    assert observer.layout().auto.name == "conv"
    assert observer.capture(CaptureRequest(("conv",), chooser(probe))).outputs.shape == (24, 2)


def test_several_outputs_and_no_selection_ask_for_one():
    observer, _ = observe(two_outputs(True), pictures()[0])
    layout = observer.layout()
    assert layout.auto is None
    assert "output=" in layout.no_target_reason
    assert "'second'" in layout.no_target_reason
    reductions = resolved(observer.capture(CaptureRequest(statistics=EVERYTHING)).statistics)
    assert list(reductions) == ["activation"]


def test_a_model_without_pictures_says_why():
    model = keras.Sequential([keras.Input((7,)), layers.Dense(5), layers.Dense(2)])
    observer, _ = observe(model, np.ones((3, 7), "float32"))
    layout = observer.layout()
    assert layout.auto is None
    assert "rows and columns" in layout.no_target_reason


def test_taps_are_gone_even_after_an_error():
    model = functional()
    observer, _ = observe(model, *pictures())
    observer.layout()

    def fails(outputs):
        raise RuntimeError("no choice")

    with pytest.raises(RuntimeError, match="no choice"):
        observer.capture(CaptureRequest(("conv2",), fails))
    assert not [layer.name for layer in model._flatten_layers() if "call" in vars(layer)]


def test_a_pass_leaves_seeds_metrics_and_random_numbers_alone():
    class Restless(layers.Layer):
        """Draws random numbers and counts in inference mode too, as badly written layers do."""

        def __init__(self):
            super().__init__()
            self.count = self.add_weight(shape=(), trainable=False, initializer="zeros")
            # JAX cannot trace draws from the global stream.
            jax = keras.backend.backend() == "jax"
            self.seed_generator = keras.random.SeedGenerator(1) if jax else None

        def call(self, inputs):
            self.count.assign_add(1.0)
            np.random.rand()
            return inputs + 0 * keras.random.normal((1,), seed=self.seed_generator)

    inputs = keras.Input((8, 8, 3))
    layer = Restless()
    model = keras.Model(inputs, chain(inputs, [layer, layers.Flatten(), layers.Dense(4)]))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    keras.utils.set_random_seed(3)
    expected = np.random.rand(), keras.ops.convert_to_numpy(keras.random.normal((2,)))
    observer, _ = observe(model, *pictures())
    keras.utils.set_random_seed(3)
    before = [keras.ops.convert_to_numpy(variable).copy() for variable in layer.variables]
    observer.layout()
    observer.capture(CaptureRequest(statistics=EVERYTHING))
    assert np.random.rand() == expected[0]
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(keras.random.normal((2,))), expected[1])
    for variable, value in zip(layer.variables, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), value)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_is_observed_in_float32(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = functional("softmax")
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile("sgd", "sparse_categorical_crossentropy")
    observer, probe = observe(model, *pictures())
    observer.layout()
    capture = observer.capture(CaptureRequest(("conv2",), chooser(probe), statistics=EVERYTHING))
    assert capture.gradients["conv2"].dtype == np.float32
    assert np.abs(capture.gradients["conv2"]).max() > 0
    values = resolved(capture.statistics)["gradient"].values
    assert (values[:, LAYER_COLUMNS.index("norm")] > 0).all()


def test_the_classes_of_pictures_are_on_the_axis_that_the_recorder_expects():
    """A segmentation's score is the class's mean logit: its gradient is 1/HW in that channel, 0 elsewhere."""
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, chain(inputs, [layers.Conv2D(5, 3), layers.Conv2D(4, 1, name="classes")]))
    observer, probe = observe(model, pictures()[0])
    observer.layout()
    capture = observer.capture(CaptureRequest(("classes",), chooser(probe, targets=2)))
    assert capture.outputs.shape == (24, 4, 6, 6)
    expected = np.zeros((24, 4, 6, 6))
    expected[:, 2] = 1 / 36
    np.testing.assert_allclose(capture.gradients["classes"], expected, atol=1e-8)
