# SPDX-License-Identifier: Apache-2.0
"""The attribution methods by name: each makes one array of a pass, or of the model as a function.

Maps at a layer come from one activation and the score's gradient there; the others differentiate, blank or
blur the input. A method that a model cannot have says so with a ValueError, which the tab shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import numpy as np

from tb_xai_callbacks.backends.contract import Explainer, TargetLayer
from tb_xai_callbacks.measure import inputs as at_inputs
from tb_xai_callbacks.measure.axes import Axes, axes_of
from tb_xai_callbacks.measure.cam import CAMS, score_cam, tokens_to_map
from tb_xai_callbacks.measure.conductance import layer_conductance, neuron_conductance
from tb_xai_callbacks.measure.scores import Selection, class_axis, softmax

#: The layer that maps of the input are recorded under.
INPUT = "input"
#: Layer maps that need more than one pass.
LAYER_METHODS = ("score_cam", "layer_conductance", "neuron_conductance")
#: Made by libraries, which the extra `attribution` brings.
DELEGATED = ("deep_lift", "lrp", "feature_ablation", "kernel_shap", "lime")
INPUT_METHODS = (
    "saliency", "input_x_gradient", "smooth_grad", "integrated_gradients", "guided_backprop", "occlusion",
    *DELEGATED,
)  # fmt: skip
ROLLOUTS = ("attention_rollout",)
#: Of attention, from a pass of its own with gradients.
GRADIENT_ROLLOUT = "gradient_rollout"
#: Methods whose values have a sign.
SIGNED = frozenset({"input_x_gradient", "smooth_grad", "integrated_gradients", "guided_backprop", "occlusion",
                    "layer_conductance", "neuron_conductance", *DELEGATED})  # fmt: skip
#: Everything that can be asked for.
ALL_METHODS = (*CAMS, *LAYER_METHODS, *INPUT_METHODS, *ROLLOUTS, GRADIENT_ROLLOUT)

#: Passes of SmoothGrad and of integrated gradients, windows of occlusion a side, masks of Score-CAM.
NOISY, PATH, WINDOWS, MASKS = 16, 32, 8, 32
CONDUCTANCE_POINTS = 17


@dataclass(frozen=True)
class Question:
    """What is explained: the score of each sample, a weighted sum of its outputs."""

    explainer: Explainer
    choice: Selection

    @property
    def axes(self) -> Axes:
        """The axes of what is explained."""
        explainer = self.explainer
        return axes_of(explainer.inputs, explainer.embedded, explainer.features_first)

    def score(self, inputs: np.ndarray) -> np.ndarray:
        """The explained scores [n]."""
        if self.choice.scoring is not None:
            return self.choice.scoring(self.explainer.outputs(inputs))[0]
        outputs = self.explainer.outputs(inputs).reshape(len(inputs), -1)
        return np.asarray((outputs * self.choice.cotangent.reshape(len(inputs), -1)).sum(axis=1))

    def probability(self, inputs: np.ndarray) -> np.ndarray:
        """The targets' probabilities [n] where there are classes, else the scores."""
        outputs = self.explainer.outputs(inputs)
        if not self.choice.probabilities or outputs.ndim != 2 or outputs.shape[1] < 2:
            return self.score(inputs)
        likely = softmax(outputs, class_axis(outputs))
        return np.asarray(likely[np.arange(len(likely)), self.choice.targets])

    def gradient(self, inputs: np.ndarray) -> np.ndarray:
        """The scores' gradients at the inputs [n …]."""
        return self.explainer.pull(inputs, self.cotangent(inputs)).gradient

    def cotangent(self, inputs: np.ndarray) -> np.ndarray:
        """The scores' gradients at the outputs [n, …] of these inputs; for a user's function, a pass more."""
        if self.choice.scoring is None:
            return self.choice.cotangent
        return self.choice.scoring(self.explainer.outputs(inputs))[1]


def as_map(array: np.ndarray, target: TargetLayer) -> np.ndarray:
    """What a layer put out, as [n c h w]."""
    return (
        array if target.grid is None else np.asarray(tokens_to_map(array, target.grid, target.prefix_tokens))
    )


def layer_map(method: str, question: Question, target: TargetLayer, inputs: np.ndarray) -> np.ndarray:
    """A map at a layer for other values of the inputs [n …] -> [n h w], or [n units] for conductance.

    `neuron_conductance` is a map of the input: how it acts on the score through one unit of the layer.
    """
    if method == "layer_conductance":
        return _conductance(question, target, inputs)
    if method == "neuron_conductance":
        return _neuron_conductance(question, target, inputs)
    pulled = question.explainer.pull(inputs, question.cotangent(inputs), [target.name])
    activation = as_map(pulled.activations[target.name], target)
    if method == "score_cam":
        return _score_cam(question, activation, inputs)
    return np.asarray(CAMS[method](activation, as_map(pulled.gradients[target.name], target)))


