# SPDX-License-Identifier: Apache-2.0
"""Conductance: integrated gradients as they flow through the units of a layer."""

from __future__ import annotations

import numpy as np

from tb_xai_callbacks.attribution.method import LAYER, Method
from tb_xai_callbacks.attribution.question import Question
from tb_xai_callbacks.backends.contract import Pulled, TargetLayer
from tb_xai_callbacks.measure import inputs as at_inputs
from tb_xai_callbacks.measure.conductance import layer_conductance, neuron_conductance

#: Points on the path from a blank input to the input.
POINTS = 17


def _path(question: Question, shares: np.ndarray) -> list[np.ndarray]:
    inputs = question.inputs
    return [(share * inputs).astype(inputs.dtype) for share in shares]


def _pulled(question: Question, point: np.ndarray, layer: TargetLayer) -> Pulled:
    return question.explainer.pull(point, question.cotangent_at(point), [layer.name])


def _layer_conductance(question: Question, layer: TargetLayer | None) -> np.ndarray:
    """Heat [n units]: channels, summed over their positions; or the units of a dense layer."""
    assert layer is not None, "it explains a layer"
    points = [_pulled(question, point, layer) for point in _path(question, np.linspace(0, 1, POINTS))]
    found = layer_conductance(
        np.stack([point.activations[layer.name] for point in points]),
        np.stack([point.gradients[layer.name] for point in points]),
    )
    if layer.grid is not None:
        return np.asarray(found.sum(axis=1))
    by_unit = np.moveaxis(found, layer.units_axis, 1)
    return np.asarray(by_unit.reshape(*by_unit.shape[:2], -1).sum(axis=2))


def _neuron_conductance(question: Question, layer: TargetLayer | None) -> np.ndarray:
    """A map of the input, for each sample's unit of largest layer conductance, the path's ends left out."""
    assert layer is not None, "it explains a layer"
    inputs, name = question.inputs, layer.name
    shares, weights = at_inputs.path_points(POINTS)
    path = _path(question, shares)
    slopes, values = [], []
    for point in path:
        pulled = _pulled(question, point, layer)
        slopes.append(pulled.gradients[name].reshape(len(inputs), -1))
        values.append(pulled.activations[name].reshape(len(inputs), -1))
    unit = np.abs(layer_conductance(np.stack(values), np.stack(slopes))).argmax(axis=1)
    own = np.arange(len(inputs))
    found = neuron_conductance(
        np.stack([slope[own, unit] for slope in slopes]),
        np.stack([question.explainer.pull_unit(point, name, unit) for point in path]),
        weights,
        inputs,
    )
    return at_inputs.to_map(found, question.axes.features)


LAYER_CONDUCTANCE = Method(
    "layer_conductance",
    "Layer conductance",
    "Integrated Gradients through the units of a layer: what each adds to the score.",
    _layer_conductance,
    explains=LAYER,
    signed=True,
    passes=POINTS,
    source="Dhamdhere et al., ICLR 2019",
    needs_map=False,
)
NEURON_CONDUCTANCE = Method(
    "neuron_conductance",
    "Neuron conductance",
    "Which inputs act on the score through the one unit of this layer that carries most of it.",
    _neuron_conductance,
    explains=LAYER,
    signed=True,
    passes=2 * POINTS,
    source="Dhamdhere et al., ICLR 2019",
    needs_map=False,
)
