# SPDX-License-Identifier: Apache-2.0
"""What statistics and a user's own kinds are called and mean, as records that travel with a log."""

from __future__ import annotations

from collections.abc import Iterable

from tb_xai_plugin.format.columns import COLUMNS, Column, NumbersKind
from tb_xai_plugin.format.records import ColumnDescription, Descriptions, KindDescription


def column_description(column: Column) -> ColumnDescription:
    """A statistic as it is described in a log; what it is computed by stays here."""
    return ColumnDescription(
        signal=column.signal,
        name=column.name,
        title=column.title,
        unit=column.unit,
        meaning=column.meaning,
        scale=column.scale,
        low=float(column.low),
        high=float(column.high),
        low_is_bad=column.low_is_bad,
        key=column.key,
    )


def kind_description(kind: NumbersKind) -> KindDescription:
    """A user's own kind of numbers as it is described in a log."""
    return KindDescription(kind.name, kind.title, kind.meaning, kind.unit, kind.scale)


def completed(recorded: Descriptions | None) -> Descriptions:
    """What a run recorded, with the statistics that this version knows: those that it recorded win.

    Columns come in the order on disk, those of the run's own last.
    """
    recorded = Descriptions() if recorded is None else recorded
    columns = _by_name(column_description(column) for column in COLUMNS)
    columns.update(_by_name(recorded.columns))
    return Descriptions(recorded.methods, tuple(columns.values()), recorded.kinds)


def _by_name(columns: Iterable[ColumnDescription]) -> dict[tuple[str, str], ColumnDescription]:
    return {(column.signal, column.name): column for column in columns}
