# SPDX-License-Identifier: Apache-2.0
"""A Keras `fit` with nobody watching, with this recorder's callback, and with Keras' own TensorBoard one."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from benchmarks.interleave import Figure, Section, interleaved, quartiles, ratio

BARE, OURS, THEIRS = (
    "bare fit",
    "this recorder, default settings",
    "keras TensorBoard(histogram_freq=1)",
)


def _fit(epochs: int, callbacks: Callable[[str], list[Any]]) -> None:
    import keras

    pictures, labels = load_digits(return_X_y=True)
    inputs = (pictures / 16).reshape(-1, 8, 8, 1).astype(np.float32)
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
            keras.layers.Conv2D(64, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    with tempfile.TemporaryDirectory() as directory:
        model.fit(inputs, labels, epochs=epochs, verbose=0, callbacks=callbacks(directory))


def _ours(directory: str) -> list[Any]:
    from tb_xai_callbacks.keras import ExplainCallback

    return [ExplainCallback(log_dir=directory)]


def _theirs(directory: str) -> list[Any]:
    import keras

    return [keras.callbacks.TensorBoard(directory, histogram_freq=1)]


def run(quick: bool = False) -> list[Section]:
    """Whole fits in turn."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    logging.getLogger("tb_xai_callbacks").setLevel(logging.ERROR)
    epochs = 2 if quick else 40
    makers = {BARE: lambda directory: [], OURS: _ours, THEIRS: _theirs}
    works = {name: lambda make=make: _fit(epochs, make) for name, make in makers.items()}
    times = interleaved(works, 1 if quick else 5, warm_up=1).wall
    section = Section(
        f"A Keras fit of {epochs} epochs on scikit-learn's digits",
        "Wall time of the whole fit, the model's compilation included, as a multiple of the bare one's.",
        [Figure(BARE, quartiles(times[BARE])[0], "s")],
    )
    for name in (OURS, THEIRS):
        middle, low, high = ratio(times, name, BARE)
        section.figures.append(Figure(name, middle, "×", low, high))
    return [section]
