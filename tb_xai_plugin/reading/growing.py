# SPDX-License-Identifier: Apache-2.0
"""All statistics of a signal in one array that grows with the log: each stored record is decoded once.

Axes: C statistics, T logged steps in ascending order, N rows (layers or parameters).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tb_xai_plugin.format.records import PARAMETER_SIGNALS, PROBE, TRAINING_BATCH, LayerStats, LayerTable
from tb_xai_plugin.reading import columns as series
from tb_xai_plugin.reading.reader import Entry, Reader, Tag

#: What `LayerStack.source_codes` number.
SOURCES = (TRAINING_BATCH, PROBE)
#: Shares of the cache: a larger stack is not kept whole but by statistic.
_LARGEST_SHARE = 0.4

#: (statistics, rows) of a record.
Layout = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class LayerStack:
    """`values` float32 [C, T, N], NaN where a record has no such cell; of the steps that hold now."""

    steps: np.ndarray
    wall_times: np.ndarray
    source_codes: np.ndarray
    num_samples: np.ndarray
    values: np.ndarray
    columns: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    layouts: tuple[Layout, ...] = ()

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self.values.nbytes + 25 * len(self.steps)


def layer_stack(
    reader: Reader, run: str, tag: Tag, tables: dict[str, LayerTable], only: str | None
) -> LayerStack:
    """The statistics of one tag, or `only` one of them where all would fill too much of the cache.

    A tag that has grown is decoded from where it ended; records that fit no table are left out and noted.
    """
    entries = reader.entries(tag)
    size = len(entries) * (reader.content_bytes(tag) // max(len(entries), 1))
    if size <= _LARGEST_SHARE * reader.cache.max_bytes:
        only = None
    key = ("stack", run, tag.tag, only)

    def make() -> tuple[int, LayerStack]:
        stack = grown(reader, tag, entries, tables, only, reader.cache.peek(key, LayerStack) or _EMPTY)
        return stack.nbytes, stack

    return reader.cache.get(key, make, version=(tag, tuple(sorted(tables))))


def grown(
    reader: Reader, tag: Tag, entries: Sequence[Entry], tables: dict[str, LayerTable], only: str | None,
    before: LayerStack,
) -> LayerStack:  # fmt: skip
    """The stack of `entries`; what `before` has of them is taken from there, the rest is decoded."""
    steps = np.array([entry.step for entry in entries], np.int64)
    times = np.array([entry.wall_time for entry in entries], np.float64)
    place = np.minimum(np.searchsorted(before.steps, steps), max(len(before.steps) - 1, 0))
    known = np.zeros(len(steps), bool)
    if len(before.steps):
        known = (before.steps[place] == steps) & (before.wall_times[place] == times)
    lost = known.sum() < len(before.steps)
    if lost and (len(before.layouts) > 1 or not known.any()):
        # Steps were undone, and perhaps with them rows or statistics that no other step has.
        return grown(reader, tag, entries, tables, only, _EMPTY)
    fresh, records, layouts = _decoded(reader, tag, entries, np.flatnonzero(~known), tables)
    kept = np.sort(np.concatenate([np.flatnonzero(known), fresh]))
    from_old, to_old = place[kept[known[kept]]], np.flatnonzero(known[kept])
    to_new = np.flatnonzero(~known[kept])
    every = tuple(dict.fromkeys((*before.layouts, *layouts)))
    columns, names = _axes(before, layouts, only)
    values = np.full((len(columns), len(kept), len(names)), np.nan, np.float32)
    if len(from_old):
        _place(values, columns, names, to_old, before.values[:, from_old], (before.columns, before.names))
    for layout in dict.fromkeys(layouts):
        mine = [number for number, one in enumerate(layouts) if one == layout]
        block = np.stack([records[number].values for number in mine]).transpose(2, 0, 1)
        _place(values, columns, names, to_new[mine], block, layout)
    codes, samples = np.zeros(len(kept), np.uint8), np.zeros(len(kept), np.int64)
    codes[to_old], samples[to_old] = before.source_codes[from_old], before.num_samples[from_old]
    codes[to_new] = [SOURCES.index(record.source) for record in records]
    samples[to_new] = [record.num_samples for record in records]
    return LayerStack(steps[kept], times[kept], codes, samples, values, columns, names, every)


def _axes(before: LayerStack, layouts: Sequence[Layout], only: str | None) -> tuple[tuple[str, ...], ...]:
    listed = [(before.columns, before.names), *dict.fromkeys(reversed(layouts))]
    listed[1:] = reversed(listed[1:])
    columns = series.union([columns for columns, _ in listed])
    names = series.union([names for _, names in listed])
    return tuple(one for one in columns if only is None or one == only), names


def _place(
    values: np.ndarray, columns: tuple[str, ...], names: tuple[str, ...], to: np.ndarray, block: np.ndarray,
    layout: Layout,
) -> None:  # fmt: skip
    """Write a block [C', T', N'] of a layout to the steps `to` of values [C, T, N]."""
    if layout[1] == names:
        for number, column in enumerate(columns):
            if column in layout[0]:
                values[number, to] = block[layout[0].index(column)]
        return
    places = {name: number for number, name in enumerate(names)}
    rows = np.array([places[name] for name in layout[1]], np.int64)
    for number, column in enumerate(columns):
        if column in layout[0] and len(rows):
            values[number, to[:, None], rows] = block[layout[0].index(column)]


def _decoded(
    reader: Reader, tag: Tag, entries: Sequence[Entry], places: np.ndarray, tables: dict[str, LayerTable]
) -> tuple[np.ndarray, list[LayerStats], list[Layout]]:
    """Of the entries at `places`, those that can be used: their places, records and layouts."""
    rows_of: dict[str, tuple[str, ...]] = {}
    used, records, layouts = [], [], []
    for place in places.tolist():
        record = reader.decode(tag, entries[place])
        if not isinstance(record, LayerStats):
            continue
        if record.table not in rows_of:
            rows_of[record.table] = _row_names(tables.get(record.table), record.signal)
        names = rows_of[record.table]
        if record.table not in tables or len(names) != len(record.values):
            step = entries[place].step
            reader.note(tag.run, f"{record.signal} of step {step} fits no table of layers: left out")
            continue
        used.append(place)
        records.append(record)
        layouts.append((tuple(record.columns), names))
    return np.array(used, np.int64), records, layouts


def _row_names(table: LayerTable | None, signal: str) -> tuple[str, ...]:
    if table is None:
        return ()
    return tuple(each.name for each in (table.parameters if signal in PARAMETER_SIGNALS else table.layers))


_EMPTY = LayerStack(
    np.zeros(0, np.int64),
    np.zeros(0),
    np.zeros(0, np.uint8),
    np.zeros(0, np.int64),
    np.zeros((0, 0, 0), np.float32),
)
