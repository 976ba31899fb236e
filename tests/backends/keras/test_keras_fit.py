# SPDX-License-Identifier: Apache-2.0
"""The callback in `fit`: what is logged, from which data, and what trouble does to it: nothing."""

import logging

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import FORMS, functional, pictures, read_log

from tb_xai_callbacks.backends.keras.observer import KerasObserver
from tb_xai_callbacks.hosts.keras import KerasSession
from tb_xai_callbacks.keras import ExplainCallback

QUICK = {"num_samples": 6, "log_every_n_steps": 2, "explain_every_n_steps": 4, "max_overhead": None}


def compiled(model=None, loss="sparse_categorical_crossentropy"):
    model = model or functional("softmax")
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def fit(model, callback, x=None, y=None, **options):
    if x is None:
        x, y = pictures(32)
    model.fit(x, y, batch_size=4, verbose=0, callbacks=[callback], **options)


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def last_status(log):
    return log["status"][-1][1]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_logged(form, tmp_path):
    callback = ExplainCallback(str(tmp_path), validation_data=pictures(), strict=True, **QUICK)
    fit(compiled(FORMS[form]("softmax")), callback)
    log = read_log(tmp_path)
    status = last_status(log)
    assert (status.state, status.host, status.step) == ("finished", "keras", 8)
    assert status.backend == keras.backend.backend()
    states = {signal.name: signal.state for signal in status.signals}
    assert states == {
        "activations": "captured",
        "gradients": "captured",
        "weights": "captured",
        "attention": "off",
        "explanations": "captured",
    }
    target = "backbone/conv2" if form == "nested" else "conv2"
    assert [step for step, _ in log[f"attribution/grad_cam/{target}"]] == [0, 4, 8]
    for tag in ("stats/activation", "stats/weight", "stats/gradient", "stats/weight_gradient", "units"):
        assert len(log[tag]) >= 4, tag
    assert {"loss", "accuracy", "learning_rate"} <= set(log["scalars"][0][1].values)
    assert log["stats/activation"][0][1].source == "probe"
    weights = log["stats/weight"][1][1]
    ratio = weights.values[:, weights.columns.index("update_ratio")]
    assert np.nanmax(ratio) > 0


def test_a_second_fit_goes_on_counting(tmp_path):
    model, callback = compiled(), ExplainCallback(tmp_path, validation_data=pictures(), strict=True, **QUICK)
    fit(model, callback)
    fit(model, callback)
    steps = [step for step, _ in read_log(tmp_path)["attribution/grad_cam/conv2"]]
    assert steps == [0, 4, 8, 8, 12, 16]


class Sequence(keras.utils.PyDataset):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x) // 4

    def __getitem__(self, index):
        part = slice(4 * index, 4 * index + 4)
        return self.x[part], self.y[part]


def tf_dataset(x, y):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y)).shuffle(24).batch(4)


def torch_loader(x, y):
    import torch

    data = torch.utils.data.TensorDataset(torch.as_tensor(x), torch.as_tensor(y))
    return torch.utils.data.DataLoader(data, batch_size=4, shuffle=True)


SOURCES = {
    "arrays": lambda x, y: (x, y),
    "arrays and sample weights": lambda x, y: (x, y, np.ones(len(y))),
    "PyDataset": Sequence,
    "tf.data": tf_dataset,
    "DataLoader": torch_loader,
    "list of batches": lambda x, y: [(x[i : i + 4], y[i : i + 4]) for i in range(0, 24, 4)],
}


@pytest.mark.parametrize("source", SOURCES)
def test_the_probe_comes_from_any_validation_data(source, tmp_path):
    data = SOURCES[source](*pictures())
    fit(compiled(), ExplainCallback(tmp_path, validation_data=data, strict=True, **QUICK))
    probe = read_log(tmp_path)["probe"][0][1]
    assert probe.shape == (6, 8, 8, 3)
    assert len(set(probe.labels.tolist())) == 4, "balanced over the classes"


