# SPDX-License-Identifier: Apache-2.0
"""Maps of the input by gradients of the score there, once or along many points.

Heat is [n h w] of pictures, [n t] of tokens and moments, [n f] of tables.
"""

from __future__ import annotations

import numpy as np

from tb_xai_callbacks.attribution.method import Method
from tb_xai_callbacks.attribution.question import Question
from tb_xai_callbacks.backends.contract import TargetLayer
from tb_xai_callbacks.measure import inputs as at_inputs

#: Noisy copies of SmoothGrad, points on the path of integrated gradients.
NOISY, PATH = 16, 32


def _saliency(question: Question, layer: TargetLayer | None) -> np.ndarray:
    found = at_inputs.saliency(question.gradient_at, question.inputs)
    return at_inputs.to_magnitude(found, question.axes.features)


def _input_x_gradient(question: Question, layer: TargetLayer | None) -> np.ndarray:
    found = at_inputs.input_x_gradient(question.gradient_at, question.inputs)
    return at_inputs.to_map(found, question.axes.features)


def _smooth_grad(question: Question, layer: TargetLayer | None) -> np.ndarray:
    found = at_inputs.smooth_grad(question.gradient_at, question.inputs, samples=NOISY)
    return at_inputs.to_map(found, question.axes.features)


def _integrated_gradients(question: Question, layer: TargetLayer | None) -> np.ndarray:
    found = at_inputs.integrated_gradients(
        question.gradient_at, question.score_at, question.inputs, steps=PATH
    )
    return at_inputs.to_map(found.attribution, question.axes.features)


def _guided_backprop(question: Question, layer: TargetLayer | None) -> np.ndarray:
    gradient = question.gradient_at(question.inputs)
    if not question.explainer.has_relu:
        raise ValueError("guided backpropagation clips gradients at ReLUs, and the model has none")
    return at_inputs.to_map(gradient, question.axes.features)


SALIENCY = Method(
    "saliency",
    "Gradient (saliency)",
    "Size of the gradient of the class score with respect to each input value.",
    _saliency,
    source="Simonyan et al., ICLR Workshop 2014",
)
INPUT_X_GRADIENT = Method(
    "input_x_gradient",
    "Input × gradient",
    "Gradient times input: what each value adds to the score, to first order.",
    _input_x_gradient,
    signed=True,
    source="Shrikumar et al., arXiv 1605.01713 (2016)",
)
SMOOTH_GRAD = Method(
    "smooth_grad",
    "SmoothGrad",
    "Mean gradient over noisy copies of the input.",
    _smooth_grad,
    signed=True,
    passes=NOISY,
    source="Smilkov et al., arXiv 1706.03825 (2017)",
)
INTEGRATED_GRADIENTS = Method(
    "integrated_gradients",
    "Integrated Gradients",
    "Gradients averaged on the way from a blank input, times the difference from it: the values add up to "
    "the score’s change.",
    _integrated_gradients,
    signed=True,
    passes=PATH,
    source="Sundararajan et al., ICML 2017",
    complete=True,
)
GUIDED_BACKPROP = Method(
    "guided_backprop",
    "Guided backprop",
    "Gradient with negative parts cut off on the way back.",
    _guided_backprop,
    signed=True,
    guided=True,
    source="Springenberg et al., ICLR Workshop 2015",
    faithful=False,
)
