# SPDX-License-Identifier: Apache-2.0
"""Class activation maps: from a layer's activation and the score's gradient there to a heat map.

Written with operations that numpy arrays and torch tensors share, so that one formula serves both.
Maps are raw: neither resized nor normalised, because scale is chosen where they are drawn.
"""

from __future__ import annotations

from typing import Any

from tb_xai_callbacks.measure.shapes import expect


def grad_cam(activation: Any, gradient: Any) -> Any:
    """Grad-CAM: activation and gradient [n c h w] -> heat [n h w], not negative.

    heat = ReLU(sum over c of mean(gradient over h, w) × activation). Selvaraju et al., "Grad-CAM:
    Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017, equations 1–2.
    """
    expect(activation, "n c h w", "activation")
    if expect(gradient, "n c h w", "gradient") != tuple(activation.shape):
        raise ValueError(f"gradient has shape {gradient.shape}, activation {activation.shape}")
    weights = gradient.mean((2, 3))
    return (weights[:, :, None, None] * activation).sum(1).clip(min=0)


def tokens_to_map(tokens: Any, grid: tuple[int, int], prefix: int) -> Any:
    """Tokens [n t c], the first `prefix` of which have no place in the picture -> [n c h w]."""
    n, t, c = expect(tokens, "n t c", "tokens")
    rows, columns = grid
    if t - prefix != rows * columns:
        raise ValueError(f"{t} tokens less {prefix} prefix tokens do not fill a {rows}×{columns} grid")
    return tokens[:, prefix:].reshape(n, rows, columns, c).transpose(0, 3, 1, 2)