LABELS = {
    "one-hot": (lambda y: np.eye(4, dtype="float32")[y], "categorical_crossentropy"),
    "column": (lambda y: y[:, None], "sparse_categorical_crossentropy"),
    "floats": (lambda y: y.astype("float32"), "sparse_categorical_crossentropy"),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_form_give_classes_and_gradients(kind, tmp_path):
    convert, loss = LABELS[kind]
    x, y = pictures(32)
    callback = ExplainCallback(tmp_path, validation_data=(x, convert(y)), strict=True, **QUICK)
    fit(compiled(loss=loss), callback, x, convert(y))
    log = read_log(tmp_path)
    assert sorted(set(log["probe"][0][1].labels.tolist())) == [0, 1, 2, 3]
    values = log["stats/gradient"][0][1].values
    assert np.isfinite(values[:, :8]).all()


def test_a_regression_has_targets_and_gradients(tmp_path):
    x, _ = pictures(32)
    y = x.mean(axis=(1, 2, 3))
    inputs = keras.Input((8, 8, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(3, 3, name="conv")(inputs))
    model = keras.Model(inputs, layers.Dense(1)(pooled))
    model.compile("sgd", "mse")
    fit(model, ExplainCallback(tmp_path, validation_data=(x, y), strict=True, **QUICK), x, y)
    log = read_log(tmp_path)
    assert log["probe"][0][1].labels is None
    assert not log["attribution/grad_cam/conv"][0][1].probabilities
    assert np.isfinite(log["stats/gradient"][0][1].values[:, :8]).all()


def test_without_validation_data_weights_are_logged_and_one_warning_says_what_to_do(tmp_path, caplog):
    fit(compiled(), ExplainCallback(tmp_path, strict=True, **QUICK))
    log = read_log(tmp_path)
    (warning,) = warnings_of(caplog)
    assert "validation_data=(x_val, y_val)" in warning
    assert len(log["stats/weight"]) >= 4
    assert not {"stats/activation", "probe"} & set(log)
    off = {signal.name for signal in last_status(log).signals if signal.state == "off"}
    assert {"activations", "attention", "explanations"} <= off


def test_a_wrong_layer_name_lists_the_nearest_before_training(tmp_path):
    model = compiled()
    with pytest.raises(ValueError, match=r"conv_2.*'conv2'"):
        fit(model, ExplainCallback(tmp_path, validation_data=pictures(), target_layers="conv_2"))
    assert int(keras.ops.convert_to_numpy(model.optimizer.iterations)) == 0


def test_no_spatial_layer_takes_only_the_explanations(tmp_path, caplog):
    x, y = np.random.default_rng(0).normal(size=(32, 7)).astype("float32"), np.arange(32) % 4
    model = compiled(keras.Sequential([layers.Dense(5, activation="relu"), layers.Dense(4, "softmax")]))
    options = {"methods": ("grad_cam",), "strict": True, **QUICK}
    fit(model, ExplainCallback(tmp_path, validation_data=(x, y), **options), x, y)
    log = read_log(tmp_path)
    (warning,) = warnings_of(caplog)
    assert "rows and columns" in warning
    assert len(log["stats/activation"]) >= 4
    assert last_status(log).state == "finished"


@pytest.mark.parametrize("shape", [(24, 5), (24, 8, 8, 1)])
def test_a_probe_that_does_not_fit_takes_only_itself(shape, tmp_path, caplog):
    data = np.ones(shape, "float32"), np.zeros(24, int)
    fit(compiled(), ExplainCallback(tmp_path, validation_data=data, **QUICK))
    log = read_log(tmp_path)
    assert len(log["stats/weight"]) >= 4
    assert last_status(log).state == "finished"
    assert "does not fit the model" in " ".join(warnings_of(caplog))


@pytest.mark.parametrize("data", [(np.zeros((0, 8, 8, 3)), np.zeros(0)), [], iter([])])
def test_an_empty_probe_takes_only_itself(data, tmp_path, caplog):
    model = compiled()
    fit(model, ExplainCallback(tmp_path, validation_data=data, **QUICK))
    assert int(keras.ops.convert_to_numpy(model.optimizer.iterations)) == 8
    assert "cannot be used as a probe" in " ".join(warnings_of(caplog))


def test_labels_that_the_loss_refuses_take_only_the_gradients(tmp_path, caplog):
    x, y = pictures()
    fit(compiled(), ExplainCallback(tmp_path, validation_data=(x, np.stack([y / 7, y / 9], 1)), **QUICK))
    log = read_log(tmp_path)
    assert "stats/gradient" not in log
    assert len(log["stats/activation"]) >= 4
    assert "cannot be computed on the probe" in " ".join(warnings_of(caplog))


class OwnStep(keras.Model):
    """A model with a train step of its own and no compiled loss."""

    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(3, 3, name="conv")
        self.head = layers.Dense(4, name="head")
        self.steps = self.add_weight(shape=(), trainable=False, initializer="zeros")

    def call(self, inputs):
        return self.head(keras.ops.mean(self.conv(inputs), axis=(1, 2)))

    def train_step(self, *args):
        if keras.backend.backend() == "jax":
            trainable, other, (iterations, *optimizer), metrics = args[0]
            return {"loss": 0.5}, (trainable, other, [iterations + 1, *optimizer], metrics)
        self.steps.assign_add(1.0)
        return {"loss": self.steps * 0.5}


def test_a_train_step_without_a_loss_has_no_gradients_and_says_so(tmp_path, caplog):
    model = OwnStep()
    model(pictures(1)[0])
    # On JAX Keras itself wants an optimizer.
    model.compile(optimizer="sgd" if keras.backend.backend() == "jax" else None, loss=None)
    fit(model, ExplainCallback(tmp_path, validation_data=pictures(), **QUICK))
    log = read_log(tmp_path)
    assert "compiled without a loss" in " ".join(warnings_of(caplog))
    assert last_status(log).step == 8
    assert [step for step, _ in log["attribution/grad_cam/conv"]] == [0, 4, 8]


class Interrupt(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 5:
            raise KeyboardInterrupt


def test_an_interrupted_fit_leaves_a_log_and_the_next_one_works(tmp_path):
    model, callback = compiled(), ExplainCallback(tmp_path, validation_data=pictures(), strict=True, **QUICK)
    x, y = pictures(32)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, batch_size=4, verbose=0, callbacks=[callback, Interrupt()])
    callback._session._recorder._writer.flush()
    assert [step for step, _ in read_log(tmp_path)["attribution/grad_cam/conv2"]] == [0, 4]
    fit(model, callback)
    assert last_status(read_log(tmp_path)).state == "finished"


@pytest.mark.parametrize(
    ("owner", "part"),
    [
        (KerasObserver, "collect"),
        (KerasObserver, "capture"),
        (KerasObserver, "arm"),
        (ExplainCallback, "_scalars"),
        (KerasSession, "_is_built"),
        (KerasSession, "watch"),
    ],
)
def test_no_error_of_ours_reaches_training(owner, part, tmp_path, caplog, monkeypatch):
    def fails(*args, **kwargs):
        raise RuntimeError("broken inside")

    monkeypatch.setattr(owner, part, fails)
    model = compiled()
    fit(model, ExplainCallback(tmp_path, validation_data=pictures(), **QUICK))
    assert int(keras.ops.convert_to_numpy(model.optimizer.iterations)) == 8
    assert "broken inside" in " ".join(warnings_of(caplog))
    with pytest.raises(RuntimeError, match="broken inside"):
        fit(model, ExplainCallback(tmp_path, validation_data=pictures(), strict=True, **QUICK))


def test_a_model_that_only_training_can_build_is_watched_from_its_first_step(tmp_path, monkeypatch):
    def cannot(model, inputs):
        raise NotImplementedError("symbolically")

    monkeypatch.setattr("tb_xai_callbacks.hosts.keras.build", cannot)
    monkeypatch.setattr(
        "tb_xai_callbacks.hosts.keras.is_built", lambda model: int(model.optimizer.iterations) > 0
    )
    fit(compiled(), ExplainCallback(tmp_path, validation_data=pictures(), strict=True, **QUICK))
    log = read_log(tmp_path)
    assert log["stats/activation"][0][0] == 1
    assert any("first step built" in notice.message for notice in last_status(log).notices)


def test_a_backend_that_cannot_be_observed_is_one_warning(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "openvino")
    callback = ExplainCallback(tmp_path, validation_data=pictures())
    callback.on_train_begin()
    callback.on_train_batch_end(0, {})
    callback.on_train_end()
    (warning,) = warnings_of(caplog)
    assert "KERAS_BACKEND=tensorflow" in warning
    assert not list(tmp_path.iterdir())


def test_options_are_checked_at_construction(tmp_path):
    with pytest.raises(TypeError, match="target_layers"):
        ExplainCallback(tmp_path, target_layer="conv")
    with pytest.raises(ValueError, match="one of them"):
        ExplainCallback(tmp_path, validation_data=pictures(), probe=pictures())
