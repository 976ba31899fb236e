# SPDX-License-Identifier: Apache-2.0
"""Attributions: from one capture to a record per method and layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tb_xai_callbacks.backends import Capture, TargetLayer
from tb_xai_callbacks.measure.attention import pool_heat
from tb_xai_callbacks.measure.cam import grad_cam, tokens_to_map
from tb_xai_callbacks.measure.targets import Selection, select
from tb_xai_callbacks.options import Options
from tb_xai_callbacks.probe_set import ProbeSet
from tb_xai_plugin.records import Attribution


def choose(outputs: np.ndarray, options: Options, probe: ProbeSet, sigmoid: bool = False) -> Selection:
    """What to explain of the model's outputs [n, …] on the probe (`measure.targets.select`)."""
    regression = probe.targets is not None
    return select(outputs, options.targets, probe.labels, regression, sigmoid)


def _as_map(array: np.ndarray, target: TargetLayer) -> np.ndarray:
    return array if target.grid is None else tokens_to_map(array, target.grid, target.prefix_tokens)


def observe(
    capture: Capture, targets: Sequence[TargetLayer], probe: ProbeSet, calls: dict[str, int]
) -> Iterator[Attribution]:
    """One Attribution per target layer: Grad-CAM of all samples, at most 64×64."""
    assert capture.choice is not None
    choice = capture.choice
    for target in targets:
        heat = grad_cam(
            _as_map(capture.activations[target.name], target), _as_map(capture.gradients[target.name], target)
        )
        count = calls.get(target.name, 1)
        yield Attribution(
            method="grad_cam",
            layer=target.name,
            heat=pool_heat(heat),
            targets=choice.targets,
            scores=choice.scores,
            predictions=choice.predictions,
            prediction_scores=choice.prediction_scores,
            probabilities=choice.probabilities,
            probe=probe.hash,
            call=count,
            calls=count,
        )
