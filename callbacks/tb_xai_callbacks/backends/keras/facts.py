# SPDX-License-Identifier: Apache-2.0
"""Facts about a Keras training: Keras says them outright, in the compiled loss, optimizer and last layer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from tb_xai_callbacks.measure.outcome import LossFacts
from tb_xai_plugin.format.records import Layer

#: Losses by their Keras name -> (loss, what it applies to probabilities, what to logits).
LOSSES = {
    "categorical_crossentropy": ("nll", "log", "log_softmax"),
    "sparse_categorical_crossentropy": ("nll", "log", "log_softmax"),
    "binary_crossentropy": ("bce", "", ""),
    "mean_squared_error": ("mse", "", ""),
    "mean_absolute_error": ("l1", "", ""),
    "huber": ("huber", "", ""),
    "kl_divergence": ("kl", "", ""),
}
SHORT = {"mse": "mean_squared_error", "mae": "mean_absolute_error", "kld": "kl_divergence"}
OPTIONS = {"weight_decay": "weight_decay", "momentum": "momentum", "epsilon": "eps", "beta_1": "betas"}


def loss_facts(model: Any, layers: Sequence[Layer]) -> LossFacts | None:
    """What the compiled loss does to the output; None if the model is not compiled."""
    loss = getattr(model, "loss", None)
    if loss is None:
        return None
    name = _loss_name(loss)
    kind, link, logit_link = LOSSES.get(name, ("other", "", ""))
    if bool(getattr(loss, "from_logits", False)):
        kind = {"nll": "cross_entropy", "bce": "bce_logits"}.get(kind, kind)
        link = logit_link
    reduction = "sum" if getattr(loss, "reduction", "") == "sum" else "mean"
    return LossFacts(kind, reduction, head_of(layers), link)


def _loss_name(loss: Any) -> str:
    """`"mse"`, `keras.losses.MeanSquaredError()` and the function -> `mean_squared_error`."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return SHORT.get(snake, "kl_divergence" if snake == "kldivergence" else snake)


def head_of(layers: Sequence[Layer]) -> str:
    """The nonlinearity of the last layer, "linear" for none."""
    if not layers:
        return ""
    last = layers[-1]
    if last.activation and last.activation != "linear":
        return last.activation
    kind = last.type.lower()
    return {"re_lu": "relu", "leakyrelu": "leaky_relu"}.get(kind, kind) if kind in HEADS else "linear"


HEADS = ("softmax", "relu", "re_lu", "leakyrelu", "sigmoid", "tanh")


def optimizer_facts(model: Any) -> tuple[str, dict[str, float]]:
    """Name and options of the optimizer; ("", {}) if the model is not compiled."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return "", {}
    found = {"lr": float(keras.ops.convert_to_numpy(optimizer.learning_rate))}
    for name, ours in OPTIONS.items():
        value = getattr(optimizer, name, None)
        if isinstance(value, (int, float, np.floating)):
            found[ours] = float(value)
    return type(optimizer).__name__, found
