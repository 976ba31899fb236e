# SPDX-License-Identifier: Apache-2.0
"""A user's own numbers, statistics and descriptions, read back by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plugin_logs import NAN, TABLE, reader, run_records, stats, write

from tb_xai_plugin import open_log
from tb_xai_plugin.format import kinds, metadata
from tb_xai_plugin.format import records as r
from tb_xai_plugin.format.columns import COLUMNS, Statistic
from tb_xai_plugin.format.descriptions import column_description
from tb_xai_plugin.format.summary import record_summary
from tb_xai_plugin.log import SchemaError, UnknownNameError

OWN = Statistic("activation", "kurtosis", "kurtosis", "Fourth moment over the squared second.")
SAID = r.Descriptions(
    (r.MethodDescription("grad_cam", "Grad-CAM", "Where the class was seen.", "layer", source="2017"),),
    (column_description(OWN),),
    (r.KindDescription("margins", "Margins", "Target's score less the next.", scale="signed"),),
)


def numbers(rows: str, columns: str, *values: float, kind: str = "margins") -> r.Numbers:
    shape = (len(rows), len(columns))
    return r.Numbers(kind, tuple(rows), tuple(columns), np.array(values, np.float32).reshape(shape))


def with_own(step: int) -> r.LayerStats:
    """Statistics with one of the user's own in the middle: nothing may depend on where it stands."""
    plain = stats(step)
    at = plain.columns.index("norm")
    return r.LayerStats(
        plain.signal, plain.source, plain.num_samples, plain.table,
        (*plain.columns[:at], "kurtosis", *plain.columns[at:]),
        np.insert(plain.values, at, 100 + step, axis=1),
    )  # fmt: skip


def test_numbers_over_the_steps(tmp_path: Path) -> None:
    write(tmp_path / "xai", [(s, 1.0 + s, numbers("ab", "xyz", *range(s, s + 6))) for s in (0, 5, 9)])
    run = open_log(tmp_path)["."]
    found = run.numbers("margins")
    assert run.kinds == ("margins",)
    assert (found.kind, found.steps.tolist()) == ("margins", [0, 5, 9])
    assert (found.rows, found.columns) == (("a", "b"), ("x", "y", "z"))
    assert (found.values.shape, found.values.dtype) == ((3, 2, 3), np.float32)
    np.testing.assert_array_equal(found.values[1], [[5, 6, 7], [8, 9, 10]])
    assert repr(found) == "<NumbersSeries margins: 3×2×3 (steps, rows, columns)>"


def test_rows_and_columns_that_differ_are_aligned_by_name(tmp_path: Path) -> None:
    first, last = numbers("ab", "xy", 1, 2, 3, 4), numbers("bc", "yx", 5, 6, 7, 8)
    write(tmp_path / "xai", [(0, 1.0, first), (3, 2.0, numbers("", "x")), (4, 3.0, last)])
    found = open_log(tmp_path)["."].numbers("margins")
    assert (found.rows, found.columns) == (("b", "c", "a"), ("y", "x"))
    np.testing.assert_array_equal(found.values[0], [[4, 3], [NAN, NAN], [2, 1]])
    assert np.isnan(found.values[1]).all()
    np.testing.assert_array_equal(found.values[2], [[5, 6], [7, 8], [NAN, NAN]])


def test_an_unknown_kind_of_numbers_lists_those_there_are(tmp_path: Path) -> None:
    write(
        tmp_path / "one" / "xai",
        [(0, 1.0, numbers("a", "x", 1)), (0, 1.0, numbers("a", "x", 1, kind="norms"))],
    )
    write(tmp_path / "none" / "xai", [(0, 1.0, TABLE)])
    log = open_log(tmp_path)
    with pytest.raises(UnknownNameError, match="no numbers of kind 'margin'; nearest: margins"):
        log["one"].numbers("margin")
    with pytest.raises(UnknownNameError, match="no numbers of kind 'margins': none was logged"):
        log["none"].numbers("margins")
    assert log["none"].kinds == ()


