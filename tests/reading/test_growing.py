# SPDX-License-Identifier: Apache-2.0
"""The growing array of statistics against records laid out one by one, in a dictionary."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugin_logs import TABLE

from tb_xai_plugin.format import codec, kinds
from tb_xai_plugin.format import records as r
from tb_xai_plugin.format.errors import UnknownNameError
from tb_xai_plugin.reading import reader as reading
from tb_xai_plugin.reading import statistics as stacks
from tb_xai_plugin.reading.cache import Cache
from tb_xai_plugin.reading.reader import Entry, Reader, Tag

TABLES = {
    "ab": r.LayerTable("ab", (r.Layer("a", "Linear", (2,)), r.Layer("b", "Linear", (2,)))),
    "bca": r.LayerTable("bca", tuple(r.Layer(name, "Linear", (2,)) for name in "bca")),
}
COLUMNS = (("mean", "norm"), ("norm", "std", "mean"))
#: One stored record: table, columns, source, and whether its rows fit the table.
layouts = st.tuples(
    st.sampled_from(list(TABLES)), st.sampled_from(COLUMNS), st.booleans(), st.sampled_from([0, 0, 1])
)


class Log:
    """A source of one signal; `reads` counts how often its records were asked for."""

    def __init__(self) -> None:
        self.stored: list[Entry] = []
        self.reads = 0

    def add(self, step: int, record: r.LayerStats) -> None:
        self.stored.append(Entry(step, 100.0 + len(self.stored), codec.encode(record)))

    def tags(self, run: str | None) -> list[Tag]:
        tables = Tag("run", kinds.LAYER_TABLE.tag(), "LayerTable")
        newest = self.stored[-1] if self.stored else Entry(0, 0.0, b"")
        name = kinds.LAYER_STATS.tag("activation")
        stats = Tag(
            "run", name, "LayerStats", signal="activation",
            last_step=newest.step, last_wall_time=newest.wall_time,
        )  # fmt: skip
        return [tables, stats] if run in (None, "run") else []

    def entries(self, tag: Tag) -> list[Entry]:
        if tag.kind == "LayerTable":
            tables = [*TABLES.values(), TABLE]
            return [Entry(number, float(number), codec.encode(table)) for number, table in enumerate(tables)]
        self.reads += 1
        return list(self.stored)

    def load(self, entry: Entry) -> bytes | None:
        raise AssertionError("nothing here is lazy")


def record(kind: tuple[str, tuple[str, ...], bool, int], seed: int) -> r.LayerStats:
    table, columns, probe, surplus = kind
    shape = (len(TABLES[table].layers) + surplus, len(columns))
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    values[0, 0] = [np.nan, np.inf, 1.0][seed % 3]
    return r.LayerStats("activation", r.PROBE if probe else r.TRAINING_BATCH, seed, table, columns, values)


def check(found: stacks.LayerStatsSeries, log: Log) -> None:
    """`found` is what the stored records say, cell by cell."""
    holding = []
    for entry in reading.current(log.stored):
        assert isinstance(entry.content, bytes)
        one = codec.decode("LayerStats", entry.content)
        if len(one.values) == len(TABLES[one.table].layers):
            holding.append((entry.step, one))
    assert found.steps.tolist() == [step for step, _ in holding]
    assert list(found.sources) == [one.source for _, one in holding]
    assert found.num_samples.tolist() == [one.num_samples for _, one in holding]
    cells: dict[tuple[int, str, str], float] = {}
    for place, (_, one) in enumerate(holding):
        for layer, row in zip(TABLES[one.table].layers, one.values, strict=True):
            cells.update({(place, layer.name, c): v for c, v in zip(one.columns, row.tolist(), strict=True)})
    assert set(found.layers) == {layer for _, layer, _ in cells}
    assert set(found.columns) == {column for _, _, column in cells}
    if holding:
        newest = holding[-1][1]
        assert found.layers[: len(newest.values)] == tuple(one.name for one in TABLES[newest.table].layers)
    assert found.values.dtype == np.float32
    for (place, layer, column), value in np.ndenumerate(found.values):
        want = cells.get((place, found.layers[layer], found.columns[column]), np.nan)
        assert np.array_equal(value, want, equal_nan=True)


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 3), layouts), min_size=1, max_size=6), min_size=1, max_size=4)
)
def test_a_growing_log_reads_as_the_whole_one(polls: list[list[tuple[int, Any]]]) -> None:
    log, cache, step, seed = Log(), Cache(), 0, 0
    for added in polls:
        for advance, kind in added:
            # A step that does not advance, or goes back, is a restart: it undoes what came after.
            step, seed = max(step + advance - 1, 0), seed + 1
            log.add(step, record(kind, seed))
        check(stacks.layer_stats(Reader(log, cache), "run", "activation"), log)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of the records that are decoded, one by one."""
    seen: list[str] = []
    decode = codec.decode
    monkeypatch.setattr(codec, "decode", lambda kind, data: seen.append(kind) or decode(kind, data))
    return seen


def grow(log: Log, steps: range) -> None:
    for step in steps:
        log.add(step, record(("ab", COLUMNS[0], False, 0), step))


def test_a_poll_decodes_and_reads_only_what_is_new(decoded: list[str]) -> None:
    log, cache = Log(), Cache()
    for end in (200, 203, 203, 210):
        before = log.reads
        decoded.clear()
        grew = end - len(log.stored)
        grow(log, range(len(log.stored), end))
        for only in ("mean", "norm", None):
            stacks.layer_stats(Reader(log, cache), "run", "activation", only)
        assert decoded.count("LayerStats") == grew
        assert log.reads - before == (1 if grew else 0)


def test_a_stack_above_its_share_is_kept_by_statistic(decoded: list[str]) -> None:
    log, cache = Log(), Cache(max_bytes=60_000)
    grow(log, range(400))
    every = stacks.layer_stats(Reader(log, Cache()), "run", "activation")
    for only in ("mean", "norm", "mean"):
        found = stacks.layer_stats(Reader(log, cache), "run", "activation", only)
        np.testing.assert_array_equal(found.column(only), every.column(only))
        assert cache.used_bytes <= 60_000
    with pytest.raises(UnknownNameError, match="no column 'std'; columns: mean, norm"):
        stacks.layer_stats(Reader(log, cache), "run", "activation", "std")


def test_bytes_that_were_let_go_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_KEPT_CONTENTS", 1000)
    log = Log()
    grow(log, range(100))
    reader = Reader(log, Cache())
    tag = reader.tag("run", kinds.LAYER_STATS.tag("activation"))
    entries = reader.entries(tag)
    held = sum(len(entry.content or b"") for entry in entries)
    assert 0 < held <= 1000
    assert entries[-1].content is not None
    assert reader.content_bytes(tag) == sum(len(entry.content or b"") for entry in log.stored)
    assert [reader.load(tag, entry) for entry in entries] == [entry.content for entry in log.stored]
    assert log.reads == 2
    log.stored[0] = replace(log.stored[0], wall_time=0.5)
    assert Reader(log, reader.cache).load(tag, entries[0]) is None
