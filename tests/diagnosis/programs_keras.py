# SPDX-License-Identifier: Apache-2.0
"""Programs in Keras: `compile` and `fit`, as users write them. Keras is imported when one runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from outcomes import Outcome
from programs_data import BINARY_PROBABILITY, CLASSES, REGRESSION, diabetes, digits, moons
from programs_loop import Data, Monitor, Program, Task

STUCK = "worse_than_constant plateau constant_output rank_collapse missing_class constant_prediction"


@dataclass
class KerasScript:
    """A compiled model and its data as numpy arrays; batches of 32."""

    model: Any
    data: Data
    task: Task
    epochs: int

    @property
    def probe(self) -> tuple[Any, Any]:
        """What the user gives to the callback: the validation data."""
        return self.data.val_x.numpy(), self.data.val_y.numpy()


def compiled(
    data: Data,
    task: Task,
    layers: Callable[[Any], list[Any]],
    loss: Callable[[Any], Any],
    optimizer: Callable[[Any], Any] = lambda keras: keras.optimizers.Adam(1e-3),
    epochs: int = 10,
) -> KerasScript:
    """A Sequential of `layers(keras.layers)`; what needs keras is handed it."""
    import keras

    model = keras.Sequential([keras.Input(tuple(data.train_x.shape[1:])), *layers(keras.layers)])
    model.compile(optimizer=optimizer(keras), loss=loss(keras))
    return KerasScript(model, data, task, epochs)


def run(build: Callable[[int], KerasScript], seed: int, monitor: Monitor) -> Outcome:
    """Train under `seed`; the loss of a step is its epoch's mean, which is what `fit` shows."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    keras.utils.set_random_seed(seed)
    script = build(seed)
    data, task = script.data, script.task
    history = script.model.fit(
        data.train_x.numpy(), data.train_y.numpy(), batch_size=32, epochs=script.epochs, verbose=0,
        callbacks=monitor.on_keras(script),
    )  # fmt: skip
    steps = -(-len(data.train_x) // 32)
    losses = tuple(float(loss) for loss in history.history["loss"] for _ in range(steps))
    outputs = torch.as_tensor(script.model.predict(data.val_x.numpy(), verbose=0))
    finite = bool(torch.isfinite(outputs).all())
    score = task.score(outputs, data.val_y) if finite else float("nan")
    return Outcome(losses, task.base_loss(data.train_y), score, task.name)


# ---- scripts


def _classifier(layers: Any, *, middle: str = "relu", head: str | None = "softmax") -> list[Any]:
    return [
        layers.Dense(128, activation=middle),
        layers.Dense(64, activation=middle),
        layers.Dense(10, activation=head),
    ]


def _cnn(layers: Any) -> list[Any]:
    return [
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(10),
    ]


def _dense(layers: Any, *, units: int = 64, head: str | None = None) -> list[Any]:
    return [
        layers.Dense(units, activation="relu"),
        layers.Dense(units, activation="relu"),
        layers.Dense(1, activation=head),
    ]


def _sparse(keras: Any, from_logits: bool = False) -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)


def _digits(seed: int, layers: Callable[[Any], list[Any]] = _classifier, **parts: Any) -> KerasScript:
    shape = parts.pop("shape", (64,))
    scale = parts.pop("scale", 1 / 16)
    return compiled(digits(seed, shape, scale), CLASSES, layers, parts.pop("loss", _sparse), **parts)


def _diabetes(seed: int, **parts: Any) -> KerasScript:
    scaled = parts.pop("scaled", True)
    return compiled(
        diabetes(seed, scaled, scaled), REGRESSION, _dense, lambda keras: "mse", epochs=25, **parts
    )


def _moons(seed: int, head: str) -> KerasScript:
    return compiled(
        moons(seed), BINARY_PROBABILITY, partial(_dense, head=head), lambda keras: "binary_crossentropy"
    )


def _sgd(rate: float) -> Callable[[Any], Any]:
    return lambda keras: keras.optimizers.SGD(rate)


def _healthy(name: str, good_score: float, build: Callable[[int], KerasScript]) -> Program:
    name = f"keras {name}"
    return Program(name, "healthy", partial(run, build), good_score=good_score, framework="keras")


def _fault(
    name: str, reference: str, fault: str, causes: str, symptoms: str, build: Callable[[int], KerasScript]
) -> Program:
    found = tuple(causes.split())
    return Program(
        f"keras {name}", "faulty", partial(run, build), fault, (*found, *symptoms.split()), found,
        f"keras {reference}", framework="keras",
    )  # fmt: skip


# fmt: off
KERAS_PROGRAMS = (
    _healthy("mlp", 0.85, _digits),
    _healthy("cnn", 0.9,
           partial(_digits, layers=_cnn, shape=(8, 8, 1), loss=partial(_sparse, from_logits=True))),
    _healthy("regression", 0.2, _diabetes),
    _healthy("moons", 0.85, partial(_moons, head="sigmoid")),
    _fault("logits", "mlp", "The model ends in logits, the loss expects probabilities.",
           "head_loss_mismatch", f"high_initial_loss {STUCK}",
           partial(_digits, layers=partial(_classifier, head=None))),
    _fault("softmax twice", "mlp", "The model ends in softmax and the loss has from_logits=True.",
           "head_loss_mismatch", STUCK,
           partial(_digits, loss=partial(_sparse, from_logits=True), optimizer=_sgd(0.1))),
    _fault("one-unit softmax", "moons", "Softmax over one unit gives 1 for every sample.",
           "head_loss_mismatch", f"no_training high_initial_loss {STUCK}", partial(_moons, head="softmax")),
    _fault("lr low", "mlp", "Adam with a learning rate of 1e-6.",
           "update_ratio_low", STUCK, partial(_digits, optimizer=lambda keras: keras.optimizers.Adam(1e-6))),
    _fault("lr high", "mlp", "SGD with a learning rate of 10.",
           "update_ratio_high", f"{STUCK} dead_layer dying_layer exploding_gradients nonfinite oscillation",
           partial(_digits, optimizer=_sgd(10.0))),
    _fault("unscaled", "regression", "Neither inputs nor targets are scaled, under SGD.",
           "unscaled_inputs unscaled_targets",
           "high_initial_loss update_ratio_high nonfinite exploding_gradients "
           "dead_layer constant_output worse_than_constant",
           partial(_diabetes, scaled=False, optimizer=_sgd(0.01))),
)
# fmt: on
