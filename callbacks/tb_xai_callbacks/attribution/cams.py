# SPDX-License-Identifier: Apache-2.0
"""Class activation maps: a layer's maps, each weighted by what it does for the score.

All but Score-CAM are made of the pass that all signals share: of one activation and the gradient there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tb_xai_callbacks.attribution.method import LAYER, How, Method
from tb_xai_callbacks.attribution.question import Question
from tb_xai_callbacks.backends.contract import TargetLayer
from tb_xai_callbacks.measure import cam

#: Channels that Score-CAM masks the input with, a pass each: those of greatest mean activation.
MASKS = 32


def _by(formula: Callable[[Any, Any], Any]) -> How:
    """Activation and gradient [n c h w] -> heat [n h w], by one of `measure.cam`; of volumes [n d h w]."""

    def heat(question: Question, layer: TargetLayer | None) -> np.ndarray:
        activation, gradient = question.activation(layer), question.gradient(layer)
        if activation.ndim != 5:
            return np.asarray(formula(activation, gradient))
        # the formulas only sum over positions, so that rows and columns may lie on one axis
        flat = (*activation.shape[:3], -1)
        found = np.asarray(formula(activation.reshape(flat), gradient.reshape(flat)))
        return found.reshape(len(found), *activation.shape[2:])

    return heat


def _score_cam(question: Question, layer: TargetLayer | None) -> np.ndarray:
    inputs, axes = question.inputs, question.axes
    if len(axes.positions) != 2:
        raise ValueError("score_cam multiplies pictures by masks, and the inputs are no pictures")
    size = (inputs.shape[axes.positions[0]], inputs.shape[axes.positions[1]])
    others = [axis for axis in range(1, inputs.ndim) if axis not in axes.positions]

    def score_of(masks: np.ndarray) -> np.ndarray:
        each = [np.expand_dims(masks[:, k], others) * inputs for k in range(masks.shape[1])]
        return np.stack([question.score_at(one.astype(inputs.dtype)) for one in each], axis=1)

    return cam.score_cam(question.activation(layer), score_of, size, channels=MASKS)


GRAD_CAM = Method(
    "grad_cam",
    "Grad-CAM",
    "The layer’s maps, weighted by the mean gradient of the class score, negative parts cut off.",
    _by(cam.grad_cam),
    explains=LAYER,
    passes=0,
    source="Selvaraju et al., ICCV 2017",
)
GRAD_CAM_PLUS_PLUS = Method(
    "grad_cam_plus_plus",
    "Grad-CAM++",
    "Grad-CAM with weights from higher derivatives: finds several objects of one class better.",
    _by(cam.grad_cam_plus_plus),
    explains=LAYER,
    passes=0,
    source="Chattopadhay et al., WACV 2018",
)
HIRES_CAM = Method(
    "hires_cam",
    "HiResCAM",
    "The layer’s maps times the gradient at each place, summed: where the last layer is linear, exactly what "
    "the score is made of.",
    _by(cam.hires_cam),
    explains=LAYER,
    passes=0,
    source="Draelos & Carin, arXiv 2011.08891 (2020)",
)
LAYER_CAM = Method(
    "layer_cam",
    "LayerCAM",
    "The layer’s maps times the positive gradient at each place: sharper than Grad-CAM in early layers.",
    _by(cam.layer_cam),
    explains=LAYER,
    passes=0,
    source="Jiang et al., IEEE Transactions on Image Processing 30 (2021)",
)
XGRAD_CAM = Method(
    "xgrad_cam",
    "XGrad-CAM",
    "Grad-CAM with weights scaled by the maps, so that their sum comes nearest to the score.",
    _by(cam.xgrad_cam),
    explains=LAYER,
    passes=0,
    source="Fu et al., BMVC 2020",
)
EIGEN_CAM = Method(
    "eigen_cam",
    "Eigen-CAM",
    "The first principal component of the layer’s maps. Does not depend on the class.",
    _by(cam.eigen_cam),
    explains=LAYER,
    passes=0,
    source="Muhammad & Yeasin, IJCNN 2020",
)
SCORE_CAM = Method(
    "score_cam",
    "Score-CAM",
    "The layer’s maps, each weighted by the score of the input that is masked with it. Uses no gradients.",
    _score_cam,
    explains=LAYER,
    passes=MASKS,
    source="Wang et al., CVPR Workshops 2020",
)
