# SPDX-License-Identifier: Apache-2.0
"""encode and decode are inverses, and bytes that are not ours get a sentence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tb_xai_plugin.format import arrays, codec, kinds, metadata, records, schema_pb2, summary
from tb_xai_plugin.format.errors import SchemaError
from tb_xai_plugin.format.kinds import explanations as maps


def attribution(heat):
    n = len(heat)
    return records.Attribution(
        method="grad_cam", layer="conv", heat=heat, targets=np.arange(n), scores=np.linspace(0, 1, n),
        predictions=np.arange(n), prediction_scores=np.linspace(0, 1, n), probe="abc",
    )  # fmt: skip


EXACT = [
    records.LayerTable(
        "id", (records.Layer("conv", "Conv2d", (8, 4, 4), 8, "relu", 2, True, False),),
        (records.Parameter("conv.weight", "conv", (8, 1, 3, 3), False, False),), ("unused",),
    ),
    records.RunStatus(
        "running",
        "torch",
        "torch",
        7,
        versions=("torch 2",),
        signals=(records.Signal("attention", "off", "a", "b"),),
        notices=(records.Notice("error", "conv", "broken", 3),),
        costs=(records.Cost("explanations", 1.5, 3, 2),),
        training_seconds=4.5,
        max_overhead=0.05,
        dropped_records=1,
        target_layers=("conv",),
        methods=("grad_cam",),
        next_log_step=8,
        next_explain_step=9,
        log_every_n_steps=10,
    ),
    records.Findings(
        (records.Finding("dead", "error", "conv", 1, 2, 0.97, 0.95, "m", "a", "f", "t", "c", "r", "s"),),
        (records.RuleState("dead", "f", "off", "no activations", "d"),),
        2,
    ),
    records.Scalars({"loss": 1.25, "learning_rate": float("inf")}),
    records.Scalars({"probe_loss": 1.0}, "checkup"),
    records.Setup("classification", "nll", "sum", "softmax", "log", (10,), (4, 4), "SGD", {"lr": 0.1}, 8,
                  (3, 5), 0.0, 1.0, 0.5, 0.5, 0.69, 1.0, 2.0, -1.0, 1.0, True, ("mid",)),
]  # fmt: skip


@pytest.mark.parametrize("record", EXACT, ids=lambda r: type(r).__name__)
def test_records_without_arrays_return_equal(record):
    assert codec.decode(type(record).__name__, codec.encode(record)) == record


ARRAYS = [
    records.LayerStats(
        "gradient", records.TRAINING_BATCH, 32, "t", ("mean", "std"), np.array([[1, np.nan]], "f4")
    ),
    records.Histograms(
        "activation", records.PROBE, 16, "t", np.arange(2 * 130, dtype=np.uint64).reshape(2, 130)
    ),
    records.LossTrace(7, np.array([1.5, np.nan, np.inf], "f4")),
    records.UnitCounts(records.TRAINING_BATCH, 32, "t", np.array([0, 3, 32], np.uint32)),
    records.Probe(
        "h", "tabular", (2, 2), values=np.eye(2, dtype="f4"), labels=np.array([0, 1]), class_names=("a",)
    ),
    records.Probe(
        "h", "image", (1, 1, 2, 2), images=(b"png\0",), targets=np.array([0.5], "f4"), patch_grid=(2, 3)
    ),
]


@pytest.mark.parametrize("record", ARRAYS, ids=lambda r: type(r).__name__)
def test_records_with_arrays_return_equal(record):
    back = codec.decode(type(record).__name__, codec.encode(record))
    for name, value in vars(record).items():
        np.testing.assert_array_equal(getattr(back, name), value, err_msg=name)


def test_trust_returns_equal():
    record = records.Trust(
        "grad_cam", "conv", {"deletion": np.array([0.1, np.nan], "f4")}, {"mass": "no boxes"}, "h"
    )
    back = codec.decode("Trust", codec.encode(record))
    np.testing.assert_array_equal(back.measures["deletion"], record.measures["deletion"])
    assert (back.method, back.layer, back.missing, back.probe) == ("grad_cam", "conv", record.missing, "h")


def test_every_record_has_a_codec():
    with_codec = {kind.record for kind in kinds.KINDS}
    parts = {records.Layer, records.Parameter, records.Signal, records.Notice, records.Cost, records.Finding,
             records.RuleState, records.MethodDescription, records.ColumnDescription,
             records.KindDescription}  # fmt: skip
    classes = {
        v for v in vars(records).values() if isinstance(v, type) and v.__module__.startswith(records.__name__)
    }
    assert classes - parts == with_codec


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5)),
                  elements=st.floats(-(2.0**100), 2.0**100, width=32)))  # fmt: skip
def test_heat_keeps_a_thousandth_of_its_maximum(heat):
    back = codec.decode("Attribution", codec.encode(attribution(heat))).heat
    limit = np.abs(heat).max(axis=(1, 2), keepdims=True) * 5e-4
    assert (np.abs(back - heat) <= limit + 1e-44).all()


def test_heat_keeps_nan_and_zero():
    heat = np.zeros((2, 2, 2), np.float32)
    heat[1, 0, 0] = np.nan
    back = codec.decode("Attribution", codec.encode(attribution(heat))).heat
    np.testing.assert_array_equal(back, heat)


def test_large_heat_is_packed_on_disk_and_plain_for_the_browser():
    ramp = np.linspace(0, 1, 16 * 56 * 56, dtype=np.float32).reshape(16, 56, 56)
    stored = codec.encode(attribution(ramp))
    assert schema_pb2.Attribution.FromString(stored).packed
    assert len(stored) < ramp.size * 2 * 0.8
    served = schema_pb2.Attribution.FromString(codec.for_browser("Attribution", stored))
    assert not served.packed
    assert served.heat == maps.half(ramp)[0].tobytes()
    np.testing.assert_array_equal(
        codec.decode("Attribution", stored).heat, codec.decode("Attribution", served.SerializeToString()).heat
    )


def test_small_heat_is_stored_as_it_is():
    stored = codec.encode(attribution(np.ones((16, 7, 7), np.float32)))
    assert not schema_pb2.Attribution.FromString(stored).packed
    assert codec.for_browser("Attribution", stored) == stored


@given(st.binary(min_size=8, max_size=400).map(lambda data: data[: len(data) // 2 * 2]))
def test_packing_has_an_inverse(data):
    assert arrays.unpacked_halves(arrays.packed_halves(data), len(data) // 2, "heat") == data


@pytest.mark.parametrize("damage", ["cut", "changed", "longer"])
def test_a_damaged_stream_is_refused_and_served_as_it_is(damage):
    message = schema_pb2.Attribution.FromString(codec.encode(attribution(np.ones((16, 56, 56), np.float32))))
    if damage == "longer":
        message.heat = arrays.packed_halves(bytes(10**6))
    else:
        message.heat = message.heat[:-9] if damage == "cut" else b"\0" * 40
    data = message.SerializeToString()
    with pytest.raises(SchemaError, match=r"Attribution\.heat"):
        codec.decode("Attribution", data)
    assert codec.for_browser("Attribution", data) == data
    assert codec.for_browser("Attribution", b"\xff") == b"\xff"


def test_attention_is_stored_to_a_thousandth():
    weights = np.random.default_rng(0).dirichlet(np.ones(7), (3, 2, 7)).astype(np.float32)
    record = records.Attention("a", weights, 7, 7, np.array([1.0, 2.0], np.float32), "p")
    back = codec.decode("Attention", codec.encode(record))
    np.testing.assert_allclose(back.weights, weights, rtol=1e-3, atol=1e-6)
    assert (back.queries, back.keys, back.probe) == (7, 7, "p")


def test_a_newer_version_is_refused_with_what_to_do():
    data = schema_pb2.Scalars(version=metadata.SCHEMA_VERSION + 1).SerializeToString()
    with pytest.raises(SchemaError, match=r"schema version 2.*pip install -U tb-xai-plugin"):
        codec.decode("Scalars", data)


@pytest.mark.parametrize(
    ("kind", "data"), [("Nonsense", b""), ("Scalars", b"\xff\xff"), ("Histograms", b"\x30\x40")]
)
def test_damaged_bytes_are_a_schema_error(kind, data):
    if kind == "Histograms":
        data = schema_pb2.Histograms(exponents=64, counts=[1, 2, 3]).SerializeToString()
    with pytest.raises(SchemaError):
        codec.decode(kind, data)


@pytest.mark.parametrize(
    "record", [*EXACT, *ARRAYS, attribution(np.ones((1, 2, 2)))], ids=lambda r: type(r).__name__
)
def test_a_summary_says_what_it_holds(record):
    value = summary.record_summary(record).value[0]
    data = metadata.parse_plugin_data(value.metadata.plugin_data.content)
    assert data.kind == type(record).__name__
    assert value.metadata.data_class != 0
    assert value.tensor.tensor_shape.dim[0].size == 1
    assert value.tensor.string_val[0] == codec.encode(record)


def test_the_generated_python_is_of_this_schema(tmp_path):
    import subprocess
    import sys
    from pathlib import Path

    root = Path(__file__).parents[2]
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        "-I.",
        f"--python_out={tmp_path}",
        "tb_xai_plugin/format/schema.proto",
    ]
    subprocess.run(command, cwd=root, check=True)
    made = (tmp_path / "tb_xai_plugin/format/schema_pb2.py").read_text()
    assert made == (root / "tb_xai_plugin/format/schema_pb2.py").read_text(), "run `make proto`"
