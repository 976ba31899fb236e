# SPDX-License-Identifier: Apache-2.0
"""A Keras model as a function of its inputs; on torch and JAX by `test_keras_on_all.py`."""

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import FORMS, functional, observe, pictures, read_log
from maps import DELEGATED, map_of

from tb_xai_callbacks.attribution import METHODS as ALL
from tb_xai_callbacks.attribution import Question
from tb_xai_callbacks.keras import ExplainCallback
from tb_xai_callbacks.measure.scores import select

METHODS = tuple(method.name for method in ALL)
LOSS = "sparse_categorical_crossentropy"


def question_of(observer, labels):
    observer.layout()
    return select(observer.capture(request()).outputs, "label", labels)


def request():
    from tb_xai_callbacks.backends.contract import CaptureRequest

    return CaptureRequest(choose=lambda outputs: select(outputs))


def maps(model, x, y, method):
    observer, probe = observe(model, x, y)
    choice = question_of(observer, probe.labels)
    with observer.explaining() as explainer:
        return probe, choice, map_of(method, Question(explainer, choice), None, explainer.inputs)


@pytest.mark.parametrize("form", FORMS)
def test_the_gradient_is_the_finite_difference(form):
    keras.utils.set_random_seed(0)
    model = FORMS[form]()
    x, y = pictures(4)
    observer, probe = observe(model, x, y)
    choice = question_of(observer, probe.labels)
    with observer.explaining() as explainer:
        question = Question(explainer, choice)
        gradient = question.gradient_at(explainer.inputs)
        step = np.zeros_like(explainer.inputs)
        step[:, 3, 4, 1] = 1e-2
        ahead, behind = question.score_at(explainer.inputs + step), question.score_at(explainer.inputs - step)
    np.testing.assert_allclose(gradient[:, 3, 4, 1], (ahead - behind) / 2e-2, atol=2e-3)


def test_integrated_gradients_are_complete():
    keras.utils.set_random_seed(0)
    model = functional("softmax")
    x, y = pictures(6)
    probe, _, heat = maps(model, x, y, "integrated_gradients")
    observer, _ = observe(model, x, y)
    observer.layout()
    choice = question_of(observer, probe.labels)
    with observer.explaining() as explainer:
        question = Question(explainer, choice)
        change = question.score_at(explainer.inputs) - question.score_at(np.zeros_like(explainer.inputs))
    assert heat.shape == (6, 8, 8)
    np.testing.assert_allclose(heat.sum((1, 2)), change, atol=5e-3)


def test_occlusion_of_a_linear_model_is_input_times_weight():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(3, name="head")])
    x, y = pictures(4)
    probe, _, heat = maps(model, x, np.asarray(y) % 3, "occlusion")
    kernel = keras.ops.convert_to_numpy(model.get_layer("head").kernel).reshape(8, 8, 3, 3)
    expected = (probe.inputs * kernel.transpose(3, 0, 1, 2)[probe.labels]).sum(-1)
    np.testing.assert_allclose(heat, expected, atol=1e-4)


def test_tokens_are_explained_at_their_embeddings():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((7,), dtype="int32"),
            layers.Embedding(20, 5),
            layers.GlobalAveragePooling1D(),
            layers.Dense(3),
        ]
    )
    tokens = np.random.default_rng(0).integers(0, 20, (6, 7)).astype("int32")
    _, _, heat = maps(model, tokens, np.arange(6) % 3, "input_x_gradient")
    assert heat.shape == (6, 7)
    assert np.abs(heat).min(axis=1).max() > 0


def test_shuffled_weights_are_put_back_bit_by_bit():
    model = functional()
    before = [keras.ops.convert_to_numpy(v).copy() for v in model.variables]
    observer, _ = observe(model, *pictures(4))
    observer.layout()
    plain = observer.outputs(pictures(4)[0])
    with observer.explaining(randomised=True) as explainer:
        assert np.abs(explainer.outputs(explainer.inputs) - plain).max() > 1e-4
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), value)


def fit(log_dir):
    keras.utils.set_random_seed(0)
    model = functional("softmax")
    model.compile("adam", LOSS)
    x, y = pictures(24)
    options = {"methods": METHODS, "max_overhead": None, "explain_every_n_steps": 2}
    callbacks = [ExplainCallback(log_dir, validation_data=pictures(seed=1), **options)] if log_dir else []
    history = model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=callbacks)
    return [keras.ops.convert_to_numpy(v).copy() for v in model.variables], history.history["loss"]


def test_training_is_bit_identical_with_every_method_and_trust(tmp_path):
    (ours, losses), (bare, bare_losses) = fit(tmp_path), fit(None)
    assert losses == bare_losses
    for a, b in zip(ours, bare, strict=True):
        np.testing.assert_array_equal(a, b)
    log = read_log(tmp_path)
    for method in set(METHODS) - {"attention_rollout", "gradient_rollout", *DELEGATED}:
        tags = [tag for tag in log if tag.startswith(f"attribution/{method}/")]
        assert tags, method
        assert np.isfinite(log[tags[0]][-1][1].heat).all()
    status = next(record for tag, entries in log.items() if tag == "status" for _, record in entries[-1:])
    reasons = {one.name.removeprefix("explanations/"): one.reason for one in status.signals}
    assert "no keras.layers.MultiHeadAttention" in reasons["gradient_rollout"]
    assert all("PyTorch models only" in reasons[name] for name in set(DELEGATED) - {"kernel_shap"})
    assert any(tag.startswith("trust/grad_cam/") for tag in log)
