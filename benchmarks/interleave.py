# SPDX-License-Identifier: Apache-2.0
"""Timing of contestants in turn, and the rows, bars and tables that come of it.

Nothing here is compared with a figure of another run: in every round each contestant does the same work
once, and a figure is the median over rounds of the ratio within one round, with its quartiles.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Times:
    """Seconds of each contestant by round: `wall` and `cpu` (of the process, all threads), [rounds]."""

    wall: Mapping[str, list[float]]
    cpu: Mapping[str, list[float]]


def interleaved(contestants: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 2) -> Times:
    """Run every contestant once per round, `rounds` times after `warm_up` rounds that do not count."""
    wall: dict[str, list[float]] = {name: [] for name in contestants}
    cpu: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(warm_up + rounds):
        for name, work in contestants.items():
            before, before_cpu = time.perf_counter(), time.process_time()
            work()
            if number >= warm_up:
                cpu[name].append(time.process_time() - before_cpu)
                wall[name].append(time.perf_counter() - before)
    return Times(wall, cpu)


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """(median, first quartile, third quartile)."""
    low, middle, high = np.percentile(values, (25, 50, 75))
    return float(middle), float(low), float(high)


def ratio(times: Mapping[str, list[float]], of: str, to: str) -> tuple[float, float, float]:
    """(median, first quartile, third quartile) of the ratios within each round."""
    return quartiles([a / b for a, b in zip(times[of], times[to], strict=True)])


@dataclass(frozen=True)
class Figure:
    """One row of a table: what was measured, in which unit, and the bar that it must not exceed."""

    name: str
    value: float | None
    unit: str = "×"
    low: float | None = None
    high: float | None = None
    bar: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the bar holds; None where there is none."""
        return None if self.bar is None or self.value is None else self.value <= self.bar


def missing(name: str, why: str) -> Figure:
    """A contestant that could not be run here; said, never left out."""
    return Figure(name, None, note=why)


@dataclass
class Section:
    """One benchmark's table."""

    title: str
    about: str
    figures: list[Figure] = field(default_factory=list)

    def markdown(self) -> str:
        """Heading, what was done, and the table."""
        rows = ["| what | figure | quartiles | bar | |", "|---|---|---|---|---|"]
        rows += [_row(figure) for figure in self.figures]
        return "\n".join([f"### {self.title}", "", self.about, "", *rows, ""])

    def as_json(self) -> dict[str, Any]:
        """The same for machines."""
        return {"title": self.title, "about": self.about, "figures": [asdict(one) for one in self.figures]}

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> Section:
        """The inverse of `as_json`."""
        return cls(stored["title"], stored["about"], [Figure(**one) for one in stored["figures"]])


def failed_bars(sections: Iterable[Section]) -> list[str]:
    """A sentence for every bar that does not hold."""
    return [
        f"{section.title}: {one.name} is {_number(one.value)} {one.unit}, the bar is {_number(one.bar)}"
        for section in sections
        for one in section.figures
        if one.met is False
    ]


def _row(one: Figure) -> str:
    spread = "" if one.low is None else f"{_number(one.low)} – {_number(one.high)}"
    value = "–" if one.value is None else f"{_number(one.value)} {one.unit}".rstrip()
    bar = "" if one.bar is None else f"≤ {_number(one.bar)} {'' if one.met else '**missed**'}".rstrip()
    return f"| {one.name} | {value} | {spread} | {bar} | {one.note} |"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
