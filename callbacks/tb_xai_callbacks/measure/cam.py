# SPDX-License-Identifier: Apache-2.0
"""Class activation maps: from a layer's activation and the score's gradient there to a heat map.

Written with operations that numpy arrays and torch tensors share, so that one formula serves both;
`eigen_cam` and `score_cam` are numpy only. Maps are raw: neither resized nor normalised, because scale
is chosen where they are drawn. A sample with NaN in it gets a map with NaN in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tb_xai_callbacks.measure.resize import bilinear
from tb_xai_callbacks.measure.shapes import expect


def _expect_pair(activation: Any, gradient: Any) -> None:
    """Both [n c h w] and of one shape, else ValueError."""
    expect(activation, "n c h w", "activation")
    if expect(gradient, "n c h w", "gradient") != tuple(activation.shape):
        raise ValueError(f"gradient has shape {gradient.shape}, activation {activation.shape}")


def grad_cam(activation: Any, gradient: Any) -> Any:
    """Grad-CAM: activation and gradient [n c h w] -> heat [n h w], not negative.

    heat = ReLU(sum over c of mean(gradient over h, w) × activation). Selvaraju et al., "Grad-CAM:
    Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017, equations 1–2.
    """
    _expect_pair(activation, gradient)
    weights = gradient.mean((2, 3))
    return (weights[:, :, None, None] * activation).sum(1).clip(min=0)


def grad_cam_plus_plus(activation: Any, gradient: Any) -> Any:
    """Grad-CAM++: activation and gradient [n c h w] -> heat [n h w], not negative.

    heat = ReLU(sum over c of weight × activation), weight = sum over h, w of alpha × ReLU(gradient), with
    alpha = g² / (2 g² + g³ × sum over h, w of activation), cancelled to 1 / (2 + g × sum) so that small
    gradients do not underflow; 0 where that denominator is 0. The closed form of the second and third
    derivative holds for exp(score): give the gradient of the logit, not of the probability. Chattopadhay
    et al., "Grad-CAM++", WACV 2018 (arXiv 1710.11063), equation 19 for alpha.
    """
    _expect_pair(activation, gradient)
    below = 2 + gradient * activation.sum((2, 3))[:, :, None, None]
    alpha = (below != 0) / (below + (below == 0))
    weights = (alpha * gradient.clip(min=0)).sum((2, 3))
    return (weights[:, :, None, None] * activation).sum(1).clip(min=0)


def hires_cam(activation: Any, gradient: Any) -> Any:
    """HiResCAM: activation and gradient [n c h w] -> heat [n h w], not negative.

    heat = ReLU(sum over c of gradient × activation), element by element: where the layer is followed by
    global pooling and a dense layer it equals Grad-CAM. Draelos & Carin, "Use HiResCAM instead of
    Grad-CAM for faithful explanations of convolutional neural networks", arXiv 2011.08891.
    """
    _expect_pair(activation, gradient)
    return (gradient * activation).sum(1).clip(min=0)


def layer_cam(activation: Any, gradient: Any) -> Any:
    """LayerCAM: activation and gradient [n c h w] -> heat [n h w], not negative.

    heat = ReLU(sum over c of ReLU(gradient) × activation): usable in early layers, where a channel's mean
    gradient says little. Without the tanh that the paper scales several fused layers with. Jiang et al.,
    "LayerCAM", IEEE Transactions on Image Processing 30, 2021, equations 6–8.
    """
    _expect_pair(activation, gradient)
    return (gradient.clip(min=0) * activation).sum(1).clip(min=0)


def xgrad_cam(activation: Any, gradient: Any) -> Any:
    """XGrad-CAM: activation and gradient [n c h w] -> heat [n h w], not negative.

    heat = ReLU(sum over c of weight × activation), weight = sum over h, w of gradient × activation, over
    the channel's sum of activation; 0 for a channel whose sum is 0. Fu et al., "Axiom-based Grad-CAM",
    BMVC 2020 (arXiv 2008.02312).
    """
    _expect_pair(activation, gradient)
    total = activation.sum((2, 3))
    weights = (gradient * activation).sum((2, 3)) * (total != 0) / (total + (total == 0))
    return (weights[:, :, None, None] * activation).sum(1).clip(min=0)


def eigen_cam(activation: Any, gradient: Any = None) -> np.ndarray:
    """Eigen-CAM: activation [n c h w] -> heat [n h w], not negative; the gradient is not looked at.

    The map is the same for every class: positions' features [h w, c], projected on the first right
    singular vector, not centred, as in the paper. A singular vector has no sign of its own: it is fixed
    so that the mean of the projection is positive (if that is 0, its entry of greatest size), then
    negative values become 0. Activations that are nowhere negative lose nothing by that. A sample with a
    value that is not finite is NaN throughout. Muhammad & Yeasin, "Eigen-CAM", IJCNN 2020.
    """
    n, c, h, w = expect(activation, "n c h w", "activation")
    features = np.asarray(activation, dtype=np.float64).reshape(n, c, h * w).transpose(0, 2, 1)
    bad = np.logical_not(np.isfinite(features).all(axis=(1, 2), keepdims=True))
    projected = _on_first_singular_vector(np.where(bad, 0, features))
    mean = projected.mean(1)
    strongest = np.take_along_axis(projected, np.abs(projected).argmax(1)[:, None], 1)[:, 0]
    undecided = np.abs(mean) <= 1e-9 * np.abs(strongest)
    heat = (projected * np.where(np.where(undecided, strongest, mean) < 0, -1, 1)[:, None]).clip(min=0)
    heat[bad[:, 0, 0]] = np.nan
    return heat.reshape(n, h, w).astype(np.float32)


def _on_first_singular_vector(features: np.ndarray) -> np.ndarray:
    """Float64 [n p c] -> [n p]: projections on the first right singular vector, of either sign.

    By way of the smaller Gram matrix, whose last eigenvector is enough: a tenth of the time of the SVD.
    Scaled first, so that squares stay in range.
    """
    scale = np.abs(features).max(axis=(1, 2), initial=0)
    scaled = features / np.where(scale > 0, scale, 1)[:, None, None]
    turned = scaled.transpose(0, 2, 1)
    if features.shape[1] < features.shape[2]:
        sizes, vectors = np.linalg.eigh(scaled @ turned)
        projected = vectors[:, :, -1] * np.sqrt(np.maximum(sizes[:, -1:], 0))
    else:
        _, vectors = np.linalg.eigh(turned @ scaled)
        projected = (scaled @ vectors[:, :, -1:])[:, :, 0]
    return np.asarray(projected * scale[:, None])


#: The maps of one activation and the gradient there, by the name that is recorded.
CAMS: dict[str, Callable[[Any, Any], Any]] = {
    "grad_cam": grad_cam,
    "grad_cam_plus_plus": grad_cam_plus_plus,
    "hires_cam": hires_cam,
    "layer_cam": layer_cam,
    "xgrad_cam": xgrad_cam,
    "eigen_cam": eigen_cam,
}


def channel_masks(channels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Channels [n k h w] -> masks [n k rows columns] in 0..1, bilinear to `size` and then min–max scaled.

    A channel that is constant has an all-zero mask.
    """
    masks = bilinear(channels, size)
    masks = masks - masks.min((2, 3), keepdims=True)
    top = masks.max((2, 3), keepdims=True)
    return np.asarray(masks / np.where(top == 0, 1, top))


