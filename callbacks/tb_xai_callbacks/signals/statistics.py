# SPDX-License-Identifier: Apache-2.0
"""Statistics, histograms and live units: from a backend's reductions to records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tb_xai_callbacks.backends.contract import Reduction
from tb_xai_plugin.format import records

COLUMNS = {
    "activation": records.LAYER_COLUMNS,
    "gradient": records.GRADIENT_COLUMNS,
    "weight": records.WEIGHT_COLUMNS,
    "weight_gradient": records.WEIGHT_GRADIENT_COLUMNS,
}


def observe(reductions: Sequence[Reduction], table: str) -> Iterator[Any]:
    """LayerStats, Histograms and UnitCounts of each reduction; rows follow the table named `table`."""
    for part in reductions:
        yield records.LayerStats(
            signal=part.signal,
            source=part.source,
            num_samples=part.num_samples,
            table=table,
            columns=COLUMNS[part.signal],
            values=part.values,
        )
        if part.counts is not None:
            yield records.Histograms(
                signal=part.signal,
                source=part.source,
                num_samples=part.num_samples,
                table=table,
                counts=part.counts,
            )
        if part.live is not None:
            yield records.UnitCounts(
                source=part.source, num_samples=part.num_samples, table=table, live=part.live
            )
