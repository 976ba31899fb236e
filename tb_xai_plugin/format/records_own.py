# SPDX-License-Identifier: Apache-2.0
"""Records of a user's own signals, and of what methods, statistics and kinds are called and mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Numbers:
    """Numbers of a user's own signal at one step: `values` float32 [rows, columns], NaN for none."""

    kind: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: np.ndarray

    @property
    def signal(self) -> str:
        """The kind, as the tag's metadata names it."""
        return self.kind


@dataclass(frozen=True)
class MethodDescription:
    """What an attribution method is called and says; `explains` is layer, input or attention."""

    name: str
    title: str
    meaning: str
    explains: str
    signed: bool = False
    unfaithful: bool = False
    source: str = ""


@dataclass(frozen=True)
class ColumnDescription:
    """What a statistic is called and means; see `format.columns.Column`."""

    signal: str
    name: str
    title: str
    unit: str = ""
    meaning: str = ""
    scale: str = "linear"
    low: float = 0.0
    high: float = 0.0
    low_is_bad: bool = False
    key: str = ""


@dataclass(frozen=True)
class KindDescription:
    """What the `Numbers` of a user's own signal are called and mean."""

    name: str
    title: str
    meaning: str = ""
    unit: str = ""
    scale: str = "linear"


@dataclass(frozen=True)
class Descriptions:
    """What this run's methods, statistics and own kinds are called and mean; the latest counts."""

    methods: tuple[MethodDescription, ...] = ()
    columns: tuple[ColumnDescription, ...] = ()
    kinds: tuple[KindDescription, ...] = ()
