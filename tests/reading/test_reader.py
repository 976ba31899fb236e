# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugin_logs import NAN, TABLE, attribution, python_provider, reader, run_records, stats, status, write

from tb_xai_plugin.format import kinds, metadata
from tb_xai_plugin.format import records as r
from tb_xai_plugin.format.errors import SchemaError, UnknownNameError
from tb_xai_plugin.format.summary import record_summary
from tb_xai_plugin.log import open_log
from tb_xai_plugin.reading.cache import Cache
from tb_xai_plugin.reading.reader import Entry, current, restarts


@given(st.lists(st.integers(0, 20), max_size=30))
def test_current_ascends_and_keeps_the_newest(steps: list[int]) -> None:
    entries = [Entry(step, float(time), b"") for time, step in enumerate(steps)]
    kept = current(reversed(entries))
    assert [e.step for e in kept] == sorted({e.step for e in kept})
    assert [e.wall_time for e in kept] == sorted(e.wall_time for e in kept)
    if steps:
        assert kept[-1] == entries[-1]
    for entry in set(entries) - set(kept):
        assert any(k.wall_time > entry.wall_time and k.step <= entry.step for k in kept)


def test_restarts_tell_when_and_where_to() -> None:
    entries = [Entry(0, 1.0, b""), Entry(5, 2.0, b""), Entry(2, 10.0, b""), Entry(2, 11.0, b"")]
    assert restarts(entries) == [(6.0, 2)]


def test_every_kind_is_read(tmp_path: Path) -> None:
    write(tmp_path / "a" / "xai", run_records([0, 5, 10]))
    read = reader(tmp_path)
    tags = read.tags("a/xai")
    assert len(tags) == 11
    for tag in tags:
        rows = read.rows_of_kind("a/xai", kinds.BY_NAME[tag.kind])
        assert rows[-1].step == (0 if tag.tag in ("layers", "probe") else 10)
        assert type(rows[-1].record).__name__ == tag.kind
    assert read.problems("a/xai") == []


def test_nul_bytes_survive(tmp_path: Path) -> None:
    write(tmp_path / "xai", run_records([0]))
    assert reader(tmp_path).latest("xai", kinds.PROBE).images == (b"\x89PNG\0\0", b"png")


def test_restart_drops_what_it_undid(tmp_path: Path) -> None:
    write(tmp_path / "xai", run_records([0, 10, 20, 30], start=1000.0))
    write(tmp_path / "xai", run_records([0, 10, 12], start=9000.0))
    for read in (reader(tmp_path), open_log(tmp_path)["."]._reader):
        rows = read.rows("xai", kinds.SCALARS, "")
        assert [(row.step, row.wall_time) for row in rows] == [(0, 9000.0), (10, 9001.0), (12, 9002.0)]
        assert read.latest("xai", kinds.RUN_STATUS).step == 12
        tag = read.tag("xai", "attribution/grad_cam/features.0")
        assert all(entry.step <= 12 and entry.wall_time >= 9000 for entry in read.entries(tag))


def test_resumed_run_keeps_both_sessions(tmp_path: Path) -> None:
    write(tmp_path / "xai", run_records([0, 10, 20], start=1000.0))
    write(tmp_path / "xai", run_records([20, 30], start=9000.0))
    rows = reader(tmp_path).rows("xai", kinds.SCALARS, "")
    assert [(row.step, row.wall_time) for row in rows] == [
        (0, 1000.0),
        (10, 1001.0),
        (20, 9000.0),
        (30, 9001.0),
    ]


def test_damaged_record_is_skipped_and_told(tmp_path: Path) -> None:
    damaged = record_summary(stats(5))
    damaged.value[0].tensor.string_val[0] = b"\xff\xff\xff"
    write(tmp_path / "xai", [(0, 1.0, TABLE), (0, 1.0, stats(0)), (5, 2.0, damaged), (9, 3.0, stats(9))])
    read = reader(tmp_path)
    assert [row.step for row in read.rows("xai", kinds.LAYER_STATS, "activation")] == [0, 9]
    (problem,) = read.problems("xai")
    assert "step 5" in problem
    assert "stats/activation" in problem


def test_newer_schema_is_refused_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "SCHEMA_VERSION", 9)
    newer = record_summary(stats(0))
    monkeypatch.undo()
    write(tmp_path / "xai", [(0, 1.0, newer), (0, 1.0, status(0))])
    read = reader(tmp_path)
    with pytest.raises(SchemaError, match="version 9; this plugin reads up to 1: upgrade"):
        read.rows("xai", kinds.LAYER_STATS, "activation")
    assert [tag.tag for tag in read.tags("xai")] == ["status"]
    assert "version 9" in read.problems("xai")[0]


def test_unknown_names_list_what_is_there(tmp_path: Path) -> None:
    write(tmp_path / "a" / "xai", run_records([0]))
    read = reader(tmp_path)
    with pytest.raises(UnknownNameError, match="runs: a/xai"):
        read.tags("b")
    with pytest.raises(UnknownNameError, match="stats/activation"):
        read.tag("a/xai", "nope")


def test_polling_reads_only_what_is_new(tmp_path: Path) -> None:
    write(tmp_path / "xai", run_records([0, 1]))
    provider = python_provider(tmp_path)
    cache, calls = Cache(), []
    read_tensors = provider.read_tensors
    provider.read_tensors = lambda *a, **k: calls.append(1) or read_tensors(*a, **k)
    for _ in range(3):
        read = reader(tmp_path, provider)
        read.cache = cache
        read.rows("xai", kinds.LAYER_STATS, "activation")
    assert len(calls) == 3  # the tag, and the two that tell of restarts


def test_cache_keeps_its_budget_and_counts_versions() -> None:
    cache, made = Cache(max_bytes=10), []

    def value(name: str, size: int, version: int = 0) -> str:
        return cache.get(name, lambda: made.append(name) or (size, f"{name}{version}"), version)

    assert value("a", 6) == value("a", 6) == "a0"
    assert value("a", 6, version=1) == "a1"
    value("b", 6)
    value("b", 6)
    value("a", 6, version=1)
    assert made == ["a", "a", "b", "a"]


def test_cache_is_shared_by_threads() -> None:
    cache = Cache(max_bytes=50)

    def work() -> None:
        for index in range(300):
            assert cache.get(index % 20, lambda index=index: (5, index % 20)) == index % 20

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache._bytes == sum(size for size, _, _ in cache._kept.values()) <= 50


def test_foreign_metadata_is_named(tmp_path: Path) -> None:
    foreign = record_summary(r.Scalars({"loss": NAN}))
    foreign.value[0].metadata.plugin_data.content = b"\xff\xff"
    write(tmp_path / "xai", [(0, 1.0, foreign), (0, 1.0, attribution(0))])
    assert "scalars" in reader(tmp_path).problems("xai")[0]
