# SPDX-License-Identifier: Apache-2.0
"""Attention: from captured probabilities to maps and an entropy per head."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tb_xai_callbacks.backends.contract import Absence, Capture, CaptureRequest, Layout
from tb_xai_callbacks.measure.attention import head_entropy, pool_attention, without_padding
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.signals.signal import NO_PROBE, Signal
from tb_xai_plugin.format.records import Attention as Maps
from tb_xai_plugin.format.records import HeadStats, Record

#: Beyond this for the maps of one snapshot, all layers together, fewer samples are kept: at least one each.
MOST_BYTES = 1 << 20


class Attention(Signal):
    """Maps of every attention layer on the probe."""

    name = "attention"

    def absent(self, layout: Layout, probe: ProbeSet | None) -> Absence | None:
        """See `Signal.absent`."""
        if probe is None:
            return NO_PROBE
        if not layout.attention_layers:
            return Absence(layout.no_attention_reason or "the model has no attention layer")
        return None

    def request(self) -> CaptureRequest:
        """See `Signal.request`."""
        return CaptureRequest(attention=True)

    def observe(self, step: int, capture: Capture | None) -> Iterable[Record]:
        """See `Signal.observe`."""
        probe = self.run.probe
        if capture is None or probe is None or not capture.attention:
            return ()
        return records_of(without_padding(capture.attention, probe.real), probe.hash)


def records_of(attention: dict[str, np.ndarray], probe: str) -> Iterator[Maps | HeadStats]:
    """Weights [n heads q k] by layer → a record per layer, pooled to 64×64 and cut to its share of
    `MOST_BYTES`; one HeadStats of all. `probe` is its hash."""
    heads = {}
    for layer, weights in attention.items():
        entropy = head_entropy(weights)
        queries, keys = weights.shape[2:]
        pooled = pool_attention(np.nan_to_num(weights))
        samples = max(MOST_BYTES // len(attention) // max(pooled[0].size * 2, 1), 1)
        heads[layer] = (keys, entropy)
        yield Maps(
            layer=layer,
            weights=pooled[:samples].astype(np.float32),
            queries=queries,
            keys=keys,
            entropy=entropy,
            probe=probe,
        )
    if heads:
        yield HeadStats(heads)
