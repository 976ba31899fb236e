# SPDX-License-Identifier: Apache-2.0
"""Arithmetic on attention probabilities: entropy per head, and pooling of long sequences."""

from __future__ import annotations

import numpy as np

from tb_xai_callbacks.measure.shapes import expect


def head_entropy(weights: np.ndarray) -> np.ndarray:
    """Entropy -Σ p ln p in nats: weights [n heads queries keys] -> [heads], mean over n and queries.

    Queries whose row is not finite (fully masked) or sums to nothing are left out; a head without any
    other row is NaN. 0 is one key only, ln(keys) is uniform. Zhai et al., ICML 2023, section 3.
    """
    expect(weights, "n heads queries keys", "weights")
    w = np.asarray(weights, dtype=np.float64)
    valid = np.isfinite(w).all(-1) & (w.sum(-1) > 0)
    w = np.where(valid[..., None], w, 0)
    entropy = -(w * np.log(np.where(w > 0, w, 1))).sum(-1)
    count = valid.sum((0, 2))
    total = np.where(valid, entropy, 0).sum((0, 2))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _bins(size: int, most: int) -> np.ndarray:
    """Start index of each pooling bin: the axis itself if it is short enough."""
    return np.linspace(0, size, min(size, most) + 1).astype(int)[:-1]


def pool_attention(weights: np.ndarray, most: int = 64) -> np.ndarray:
    """Weights [n heads queries keys] with at most `most` queries and keys.

    Neighbouring queries are averaged and neighbouring keys added, so every row still sums to 1.
    """
    _, _, queries, keys = expect(weights, "n heads queries keys", "weights")
    if queries > most:
        starts = _bins(queries, most)
        sizes = np.diff(np.append(starts, queries))
        weights = np.add.reduceat(weights, starts, axis=2) / sizes[:, None]
    if keys > most:
        weights = np.add.reduceat(weights, _bins(keys, most), axis=3)
    return weights


def pool_heat(heat: np.ndarray, most: int = 64) -> np.ndarray:
    """Heat [n h w] with at most `most` rows and columns; cells of a bin are averaged."""
    _, rows, columns = expect(heat, "n h w", "heat")
    for axis, size in ((1, rows), (2, columns)):
        if size > most:
            starts = _bins(size, most)
            sizes = np.diff(np.append(starts, size))
            shape = [1, 1, 1]
            shape[axis] = len(sizes)
            heat = np.add.reduceat(heat, starts, axis=axis) / sizes.reshape(shape)
    return heat


def without_padding(attention: dict[str, np.ndarray], real: np.ndarray | None) -> dict[str, np.ndarray]:
    """Weights [n heads q k] by layer with NaN for queries that are padding; `real` is bool [n q] or None.

    What padding attends to means nothing, and models differ in it. Layers with other queries stay.
    """
    if real is None or real.all():
        return attention
    return {
        layer: np.where(real[:, None, :, None], weights, np.nan)
        if weights.shape[::2] == real.shape
        else weights
        for layer, weights in attention.items()
    }
