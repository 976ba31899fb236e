# SPDX-License-Identifier: Apache-2.0
"""Maps of tokens by attention, multiplied through the layers.

Heat is [n h w] where the tokens are a picture's patches, else [n t]: the class token's row where there is
one, else the mean over tokens that attend.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tb_xai_callbacks.attribution.method import ATTENTION, Method
from tb_xai_callbacks.attribution.question import Attention, Question, Tokens
from tb_xai_callbacks.backends.contract import Layout, TargetLayer
from tb_xai_callbacks.measure import rollout
from tb_xai_callbacks.probe.samples import ProbeSet


class AttentionRollout(Method):
    """Of the attention that the shared pass brings: needs a layer whose attention can be seen."""

    def absent(self, layout: Layout, probe: ProbeSet) -> str:
        """See `Method.absent`."""
        if layout.attention_layers:
            return ""
        return layout.no_attention_reason or "the model has no attention layer"

    def make(self, question: Question, layer: TargetLayer | None) -> np.ndarray:
        """See `Method.make`."""
        attention = question.attention()
        rolled = _same_tokens(attention, rollout.attention_rollout)
        return _token_row(rolled, attention, question.tokens)


def _gradient_rollout(question: Question, layer: TargetLayer | None) -> np.ndarray:
    attention, slopes = question.attention_and_gradient()
    rolled = _same_tokens(attention, lambda layers: rollout.gradient_rollout(layers, list(slopes.values())))
    rolled = rolled - np.eye(rolled.shape[-1], dtype=rolled.dtype)  # what every token has of itself at first
    return _token_row(rolled, attention, question.tokens)


def _same_tokens(attention: Attention, roll: Callable[[list[np.ndarray]], np.ndarray]) -> np.ndarray:
    """What `roll` makes of the layers, [n q k].

    Raises:
        ValueError: if the layers attend over different tokens.
    """
    layers = list(attention.values())
    shapes = {weights.shape[2:] for weights in layers}
    if len(shapes) != 1 or any(queries != keys for queries, keys in shapes):
        raise ValueError(f"rollout multiplies layers over the same tokens; these have {sorted(shapes)}")
    return roll(layers)


def _token_row(rolled: np.ndarray, attention: Attention, tokens: Tokens) -> np.ndarray:
    real = np.asarray(np.isfinite(next(iter(attention.values()))).all((1, 3)))  # padding is NaN
    prefix, grid = tokens.prefix, tokens.grid
    row = rollout.class_token_row(rolled, prefix) if prefix else rollout.mean_row(rolled, real=real)
    return row.reshape(len(row), *grid) if grid and grid[0] * grid[1] == row.shape[1] else row


ATTENTION_ROLLOUT = AttentionRollout(
    "attention_rollout",
    "Attention rollout",
    "Attention multiplied through the layers: from which tokens information could come. Does not depend on "
    "the class.",
    explains=ATTENTION,
    passes=0,
    source="Abnar & Zuidema, ACL 2020",
)
GRADIENT_ROLLOUT = Method(
    "gradient_rollout",
    "Gradient rollout",
    "Attention weighted by the gradient of the class score, multiplied through the layers: which tokens "
    "mattered for this class.",
    _gradient_rollout,
    explains=ATTENTION,
    source="Chefer et al., ICCV 2021",
)