def _score_cam(question: Question, activation: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    axes = question.axes
    if len(axes.positions) != 2:
        raise ValueError("score_cam multiplies pictures by masks, and the inputs are no pictures")
    size = (inputs.shape[axes.positions[0]], inputs.shape[axes.positions[1]])
    absent = [axis for axis in range(1, inputs.ndim) if axis not in axes.positions]

    def score_of(masks: np.ndarray) -> np.ndarray:
        each = [np.expand_dims(masks[:, k], absent) * inputs for k in range(masks.shape[1])]
        return np.stack([question.score(one.astype(inputs.dtype)) for one in each], axis=1)

    return score_cam(activation, score_of, size, channels=MASKS)


def _conductance(question: Question, target: TargetLayer, inputs: np.ndarray) -> np.ndarray:
    path = [(share * inputs).astype(inputs.dtype) for share in np.linspace(0, 1, CONDUCTANCE_POINTS)]
    points = [question.explainer.pull(point, question.cotangent(point), [target.name]) for point in path]
    found = layer_conductance(
        np.stack([p.activations[target.name] for p in points]),
        np.stack([p.gradients[target.name] for p in points]),
    )
    if target.grid is not None:
        return np.asarray(found.sum(axis=1))
    return np.asarray(found.reshape(*found.shape[:2], -1).sum(axis=2))


def _neuron_conductance(question: Question, target: TargetLayer, inputs: np.ndarray) -> np.ndarray:
    """Of each sample's unit with the largest layer conductance, the path's ends left out."""
    explainer = question.explainer
    shares, weights = at_inputs.path_points(CONDUCTANCE_POINTS)
    points = [(share * inputs).astype(inputs.dtype) for share in shares]
    slopes, values = [], []
    for point in points:
        pulled = explainer.pull(point, question.cotangent(point), [target.name])
        slopes.append(pulled.gradients[target.name].reshape(len(inputs), -1))
        values.append(pulled.activations[target.name].reshape(len(inputs), -1))
    unit = np.abs(layer_conductance(np.stack(values), np.stack(slopes))).argmax(axis=1)
    own = np.arange(len(inputs))
    found = neuron_conductance(
        np.stack([slope[own, unit] for slope in slopes]),
        np.stack([explainer.pull_unit(point, target.name, unit) for point in points]),
        weights,
        inputs,
    )
    return np.asarray(at_inputs.to_map(found, question.axes.features))


def input_map(method: str, question: Question, inputs: np.ndarray) -> np.ndarray:
    """A map of the input -> [n h w], [n t] or [n f]; `guided_backprop` wants a guided explainer."""
    axes = question.axes
    return INPUT_MAPS[method](question, axes, inputs)


def _saliency(question: Question, axes: Axes, inputs: np.ndarray) -> np.ndarray:
    return at_inputs.to_magnitude(at_inputs.saliency(question.gradient, inputs), axes.features)


def _input_x_gradient(question: Question, axes: Axes, inputs: np.ndarray) -> np.ndarray:
    return at_inputs.to_map(at_inputs.input_x_gradient(question.gradient, inputs), axes.features)


def _smooth_grad(question: Question, axes: Axes, inputs: np.ndarray) -> np.ndarray:
    found = at_inputs.smooth_grad(question.gradient, inputs, samples=NOISY)
    return at_inputs.to_map(found, axes.features)


def _integrated(question: Question, axes: Axes, inputs: np.ndarray) -> np.ndarray:
    found = at_inputs.integrated_gradients(question.gradient, question.score, inputs, steps=PATH)
    return at_inputs.to_map(found.attribution, axes.features)


def _guided(question: Question, axes: Axes, inputs: np.ndarray) -> np.ndarray:
    gradient = question.gradient(inputs)
    if not question.explainer.has_relu:
        raise ValueError("guided backpropagation clips gradients at ReLUs, and the model has none")
    return at_inputs.to_map(gradient, axes.features)


def _occlusion(question: Question, axes: Axes, inputs: np.ndarray) -> np.ndarray:
    patch = [max(1, ceil(inputs.shape[axis] / WINDOWS)) for axis in axes.positions]
    return at_inputs.occlusion(question.score, inputs, axes.positions, patch=patch, stride=patch)


def groups_of(inputs: np.ndarray, axes: Axes) -> np.ndarray:
    """Numbers [...] of an input's shape: at most `WINDOWS` ² blocks of positions, with all their features."""
    shape = inputs.shape[1:]
    most = WINDOWS if len(axes.positions) > 1 else WINDOWS**2
    numbers = np.zeros(shape, dtype=np.int64)
    for axis in axes.positions:
        size = inputs.shape[axis]
        block = np.arange(size) // ceil(size / most)
        along = block.reshape([-1 if i == axis - 1 else 1 for i in range(len(shape))])
        numbers = numbers * (int(block.max()) + 1) + along
    return numbers


def _delegated(method: str) -> Callable[[Question, Axes, np.ndarray], np.ndarray]:
    def make(question: Question, axes: Axes, inputs: np.ndarray) -> np.ndarray:
        groups = groups_of(inputs, axes)
        found = question.explainer.delegate(method, inputs, question.choice, groups)
        return at_inputs.to_map(found, axes.features)

    return make


INPUT_MAPS: dict[str, Callable[[Question, Axes, np.ndarray], np.ndarray]] = {
    "saliency": _saliency,
    "input_x_gradient": _input_x_gradient,
    "smooth_grad": _smooth_grad,
    "integrated_gradients": _integrated,
    "guided_backprop": _guided,
    "occlusion": _occlusion,
    **{name: _delegated(name) for name in DELEGATED},
}


def map_of(method: str, question: Question, target: TargetLayer | None, inputs: np.ndarray) -> np.ndarray:
    """Any map that can be made anew for other inputs."""
    if target is None:
        return input_map(method, question, inputs)
    return layer_map(method, question, target, inputs)