def score_cam(
    activation: np.ndarray,
    score_of: Callable[[np.ndarray], np.ndarray],
    size: tuple[int, int],
    *,
    channels: int | None = None,
    batch: int = 16,
) -> np.ndarray:
    """Score-CAM: activation [n c h w] -> heat [n h w], not negative; no gradient.

    score_of(masks [n k rows columns]) -> scores [n k] of each sample's target, sample i's input multiplied
    by each of its own k masks. It is called with at most `batch` masks of every sample at a time; `size`
    is the input's (rows, columns). Masks are the channels, upsampled bilinearly (`resize.bilinear`) and
    then scaled to 0..1.

    heat = ReLU(sum over c of softmax(scores) × activation); the paper subtracts a baseline's score, which
    the softmax cancels. With `channels`, each sample uses only that many channels, those of greatest mean
    activation: the softmax runs over them and the others weigh nothing. Wang et al., "Score-CAM", CVPR
    Workshops 2020, definitions 2 and 3.
    """
    n, c, _, _ = expect(activation, "n c h w", "activation")
    activation = np.asarray(activation, dtype=np.float64)
    most = c if channels is None else min(channels, c)
    if most < 1 or batch < 1:
        raise ValueError(f"score_cam needs at least 1 channel and 1 mask a call, got {channels} and {batch}")
    order = np.argsort(-activation.mean((2, 3)), axis=1, kind="stable")[:, :most]
    chosen = np.take_along_axis(activation, order[:, :, None, None], axis=1)
    scores = np.empty((n, most))
    for start in range(0, most, batch):
        masks = channel_masks(chosen[:, start : start + batch], size).astype(np.float32)
        scores[:, start : start + batch] = score_of(masks)
    weights = np.exp(scores - scores.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    return np.asarray((weights[:, :, None, None] * chosen).sum(1).clip(min=0).astype(np.float32))


def tokens_to_map(tokens: Any, grid: tuple[int, int], prefix: int) -> Any:
    """Tokens [n t c], the first `prefix` of which have no place in the picture -> [n c h w]."""
    n, t, c = expect(tokens, "n t c", "tokens")
    rows, columns = grid
    if t - prefix != rows * columns:
        raise ValueError(f"{t} tokens less {prefix} prefix tokens do not fill a {rows}×{columns} grid")
    return tokens[:, prefix:].reshape(n, rows, columns, c).transpose(0, 3, 1, 2)
