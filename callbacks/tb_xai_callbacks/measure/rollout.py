# SPDX-License-Identifier: Apache-2.0
"""Attention through all layers: which input tokens a token of the last layer draws on.

Axes: n samples, heads, q queries, k keys; one array per layer, the first layer first, q = k throughout.
Layers that merge or cut their tokens cannot be rolled out this way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tb_xai_callbacks.measure.shapes import expect


def _checked(layers: Sequence[np.ndarray], what: str) -> list[np.ndarray]:
    """Every layer in float64, of one square [n heads q k] but for the heads, else ValueError."""
    if not len(layers):
        raise ValueError(f"{what}: no layers")
    tokens = None
    for index, layer in enumerate(layers):
        n, _, q, k = expect(layer, "n heads q k", f"{what}[{index}]")
        tokens = tokens or (n, q)
        if q != k or (n, q) != tokens:
            raise ValueError(
                f"{what}[{index}] has shape {layer.shape}, expected q = k = {tokens[1]}, n = {tokens[0]}"
            )
    return [np.asarray(layer, dtype=np.float64) for layer in layers]


def _product(layers: Sequence[np.ndarray]) -> np.ndarray:
    """last × … × first, each [n q k]."""
    rolled = layers[0]
    for layer in layers[1:]:
        rolled = layer @ rolled
    return rolled


def attention_rollout(layers: Sequence[np.ndarray]) -> np.ndarray:
    """Attention [layers][n heads q k] -> rollout [n q k]; every row sums to 1.

    Per layer: mean over heads, plus the identity for the residual connection, rows divided by their sum;
    then the product, last layer leftmost. A query whose attention is not finite (fully masked padding)
    passes on only itself. Abnar & Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020,
    section 3 and equation 1.
    """
    mixed = []
    for layer in _checked(layers, "attention"):
        mean = layer.mean(1)
        mean = np.where(np.isfinite(mean).all(-1, keepdims=True), mean, 0) + np.eye(layer.shape[-1])
        mixed.append(mean / mean.sum(-1, keepdims=True))
    return _product(mixed).astype(np.float32)


def gradient_rollout(layers: Sequence[np.ndarray], gradients: Sequence[np.ndarray]) -> np.ndarray:
    """Attention and the score's gradient there [layers][n heads q k] -> relevance [n q k] of one class.

    Per layer I + mean over heads of ReLU(gradient × attention), head by head before the mean; then the
    product, last layer leftmost. Rows are not normalised: a layer without positive gradient adds nothing.
    Entries that are not finite (fully masked queries) count as 0. Chefer et al., "Generic
    Attention-model Explainability", ICCV 2021, equations 5 and 6 (self-attention).
    """
    attention, slopes = _checked(layers, "attention"), _checked(gradients, "gradients")
    shapes, others = [layer.shape for layer in attention], [layer.shape for layer in slopes]
    if shapes != others:
        raise ValueError(f"gradients have shapes {others}, attention {shapes}")
    mixed = []
    for layer, slope in zip(attention, slopes, strict=True):
        weighted = np.nan_to_num(layer * slope, nan=0, posinf=0, neginf=0).clip(min=0)
        mixed.append(weighted.mean(1) + np.eye(layer.shape[-1]))
    return _product(mixed).astype(np.float32)


def class_token_row(rollout: np.ndarray, prefix: int = 1) -> np.ndarray:
    """Rollout [n q k] -> what token 0, the class token, draws from each token behind the prefix [n k-prefix].

    `prefix` counts the tokens without a place in the input: the class token and registers.
    """
    _, _, keys = expect(rollout, "n q k", "rollout")
    if not 0 < prefix < keys:
        raise ValueError(f"prefix must be in 1..{keys - 1} with a class token, got {prefix}")
    return rollout[:, 0, prefix:]


def mean_row(rollout: np.ndarray, prefix: int = 0, real: np.ndarray | None = None) -> np.ndarray:
    """Rollout [n q k] -> mean over the queries behind the prefix [n k-prefix]: for pooled tokens.

    `real`: bool [n q], queries that count; None: all. A sample without any is 0.
    """
    _, _, keys = expect(rollout, "n q k", "rollout")
    if not 0 <= prefix < keys:
        raise ValueError(f"prefix must be in 0..{keys - 1}, got {prefix}")
    counted = np.ones(rollout.shape[:2], bool) if real is None else real
    counted = counted[:, prefix:, None]
    total = np.where(counted, rollout[:, prefix:, prefix:], 0).sum(1)
    return np.asarray(total / np.maximum(counted.sum(1), 1))
