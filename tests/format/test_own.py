# SPDX-License-Identifier: Apache-2.0
"""Numbers of a user's own signals and descriptions return as they were written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tb_xai_plugin.format import codec, kinds, schema_pb2
from tb_xai_plugin.format import records as r
from tb_xai_plugin.format.columns import COLUMNS, SCALES, NumbersKind, Statistic
from tb_xai_plugin.format.descriptions import column_description, completed, kind_description
from tb_xai_plugin.format.errors import SchemaError

TEXT = st.text(max_size=8)
NAMES = st.lists(TEXT, max_size=4).map(tuple)
NUMBER = st.floats(allow_nan=False)
METHODS = st.builds(r.MethodDescription, TEXT, TEXT, TEXT, TEXT, st.booleans(), st.booleans(), TEXT)
COLUMN = st.builds(
    r.ColumnDescription, TEXT, TEXT, TEXT, TEXT, TEXT, st.sampled_from(SCALES), NUMBER, NUMBER,
    st.booleans(), TEXT,
)  # fmt: skip
KINDS = st.builds(r.KindDescription, TEXT, TEXT, TEXT, TEXT, st.sampled_from(SCALES))


@st.composite
def numbers(draw):
    rows, columns = draw(NAMES), draw(NAMES)
    values = draw(hnp.arrays(np.float32, (len(rows), len(columns)), elements=st.floats(width=32)))
    return r.Numbers(draw(TEXT), rows, columns, values)


@given(numbers())
def test_numbers_return_equal(record):
    back = codec.decode(kinds.NUMBERS, codec.encode(record))
    assert (back.kind, back.rows, back.columns) == (record.kind, record.rows, record.columns)
    np.testing.assert_array_equal(back.values, record.values)
    assert (back.values.dtype, back.values.shape) == (np.float32, record.values.shape)


@given(st.builds(r.Descriptions, *(st.lists(one, max_size=3).map(tuple) for one in (METHODS, COLUMN, KINDS))))
def test_descriptions_return_equal(record):
    assert codec.decode(kinds.DESCRIPTIONS, codec.encode(record)) == record


@pytest.mark.parametrize("kind", [kinds.NUMBERS, kinds.DESCRIPTIONS], ids=lambda kind: kind.name)
def test_damaged_bytes_and_a_newer_version_are_a_schema_error(kind):
    for data, says in (
        (b"\xff\xff", "no such record"),
        (kind.message(version=9).SerializeToString(), "version 9"),
    ):
        with pytest.raises(SchemaError, match=says):
            codec.decode(kind, data)


@pytest.mark.parametrize("values", [np.zeros((2, 1)), np.zeros(2), np.zeros((1, 2, 1))])
def test_numbers_of_another_shape_than_their_names_are_refused_when_they_are_written(values):
    with pytest.raises(ValueError, match=r"numbers of 'margins': expected values of shape \(1, 2\)"):
        codec.encode(r.Numbers("margins", ("a",), ("b", "c"), values))


def test_a_description_has_the_fields_of_its_message():
    for record, message in (
        (r.MethodDescription, schema_pb2.MethodDescription),
        (r.ColumnDescription, schema_pb2.ColumnDescription),
        (r.KindDescription, schema_pb2.KindDescription),
    ):
        assert list(record.__dataclass_fields__) == [field.name for field in message.DESCRIPTOR.fields]


def test_every_statistic_is_described_in_the_order_on_disk():
    described = completed(None)
    assert [(c.signal, c.name) for c in described.columns] == [(c.signal, c.name) for c in COLUMNS]
    assert (described.methods, described.kinds) == ((), ())
    for column, found in zip(COLUMNS, described.columns, strict=True):
        for name in found.__dataclass_fields__:
            assert getattr(found, name) == getattr(column, name), name
        assert isinstance(found.high, float)


def test_what_a_run_says_of_its_statistics_wins_and_its_own_come_last():
    changed = r.ColumnDescription("gradient", "norm", "another title")
    own = column_description(
        Statistic("weight", "kurtosis", "kurtosis", "Fourth moment.", compute=lambda v: 0.0)
    )
    method, kind = r.MethodDescription("mine", "Mine", "m", "layer"), r.KindDescription("margins", "Margins")
    described = completed(r.Descriptions((method,), (own, changed), (kind,)))
    assert (described.methods, described.kinds) == ((method,), (kind,))
    place = next(i for i, c in enumerate(COLUMNS) if (c.signal, c.name) == ("gradient", "norm"))
    assert described.columns[place] == changed
    assert described.columns[-1] == own
    assert own.key == "kurtosis"
    assert len(described.columns) == len(COLUMNS) + 1


def test_a_kind_of_numbers_is_described_as_it_is_declared():
    declared = NumbersKind("margins", "Margins", "Target's score less the next.", "nat", "signed")
    found = kind_description(declared)
    assert {name: getattr(found, name) for name in found.__dataclass_fields__} == vars(declared)
