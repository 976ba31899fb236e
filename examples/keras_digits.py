# SPDX-License-Identifier: Apache-2.0
"""Watch a Keras run. Run it, then `tensorboard --logdir runs`."""

import sys

import keras
import numpy as np
from sklearn.datasets import load_digits

from tb_xai_callbacks.keras import ExplainCallback

log_dir = sys.argv[1] if len(sys.argv) > 1 else "runs/keras"
keras.utils.set_random_seed(0)
digits = load_digits()
images = (digits.images / 16).astype(np.float32)[..., None]
labels = digits.target

model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
        keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(10),
    ]
)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
callback = ExplainCallback(log_dir, validation_data=(images[:360], labels[:360]))
model.fit(images[360:], labels[360:], batch_size=64, epochs=2, callbacks=[callback], verbose=0)
