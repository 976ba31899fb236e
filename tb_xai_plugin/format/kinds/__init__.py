# SPDX-License-Identifier: Apache-2.0
"""Every kind of record that is stored, each described once: `KINDS` is all that code may ask about a kind."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tb_xai_plugin.format.kinds.diagnosis import FINDINGS, LOSS_TRACE, SETUP
from tb_xai_plugin.format.kinds.explanations import ATTENTION, ATTRIBUTION, TRUST
from tb_xai_plugin.format.kinds.kind import Kind, R
from tb_xai_plugin.format.kinds.own import DESCRIPTIONS, NUMBERS
from tb_xai_plugin.format.kinds.run import LAYER_TABLE, PROBE, RUN_STATUS, SCALARS
from tb_xai_plugin.format.kinds.statistics import HEAD_STATS, HISTOGRAMS, LAYER_STATS, UNIT_COUNTS

__all__ = [
    "ATTENTION", "ATTRIBUTION", "BY_NAME", "DESCRIPTIONS", "FINDINGS", "HEAD_STATS", "HISTOGRAMS", "KINDS",
    "LAYER_STATS", "LAYER_TABLE", "LOSS_TRACE", "NUMBERS", "PROBE", "RUN_STATUS", "SCALARS", "SETUP", "TRUST",
    "UNIT_COUNTS", "Kind", "kind_of",
]  # fmt: skip

#: All kinds; the order means nothing.
KINDS: tuple[Kind[Any], ...] = (
    LAYER_TABLE, PROBE, RUN_STATUS, SCALARS,
    LAYER_STATS, HISTOGRAMS, UNIT_COUNTS, HEAD_STATS,
    ATTRIBUTION, TRUST, ATTENTION,
    LOSS_TRACE, SETUP, FINDINGS,
    NUMBERS, DESCRIPTIONS,
)  # fmt: skip

#: Name → kind.
BY_NAME: Mapping[str, Kind[Any]] = MappingProxyType({kind.name: kind for kind in KINDS})


def kind_of(record: R) -> Kind[R]:
    """The kind of a record.

    Raises:
        TypeError: for what is no record.
    """
    kind = BY_NAME.get(type(record).__name__)
    if kind is None or type(record) is not kind.record:
        raise TypeError(f"{type(record).__name__} is no record; records: {', '.join(BY_NAME)}")
    return kind
