# SPDX-License-Identifier: Apache-2.0
"""Explanations at the model's input: how the score answers to the values that went in.

The model stays outside. `gradient(inputs [n …]) -> [n …]` is the gradient of each sample's own score at
its own input, `score(inputs [n …]) -> [n]` that score. Both are always called with all n samples in their
order, so that each sample can keep its own target; memory is that of one batch of n, whatever the method.
Inputs are images [n c h w] or [n h w c], token embeddings [n t e], tables [n f]: any shape [n …].
Attributions have the shape of the inputs and, if not said otherwise, a sign, and the unit of the score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil
from typing import Any

import numpy as np

from tb_xai_callbacks.measure.trust import completeness_gap

Gradient = Callable[[np.ndarray], np.ndarray]
Score = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Integrated:
    """Attributions [n …], and per sample [n] what they miss of the change of the score."""

    attribution: np.ndarray
    gap: np.ndarray


def _gradient_at(gradient: Gradient, inputs: np.ndarray) -> np.ndarray:
    """The callable's gradients, held to the shape of the inputs."""
    got = np.asarray(gradient(inputs))
    if got.shape != inputs.shape:
        raise ValueError(f"gradient has shape {got.shape}, inputs {inputs.shape}")
    return got


def _scores_at(score: Score, inputs: np.ndarray) -> np.ndarray:
    """The callable's scores in float64, held to one per sample."""
    got = np.asarray(score(inputs), dtype=np.float64)
    if got.shape != (len(inputs),):
        raise ValueError(f"score has shape {got.shape}, expected ({len(inputs)},)")
    return got


def saliency(gradient: Gradient, inputs: np.ndarray) -> np.ndarray:
    """|gradient| [n …], not negative, in score per unit of input.

    Simonyan et al., "Deep Inside Convolutional Networks", ICLR Workshop 2014, section 3.1, which then
    takes the maximum over channels: `to_magnitude`.
    """
    return np.asarray(np.abs(_gradient_at(gradient, inputs)))


def input_x_gradient(gradient: Gradient, inputs: np.ndarray) -> np.ndarray:
    """Input × gradient [n …], signed; complete for models that are linear without a constant.

    Shrikumar et al., "Not Just a Black Box", arXiv 1605.01713.
    """
    return np.asarray(inputs * _gradient_at(gradient, inputs))


def noisy_copies(inputs: np.ndarray, noise: float, copies: int, seed: int) -> Iterator[np.ndarray]:
    """`copies` times the inputs [n …] with Gaussian noise of their dtype; no global generator is touched.

    The standard deviation is `noise` × (max - min) of each sample. The same seed gives the same noise, so
    that maps of different steps differ by the model alone.
    """
    generator = np.random.default_rng(seed)
    axes = tuple(range(1, inputs.ndim))
    spread = noise * (inputs.max(axis=axes, keepdims=True) - inputs.min(axis=axes, keepdims=True))
    for _ in range(copies):
        yield (inputs + spread * generator.standard_normal(inputs.shape)).astype(inputs.dtype)


def smooth_grad(
    gradient: Gradient, inputs: np.ndarray, *, noise: float = 0.15, samples: int = 16, seed: int = 0
) -> np.ndarray:
    """SmoothGrad: mean gradient [n …] over `samples` noisy copies, signed, in score per unit of input.

    `noise` is the standard deviation as a share of each sample's range. Smilkov et al., "SmoothGrad:
    removing noise by adding noise", arXiv 1706.03825, section 3; it draws the magnitude: `to_magnitude`.
    """
    if samples < 1:
        raise ValueError(f"smooth_grad needs at least 1 sample, got {samples}")
    total = np.zeros(inputs.shape, dtype=np.float64)
    for copy in noisy_copies(inputs, noise, samples, seed):
        total += _gradient_at(gradient, copy)
    return (total / samples).astype(np.float32)


