# SPDX-License-Identifier: Apache-2.0
"""Conductance: how much of integrated gradients flows through a layer's units, from baseline to input.

Dhamdhere et al., "How Important Is a Neuron?", ICLR 2019 (arXiv 1805.12233), section 2: conductance of
unit y for input i is (input - baseline) × integral over the path of dF/dy × dy/dinput. Axes: s path points,
n samples; the model runs along the path outside.
"""

from __future__ import annotations

import numpy as np


def layer_conductance(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """A layer's activations and the score's gradients there [s n …] -> conductance [n …] of its units.

    Path points run from the baseline to the input, both included, in s - 1 equal steps. Summed over inputs,
    dy/dinput × (input - baseline) is the change of y along the path: the integral is the trapezoid sum of
    gradient × change (Shrikumar et al., "Computationally Efficient Measures of Internal Neuron
    Importance", arXiv 1807.09946). Over all units of a layer that cuts the model in two, it
    sums to score(input) - score(baseline) up to the error of the sum.

    Raises ValueError if the shapes differ or there are fewer than 2 points.
    """
    y, slope = np.asarray(activations, dtype=np.float64), np.asarray(gradients, dtype=np.float64)
    if y.shape != slope.shape or y.ndim < 2 or len(y) < 2:
        raise ValueError(f"need two arrays [s n …], s ≥ 2, got shapes {y.shape} and {slope.shape}")
    return np.asarray(((slope[1:] + slope[:-1]) / 2 * np.diff(y, axis=0)).sum(0).astype(np.float32))


def neuron_conductance(
    score_gradient: np.ndarray, unit_gradients: np.ndarray, weights: np.ndarray, change: np.ndarray
) -> np.ndarray:
    """One unit's conductance by input [n …]: which inputs act on the score through this unit.

    score_gradient [s n] is dF/dy at the path points, unit_gradients [s n …] dy/dinput, weights [s] those of
    `inputs.path_points` (they sum to 1), change [n …] input - baseline. The sum over the inputs is the
    unit's layer conductance.

    Raises ValueError if the shapes do not fit.
    """
    upper, lower = np.asarray(score_gradient, np.float64), np.asarray(unit_gradients, np.float64)
    weights = np.asarray(weights, dtype=np.float64)
    if (
        upper.shape != lower.shape[:2]
        or weights.shape != upper.shape[:1]
        or lower.shape[1:] != np.shape(change)
    ):
        shapes = f"{upper.shape}, {lower.shape}, {weights.shape} and {np.shape(change)}"
        raise ValueError(f"need [s n], [s n …], [s] and [n …], got {shapes}")
    return np.asarray((change * np.einsum("s,sn,sn...->n...", weights, upper, lower)).astype(np.float32))
