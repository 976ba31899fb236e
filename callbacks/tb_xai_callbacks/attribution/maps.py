# SPDX-License-Identifier: Apache-2.0
"""Attributions: from one capture to a record per method and layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tb_xai_callbacks.attribution.methods import SIGNED, as_map
from tb_xai_callbacks.backends.contract import Capture, TargetLayer
from tb_xai_callbacks.measure.attention import pool_heat
from tb_xai_callbacks.measure.cam import CAMS
from tb_xai_callbacks.measure.rollout import (
    attention_rollout,
    class_token_row,
    gradient_rollout,
    mean_row,
)
from tb_xai_callbacks.measure.scores import Selection, select
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_plugin.format.records import Attribution


def choose(
    outputs: np.ndarray, targets: str | int | Sequence[int], probe: ProbeSet, sigmoid: bool = False
) -> Selection:
    """What to explain of the model's outputs [n, …] on the probe (`measure.targets.select`)."""
    return select(outputs, targets, probe.labels, probe.targets is not None, sigmoid)


@dataclass(frozen=True)
class Explained:
    """What all attributions of a snapshot share.

    `calls`: how often a pass runs a layer; the last call is explained.
    """

    choice: Selection
    probe: str
    calls: dict[str, int]

    def record(self, method: str, layer: str, heat: np.ndarray) -> Attribution:
        """One method's maps at one layer, at most 64×64."""
        choice, count = self.choice, self.calls.get(layer, 1)
        return Attribution(
            method=method,
            layer=layer,
            heat=pool_heat(heat) if heat.ndim == 3 else heat,
            targets=choice.targets,
            scores=choice.scores,
            predictions=choice.predictions,
            prediction_scores=choice.prediction_scores,
            probabilities=choice.probabilities,
            signed=method in SIGNED,
            probe=self.probe,
            call=count,
            calls=count,
        )


def observe(
    capture: Capture, targets: Sequence[TargetLayer], methods: Sequence[str], explained: Explained
) -> Iterator[Attribution]:
    """Every class activation map that was asked for, from one forward and one backward pass."""
    for target in targets:
        activation = as_map(capture.activations[target.name], target)
        gradient = as_map(capture.gradients[target.name], target)
        for method in methods:
            yield explained.record(method, target.name, CAMS[method](activation, gradient))


def rollout(attention: dict[str, np.ndarray], grid: tuple[int, int] | None, prefix: int) -> np.ndarray:
    """Attention by layer, in execution order -> how much each token of the input counts, [n h w] or [n t].

    The class token's row where there is one, else the mean over tokens that attend (padding is NaN).

    Raises:
        ValueError: if the layers attend over different tokens.
    """
    return _token_row(_same_tokens(attention, attention_rollout), attention, grid, prefix)


def class_rollout(
    attention: dict[str, np.ndarray],
    gradients: dict[str, np.ndarray],
    grid: tuple[int, int] | None,
    prefix: int,
) -> np.ndarray:
    """The same of one class: attention weighted by the score's gradient there, [n h w] or [n t].

    Raises:
        ValueError: if the layers attend over different tokens.
    """
    rolled = _same_tokens(attention, lambda layers: gradient_rollout(layers, list(gradients.values())))
    rolled = rolled - np.eye(rolled.shape[-1], dtype=rolled.dtype)  # what every token has of itself at first
    return _token_row(rolled, attention, grid, prefix)


def _same_tokens(
    attention: dict[str, np.ndarray], roll: Callable[[list[np.ndarray]], np.ndarray]
) -> np.ndarray:
    layers = list(attention.values())
    shapes = {weights.shape[2:] for weights in layers}
    if len(shapes) != 1 or any(queries != keys for queries, keys in shapes):
        raise ValueError(f"rollout multiplies layers over the same tokens; these have {sorted(shapes)}")
    return roll(layers)


def _token_row(
    rolled: np.ndarray, attention: dict[str, np.ndarray], grid: tuple[int, int] | None, prefix: int
) -> np.ndarray:
    real = np.isfinite(next(iter(attention.values()))).all((1, 3))
    row = class_token_row(rolled, prefix) if prefix else mean_row(rolled, real=real)
    return row.reshape(len(row), *grid) if grid and grid[0] * grid[1] == row.shape[1] else row
