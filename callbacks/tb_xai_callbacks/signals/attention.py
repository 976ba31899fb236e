# SPDX-License-Identifier: Apache-2.0
"""Attention: from captured probabilities to maps and an entropy per head."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tb_xai_callbacks.measure.attention import head_entropy, pool_attention
from tb_xai_plugin.format.records import Attention, HeadStats

#: Beyond this for the maps of one snapshot, all layers together, fewer samples are kept: at least one each.
MOST_BYTES = 1 << 20


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


def observe(attention: dict[str, np.ndarray], probe: str) -> Iterator[Attention | HeadStats]:
    """An Attention per layer, pooled to 64×64 and cut to its share of `MOST_BYTES`; one HeadStats of all."""
    heads = {}
    for layer, weights in attention.items():
        entropy = head_entropy(weights)
        queries, keys = weights.shape[2:]
        pooled = pool_attention(np.nan_to_num(weights))
        samples = max(MOST_BYTES // len(attention) // max(pooled[0].size * 2, 1), 1)
        heads[layer] = (keys, entropy)
        yield Attention(
            layer=layer,
            weights=pooled[:samples].astype(np.float32),
            queries=queries,
            keys=keys,
            entropy=entropy,
            probe=probe,
        )
    if heads:
        yield HeadStats(heads)