def test_numbers_that_are_damaged_or_torn_are_left_out_and_told(tmp_path: Path) -> None:
    torn, damaged = record_summary(numbers("a", "x", 1)), record_summary(numbers("a", "x", 1))
    message = kinds.NUMBERS.message(version=1, kind="margins", rows=["a", "b"], columns=["x"], values=b"1234")
    torn.value[0].tensor.string_val[0] = message.SerializeToString()
    damaged.value[0].tensor.string_val[0] = b"\xff\xff"
    last = numbers("a", "x", 3)
    write(
        tmp_path / "xai", [(0, 1.0, numbers("a", "x", 0)), (1, 2.0, torn), (2, 3.0, damaged), (3, 4.0, last)]
    )
    run = open_log(tmp_path)["."]
    assert run.numbers("margins").values.ravel().tolist() == [0, 3]
    said = " ".join(run.problems)
    assert "tag 'numbers/margins', step 1: Numbers.values: expected 8 bytes for shape (2, 1), got 4" in said
    assert "tag 'numbers/margins', step 2" in said


def test_numbers_of_a_newer_version_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "SCHEMA_VERSION", 9)
    newer = record_summary(numbers("a", "x", 1))
    monkeypatch.undo()
    write(tmp_path / "xai", [(0, 1.0, TABLE), (0, 1.0, newer)])
    with pytest.raises(SchemaError, match="version 9"):
        open_log(tmp_path)["."].numbers("margins")


def test_a_tag_that_holds_another_kind_than_its_name_says_is_told_and_not_taken_for_it(
    tmp_path: Path,
) -> None:
    wrong = record_summary(numbers("a", "x", 1))
    wrong.value[0].tag = "status"
    other = record_summary(r.Scalars({"loss": 1.0}))
    other.value[0].tag = "loss"
    write(tmp_path / "xai", [(0, 1.0, TABLE), (0, 1.0, wrong), (0, 1.0, other)])
    run = open_log(tmp_path)["."]
    assert run.status is None
    assert run.scalars["loss"][1].tolist() == [1.0]
    assert set(run.problems) == {
        "tag 'status' holds Numbers, expected RunStatus: left out",
        "tag 'loss' holds Scalars, expected LossTrace: left out",
    }


def test_descriptions_are_the_newest_and_without_any_those_of_the_product(tmp_path: Path) -> None:
    write(tmp_path / "new" / "xai", [(0, 1.0, r.Descriptions()), (0, 1.0, TABLE), (5, 2.0, SAID)])
    write(tmp_path / "old" / "xai", run_records([0]))
    log = open_log(tmp_path)
    found = log["new"].descriptions
    assert (found.methods, found.kinds) == (SAID.methods, SAID.kinds)
    assert found.columns[-1] == SAID.columns[0]
    old = log["old"].descriptions
    assert (old.methods, old.kinds) == ((), ())
    assert old.columns == found.columns[:-1] == tuple(column_description(column) for column in COLUMNS)


def test_a_statistic_of_the_users_own_is_read_by_its_name(tmp_path: Path) -> None:
    write(
        tmp_path / "xai", [(0, 1.0, TABLE), (0, 1.0, stats(0)), (5, 2.0, with_own(5)), (9, 3.0, with_own(9))]
    )
    found = open_log(tmp_path)["."].layer_stats("activation")
    np.testing.assert_array_equal(found.column("kurtosis")[:, 0], [NAN, 105, 109])
    for column in r.LAYER_COLUMNS:
        assert found.column(column)[:, 0].tolist() == [0, 5, 9]


def test_what_is_of_the_users_own_changes_nothing_of_a_diagnosis(tmp_path: Path) -> None:
    records = list(run_records([0, 5, 10]))
    own = [
        (step, at, with_own(step) if isinstance(record, r.LayerStats) else record)
        for step, at, record in records
    ]
    write(tmp_path / "plain" / "xai", records)
    write(tmp_path / "own" / "xai", [*own, (10, 1003.0, numbers("a", "x", 1)), (10, 1003.0, SAID)])
    log = open_log(tmp_path)
    assert log["own"].diagnose() == log["plain"].diagnose()


def test_the_tab_reads_what_a_notebook_reads(tmp_path: Path) -> None:
    write(tmp_path / "xai", [(0, 1.0, numbers("a", "x", 1)), (0, 1.0, SAID)])
    read = reader(tmp_path)
    assert read.latest("xai", kinds.DESCRIPTIONS) == SAID
    assert read.rows("xai", kinds.NUMBERS, "margins")[0].record.rows == ("a",)
    assert read.problems("xai") == []
