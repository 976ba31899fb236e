# SPDX-License-Identifier: Apache-2.0
"""Targets that are functions of the output, and regions, in Keras."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras_models import chain, functional, observe, pictures, read_log
from maps import map_of

from tb_xai_callbacks.attribution import Question
from tb_xai_callbacks.backends.contract import CaptureRequest
from tb_xai_callbacks.keras import ExplainCallback
from tb_xai_callbacks.measure.scores import select_scores


def explained(model, x, function, methods):
    observer, _ = observe(model, x)
    observer.layout()
    scoring = observer.scoring(function)
    captured = observer.capture(CaptureRequest(choose=lambda o: select_scores(o, scoring, function)))
    with observer.explaining() as explainer:
        question = Question(explainer, captured.choice)
        change = question.score_at(explainer.inputs) - question.score_at(np.zeros_like(explainer.inputs))
        return [map_of(name, question, None, explainer.inputs) for name in methods], change, captured.choice


def test_a_function_that_is_not_linear_is_explained_completely():
    """Of logits: the model ends in a softmax, and the function is given what goes in there."""
    keras.utils.set_random_seed(0)
    model, (x, _) = functional("softmax"), pictures(4)
    head = keras.ops.convert_to_numpy(model(x))
    (heat,), change, choice = explained(
        model, x, lambda o: o[:, 0] * o[:, 1] + ops.sum(o, axis=1), ["integrated_gradients"]
    )
    logits = np.log(head)  # up to a constant of each sample
    assert np.ptp(choice.scores - logits[:, 0] * logits[:, 1]) > 0
    assert (choice.targets == -1).all()
    np.testing.assert_allclose(heat.sum((1, 2)), change, atol=2e-2, rtol=2e-2)


def test_a_segmentation_is_explained_where_its_mask_is():
    """Convolutions without a constant: the mean logit in a mask rests on the pixels around the mask alone."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    parts = [
        layers.Conv2D(4, 3, padding="same", use_bias=False),
        layers.Conv2D(2, 1, name="classes", use_bias=False),
    ]
    model, (x, _) = keras.Model(inputs, chain(inputs, parts)), pictures(3)
    mask = np.zeros((8, 8, 1), "float32")
    mask[2:4, 5:7] = 1

    def inside(outputs):
        assert tuple(outputs.shape) == (3, 8, 8, 2), "the model's own axes"
        return ops.sum(outputs[..., 1:] * ops.convert_to_tensor(mask), axis=(1, 2, 3)) / 4

    (heat,), change, _ = explained(model, x, inside, ["input_x_gradient"])
    around = np.zeros((8, 8), bool)
    around[1:5, 4:8] = True
    assert np.abs(heat[:, ~around]).max() == 0
    np.testing.assert_allclose(heat.sum((1, 2)), change, rtol=1e-4, atol=1e-5)


def test_one_of_several_outputs_and_regions_in_fit(tmp_path):
    inputs = keras.Input((8, 8, 3))
    maps = layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    pooled = layers.GlobalAveragePooling2D()(maps)
    outputs = {"kind": layers.Dense(4, name="kind")(pooled), "size": layers.Dense(2, name="size")(pooled)}
    model = keras.Model(inputs, outputs)
    model.compile(
        "adam", {"kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "size": "mse"}
    )
    x, y = pictures(24)
    masks = np.zeros((24, 8, 8), bool)
    masks[:, 1:3, :] = True
    callback = ExplainCallback(
        tmp_path,
        validation_data=(x, y),
        output="size",
        targets=lambda o: o[:, 1],
        regions=masks,
        strict=True,
        num_samples=1,
    )
    model.fit(x, {"kind": y, "size": np.zeros((24, 2))}, batch_size=8, verbose=0, callbacks=[callback])
    log = read_log(tmp_path)
    (_, record), *_ = log["attribution/grad_cam/conv"]
    assert (record.targets == -1).all()
    (_, probe), *_ = log["probe"]
    np.testing.assert_array_equal(probe.regions, masks[:1])


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda o: o, r"a tensor of shape \[4, 4\]"),
        (lambda o: 1.0, "a float"),
        (lambda o: ops.argmax(o, axis=1), "a tensor of int"),
        (lambda o: o.nothing, "nothing but AttributeError"),
    ],
)
def test_what_a_function_returns_is_checked(function, said):
    with pytest.raises(ValueError, match=said):
        explained(functional(), pictures(4)[0], function, ["saliency"])


def test_boxes_are_refused_with_their_index_at_construction(tmp_path):
    x, y = pictures(3)
    with pytest.raises(ValueError, match="sample 2, box 0"):
        ExplainCallback(tmp_path, validation_data=(x, y), regions=[None, None, [(0, 0, 20, 1)]])
    with pytest.raises(ValueError, match="in arrays"):
        ExplainCallback(tmp_path, validation_data=iter([(x, y)]), regions=[None, None, None])