def path_points(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Legendre nodes [steps] in 0..1, ascending, and their weights [steps], which sum to 1."""
    if steps < 1:
        raise ValueError(f"a path needs at least 1 step, got {steps}")
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return (nodes + 1) / 2, weights / 2


def integrated_gradients(
    gradient: Gradient, score: Score, inputs: np.ndarray, *, baseline: Any = 0.0, steps: int = 32
) -> Integrated:
    """Integrated gradients: (input - baseline) × mean gradient on the straight path between them.

    `baseline` broadcasts to the inputs. `gap` [n] is the sum of the attributions less score(inputs) -
    score(baseline): 0 when the integral is exact, in the unit of the score. Gauss–Legendre nodes, one call
    of `gradient` each. Sundararajan et al., "Axiomatic Attribution for Deep Networks", ICML 2017,
    equation 1 and, for the gap, proposition 1.
    """
    start = np.broadcast_to(np.asarray(baseline, dtype=inputs.dtype), inputs.shape)
    total = np.zeros(inputs.shape, dtype=np.float64)
    for share, weight in zip(*path_points(steps), strict=True):
        total += weight * _gradient_at(gradient, (start + share * (inputs - start)).astype(inputs.dtype))
    attribution = total * (inputs - start)
    change = _scores_at(score, inputs) - _scores_at(score, np.array(start))
    return Integrated(attribution.astype(np.float32), completeness_gap(attribution, change))


def _windows(size: int, patch: int, stride: int) -> list[slice]:
    """Windows that together cover an axis; the last one may be cut off at its end."""
    if not 0 < stride <= patch <= size:
        raise ValueError(f"occlusion needs 0 < stride ≤ patch ≤ size, got {stride}, {patch}, {size}")
    return [slice(i * stride, i * stride + patch) for i in range(1 + ceil((size - patch) / stride))]


def occlusion(
    score: Score,
    inputs: np.ndarray,
    axes: Sequence[int],
    *,
    patch: Sequence[int],
    stride: Sequence[int],
    baseline: Any = 0.0,
) -> np.ndarray:
    """Occlusion: by how much the score falls when a window is replaced by `baseline`; [n, sizes of axes].

    Windows of `patch` positions move by `stride` along `axes` and span all other axes: (2, 3) of [n c h w]
    gives [n h w], (1,) of [n t e] gives [n t] and of [n f] gives [n f]. A position in several windows has
    their mean; a window at the end is cut off. `baseline` broadcasts to the inputs. One call of `score`
    per window, and one for the whole inputs. Zeiler & Fergus, "Visualizing and Understanding Convolutional
    Networks", ECCV 2014, section 4.2.
    """
    sizes = [inputs.shape[axis] for axis in axes]
    start = np.broadcast_to(np.asarray(baseline, dtype=inputs.dtype), inputs.shape)
    total, count = np.zeros((len(inputs), *sizes)), np.zeros(sizes)
    whole = _scores_at(score, inputs)
    grids = [_windows(*triple) for triple in zip(sizes, patch, stride, strict=True)]
    for window in product(*grids):
        where: list[slice] = [slice(None)] * inputs.ndim
        for axis, span in zip(axes, window, strict=True):
            where[axis] = span
        hidden = inputs.copy()
        hidden[tuple(where)] = start[tuple(where)]
        fall = whole - _scores_at(score, hidden)
        total[(slice(None), *window)] += fall.reshape(-1, *[1] * len(sizes))
        count[window] += 1
    return (total / count).astype(np.float32)


def to_map(attribution: np.ndarray, feature_axis: int | None) -> np.ndarray:
    """Attribution -> signed map: the sum over `feature_axis`, so that the map's total stays the same.

    Images [n c h w] with 1 or [n h w c] with -1 -> [n h w]; token embeddings [n t e] with -1 -> [n t];
    tables [n f] with None stay as they are. Returns float32.
    """
    summed = attribution if feature_axis is None else attribution.sum(axis=feature_axis, dtype=np.float64)
    return np.asarray(summed, dtype=np.float32)


def to_magnitude(attribution: np.ndarray, feature_axis: int | None) -> np.ndarray:
    """Attribution -> map that is not negative: the greatest size over `feature_axis`; axes as in `to_map`.

    Simonyan et al. 2014, section 3.1.
    """
    sizes = np.abs(attribution)
    return np.asarray(sizes if feature_axis is None else sizes.max(axis=feature_axis), dtype=np.float32)
