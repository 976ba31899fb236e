# SPDX-License-Identifier: Apache-2.0
"""Every kind of record is described once, and what is described is what is written and read."""

import contextlib
import re
from pathlib import Path

import numpy as np
import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

import tb_xai_plugin
from tb_xai_plugin.format import codec, kinds, records, schema_pb2, summary
from tb_xai_plugin.format.errors import SchemaError
from tb_xai_plugin.format.kinds import KINDS, kind_of
from tb_xai_plugin.format.kinds.kind import IN_METADATA
from tb_xai_plugin.format.metadata import parse_plugin_data

FLOATS = np.zeros((1, 1), np.float32)
COUNTS = np.zeros((1, 130), np.uint64)
ONE = np.zeros(1, np.int64)

#: One record of every kind, with the tag under which it has always been stored.
STORED = {
    "layers": records.LayerTable("t", ()),
    "probe": records.Probe("h", "tensor", (1, 1)),
    "status": records.RunStatus("running", "torch", "torch", 0),
    "scalars": records.Scalars({"loss": 1.0}),
    "scalars/checkup": records.Scalars({"loss": 1.0}, "checkup"),
    "stats/weight": records.LayerStats("weight", records.PROBE, 1, "t", ("mean",), FLOATS),
    "histograms/gradient": records.Histograms("gradient", records.PROBE, 1, "t", COUNTS),
    "units": records.UnitCounts(records.PROBE, 1, "t", np.zeros(1, np.uint32)),
    "heads": records.HeadStats({"attn": (4, np.ones(2, np.float32))}),
    "attribution/grad_cam/a/b": records.Attribution("grad_cam", "a/b", FLOATS, ONE, ONE, ONE, ONE),
    "trust/grad_cam/a/b": records.Trust("grad_cam", "a/b", {"mass": FLOATS[0]}),
    "attention/blocks.0": records.Attention("blocks.0", np.ones((1, 1, 1, 1), np.float32), 1, 1, FLOATS[0]),
    "loss": records.LossTrace(0, FLOATS[0]),
    "setup": records.Setup(),
    "findings": records.Findings(),
    "numbers/margins": records.Numbers("margins", ("a",), ("b",), FLOATS),
    "descriptions": records.Descriptions(),
}  # fmt: skip


@pytest.mark.parametrize("tag", STORED)
def test_a_record_is_stored_under_the_tag_of_its_kind_and_metadata_says_what_it_is(tag):
    record = STORED[tag]
    kind = kind_of(record)
    (value,) = summary.record_summary(record).value
    assert value.tag == tag == kind.tag_of(record)
    described = parse_plugin_data(value.metadata.plugin_data.content)
    assert described.kind == kind.name == type(record).__name__
    named = {name: getattr(described, name) for name in IN_METADATA}
    assert named == {name: getattr(record, name, "") for name in IN_METADATA}
    assert value.metadata.plugin_data.plugin_name == ("xai_media" if kind.media else "xai")
    assert type(codec.decode(kind, codec.encode(record))) is kind.record


def test_every_kind_of_record_is_described():
    assert {kind_of(record).name for record in STORED.values()} == set(kinds.BY_NAME)
    assert len({kind.stem for kind in KINDS}) == len(KINDS)
    assert {kind.record for kind in KINDS} == set(records.Record.__args__)


def test_every_versioned_message_of_the_schema_belongs_to_a_kind():
    versioned = {
        name for name, message in schema_pb2.DESCRIPTOR.message_types_by_name.items()
        if "version" in message.fields_by_name
    }  # fmt: skip
    assert versioned - {"PluginData"} == set(kinds.BY_NAME)
    for kind in KINDS:
        assert issubclass(kind.message, Message)
        assert kind.message.DESCRIPTOR.name == kind.name


def test_no_two_kinds_are_replayed_at_the_same_place_and_tables_come_before_their_rows():
    places = {kind.name: kind.replayed for kind in KINDS if kind.replayed}
    assert len(set(places.values())) == len(places)
    assert sorted(places, key=places.__getitem__) == [
        "LayerTable", "Setup", "RunStatus", "LayerStats", "UnitCounts", "Scalars", "HeadStats", "LossTrace",
        "Probe", "Attribution",
    ]  # fmt: skip


def test_what_is_passed_over_as_bulk_no_rule_looks_at():
    bulk = {kind.name for kind in KINDS if kind.bulk}
    assert bulk == {"Histograms", "Attention"}
    assert not {kind.name for kind in KINDS if kind.replayed} & bulk


def test_what_the_tab_takes_for_an_observation_and_keeps_one_by_one():
    assert {kind.name for kind in KINDS if kind.statistic} == {
        "LayerStats", "Histograms", "UnitCounts", "Scalars", "HeadStats", "Numbers",
    }  # fmt: skip
    assert {kind.name for kind in KINDS if kind.framed} == {"Attribution", "Attention", "Trust", "Numbers"}
    assert {kind.name for kind in KINDS if kind.media} == {"Attribution", "Attention", "Probe"}


@pytest.mark.parametrize(("kind", "names"), [(kinds.PROBE, ("x",)), (kinds.TRUST, ("grad_cam",))])
def test_a_tag_of_too_many_or_too_few_names_is_refused(kind, names):
    with pytest.raises(ValueError, match=f"the tag of {kind.name} takes"):
        kind.tag(*names)


@pytest.mark.parametrize("other", [records.Layer("conv", "Conv2d"), "a string", type("Probe", (), {})()])
def test_what_is_no_record_is_refused_with_the_list_of_those_that_are(other):
    with pytest.raises(TypeError, match="is no record; records: LayerTable, Probe"):
        kind_of(other)


@given(st.sampled_from(KINDS), st.binary(max_size=200))
def test_any_bytes_are_a_record_or_a_schema_error(kind, data):
    with contextlib.suppress(SchemaError):
        assert isinstance(codec.decode(kind, data), kind.record)
    assert isinstance(codec.for_browser(kind.name, data), bytes)


@pytest.mark.parametrize(
    "message",
    [
        schema_pb2.Scalars(names=["loss"]),
        schema_pb2.Setup(option_names=["lr", "momentum"], option_values=[0.1]),
        schema_pb2.Trust(names=["mass", "gap"], samples=0, missing=["gap"]),
        schema_pb2.Attribution(shape=[2**31, 2**31], packed=True, heat=b"x"),
        schema_pb2.Numbers(kind="k", rows=["a"], columns=["b"], values=b"123"),
        schema_pb2.Numbers(kind="k", rows=["a"], values=b"1234"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_fields_that_do_not_fit_one_another_are_a_schema_error(message):
    kind = kinds.BY_NAME[type(message).__name__]
    data = message.SerializeToString()
    with pytest.raises(SchemaError, match=kind.name):
        codec.decode(kind, data)
    assert codec.for_browser(kind.name, data) == data


def test_kinds_are_named_by_their_description_and_nowhere_by_a_list_of_strings():
    names = "|".join(kinds.BY_NAME)
    listed = re.compile(rf"""["']({names})["'],\s*["']({names})["']""")
    root = Path(tb_xai_plugin.__file__).parent
    assert [
        path for path in root.rglob("*.py") if "_pb2" not in path.name and listed.search(path.read_text())
    ] == []
    assert listed.search('BULK = ("Histograms", "Attention")')
