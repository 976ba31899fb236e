# SPDX-License-Identifier: Apache-2.0
"""The statistics of a layer or parameter, each described once: recorder, reader, rules and tab read it here.

The order within a signal is the order on disk. Nothing may depend on it: a record names its columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

#: How a statistic is drawn: a share in 0 … 1, on a logarithmic scale, about zero, or as it is.
SCALES = ("share", "log", "signed", "linear")


@dataclass(frozen=True)
class Column:
    """One statistic of every row of a signal.

    Args:
        signal: activation, gradient (rows are layers), weight, weight_gradient (rows are parameters).
        name: as stored.
        title: for people.
        meaning: its definition, a sentence.
        unit: "" for a number without one.
        scale: one of `SCALES`.
        low, high: ends of the colour scale; both 0: those of the data.
        low_is_bad: whether a small value is the bad one.
        key: its name in the tab's address; "": the layer strips do not offer it.
    """

    signal: str
    name: str
    title: str
    meaning: str
    unit: str = ""
    scale: str = "linear"
    low: float = 0.0
    high: float = 0.0
    low_is_bad: bool = False
    key: str = ""


@dataclass(frozen=True)
class Statistic(Column):
    """A column of your own, for `statistics=`. Without a `key`, its address is its name.

    Args:
        compute: from one row's values (an activation or gradient [n, …], or a weight; float32 NumPy) to the
            statistic. It runs on a background thread.

    Raises:
        ValueError: for a signal or a scale that there is not, or a name or a key that is taken.
    """

    compute: Callable[[np.ndarray], float] = field(default=lambda values: float("nan"), compare=False)

    def __post_init__(self) -> None:
        if self.signal not in SIGNALS:
            raise ValueError(
                f"statistic {self.name!r}: signal={self.signal!r}; expected one of {', '.join(SIGNALS)}"
            )
        if self.scale not in SCALES:
            raise ValueError(
                f"statistic {self.name!r}: scale={self.scale!r}; expected one of {', '.join(SCALES)}"
            )
        if not self.name or self.name in columns_of(self.signal):
            raise ValueError(
                f"a statistic of your own is named {self.name!r}, which is taken: {self.signal} has "
                f"{', '.join(columns_of(self.signal))}"
            )
        keys = {column.key for column in COLUMNS if column.key}
        if self.key in keys:
            raise ValueError(f"statistic {self.name!r}: key={self.key!r} is taken; choose another address")
        if not self.key:
            free = self.name not in keys
            object.__setattr__(self, "key", self.name if free else f"{self.signal}-{self.name}")


@dataclass(frozen=True)
class NumbersKind:
    """What the `Numbers` of a user's own signal are called and mean.

    Args:
        name: of the signal; the tag is `numbers/NAME`.
        title: for people.
        meaning: a sentence.
        unit: "" for numbers without one.
        scale: one of `SCALES`.
    """

    name: str
    title: str
    meaning: str
    unit: str = ""
    scale: str = "linear"


def _moments(signal: str, of: str, **keys: str) -> tuple[Column, ...]:
    """What every signal has.

    `of`: what the values are of; `keys`: the names in addresses of those that layer strips offer.
    """
    short = _SHORT[signal]
    return (
        Column(signal, "count", "values", f"Number of values {of}."),
        Column(
            signal, "mean", f"mean {short}", f"Mean {of}.", scale="signed", key=keys.get("mean", "")
        ),
        Column(
            signal, "std", f"spread of {short}",
            f"Standard deviation {of}; 0 means that it is the same everywhere.", scale="log",
            key=keys.get("std", ""),
        ),
        Column(signal, "min", "minimum", f"Smallest finite value {of}.", scale="signed"),
        Column(signal, "max", "maximum", f"Largest finite value {of}.", scale="signed"),
        Column(
            signal, "norm", f"{short} norm", f"Length (Euclidean norm) {of}.", scale="log",
            key=keys.get("norm", ""),
        ),
        Column(
            signal, "zero_fraction", "zero share", f"Share of all values {of} that are exactly 0.",
            scale="share", high=1, key=keys.get("zero_fraction", ""),
        ),
        Column(signal, "nonfinite_count", "NaN and infinite", f"Number of NaN and infinite values {of}."),
    )  # fmt: skip


_SHORT = {
    "activation": "activation", "gradient": "gradient", "weight": "weight",
    "weight_gradient": "gradient of weights",
}  # fmt: skip
_DEAD = "Share of a layer’s units that are active for no sample of the batch."
_RANK = (
    "In how many directions the layer’s units vary over the samples: (tr C)² / ‖C‖² of their covariance C. "
    "Near 1, all units say the same."
)
_UPDATE = "Length of one optimiser step over the length of the weights, ‖Δw‖/‖w‖. Around 0.001 is common."

#: Every statistic, by signal in the order on disk.
COLUMNS: tuple[Column, ...] = (
    *_moments("activation", "of the layer’s output", mean="mean", std="std", zero_fraction="zero"),
    Column("activation", "dead_fraction", "dead units", _DEAD, scale="share", high=1, key="dead"),
    Column("activation", "participation_ratio", "effective rank", _RANK, scale="log", low_is_bad=True,
           key="rank"),
    *_moments("gradient", "of the gradient of the loss at the layer’s output", norm="gradient"),
    Column("gradient", "dead_fraction", "units without gradient",
           "Share of a layer’s units whose gradient is zero for every sample.", scale="share", high=1),
    *_moments("weight", "of the weight tensor"),
    Column("weight", "update_ratio", "update ratio", _UPDATE, scale="log", low=1e-6, high=1, key="update"),
    *_moments("weight_gradient", "of the gradient of the loss at the weight tensor", norm="weight-gradient"),
)  # fmt: skip

SIGNALS = tuple(dict.fromkeys(column.signal for column in COLUMNS))


def columns_of(signal: str, own: Iterable[Column] = ()) -> tuple[str, ...]:
    """Names of a signal's columns in the order on disk, those of your `own` last."""
    return tuple(column.name for column in (*COLUMNS, *own) if column.signal == signal)
