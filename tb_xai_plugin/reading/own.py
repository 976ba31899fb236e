# SPDX-License-Identifier: Apache-2.0
"""What is a user's own: the numbers of their signals over all steps; and what everything is called."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tb_xai_plugin.format import kinds
from tb_xai_plugin.format.descriptions import completed
from tb_xai_plugin.format.errors import UnknownNameError, no_such
from tb_xai_plugin.format.records import Descriptions
from tb_xai_plugin.reading import columns as series
from tb_xai_plugin.reading.reader import Reader
from tb_xai_plugin.reading.statistics import shape_text, steps_of


@dataclass(frozen=True, repr=False)
class NumbersSeries:
    """Numbers of one signal of a user's own: `values` float32 [T, rows, columns], NaN where there is none."""

    kind: str
    steps: np.ndarray
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: np.ndarray

    def __repr__(self) -> str:
        return f"<NumbersSeries {self.kind}: {shape_text(self.values)} (steps, rows, columns)>"


def numbers_kinds(reader: Reader, run: str) -> tuple[str, ...]:
    """The kinds of numbers that a run has."""
    return tuple(tag.signal for tag in reader.tags(run) if tag.kind == kinds.NUMBERS.name)


def numbers(reader: Reader, run: str, kind: str) -> NumbersSeries:
    """All numbers of one kind, rows and columns aligned by name: those of the newest step first.

    Raises:
        UnknownNameError: if the run has no numbers of that kind; the message names the nearest it has.
        SchemaError: if a newer version wrote them.
    """
    there = numbers_kinds(reader, run)
    if kind not in there:
        # A tag of a newer version raises SchemaError here, which says more than "not there".
        if any(tag.tag == kinds.NUMBERS.tag(kind) for tag in reader.all_tags(run)):
            reader.tag(run, kinds.NUMBERS.tag(kind))
        raise UnknownNameError(no_such("numbers of kind", kind, there))
    found = reader.rows(run, kinds.NUMBERS, kind)
    rows = series.union([row.record.rows for row in found])
    columns = series.union([row.record.columns for row in found])
    values = np.full((len(found), len(rows), len(columns)), np.nan, np.float32)
    to_row, to_column = ({name: place for place, name in enumerate(names)} for names in (rows, columns))
    for step, row in enumerate(found):
        if row.record.values.size:
            to_rows = [[to_row[name]] for name in row.record.rows]
            values[step, to_rows, [to_column[name] for name in row.record.columns]] = row.record.values
    return NumbersSeries(kind, steps_of(found), rows, columns, values)


def descriptions(reader: Reader, run: str) -> Descriptions:
    """What the run's methods and own kinds are called and mean, as last recorded; and all its statistics."""
    return completed(reader.latest(run, kinds.DESCRIPTIONS))
