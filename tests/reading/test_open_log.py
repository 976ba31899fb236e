# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plugin_logs import ROWS, TABLE, attribution, run_records, stats, status, write

from tb_xai_plugin import open_log
from tb_xai_plugin.format import metadata
from tb_xai_plugin.format import records as r
from tb_xai_plugin.format.summary import record_summary
from tb_xai_plugin.log import Log, SchemaError, UnknownNameError

STEPS = [0, 5, 10, 20]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    log_dir = tmp_path_factory.mktemp("runs")
    write(log_dir / "a" / "xai", run_records(STEPS))
    return open_log(log_dir)


def test_names_and_layers(log: Log) -> None:
    assert list(log) == ["a"]
    run = log["a"]
    assert run.name == "a"
    assert run.layers == ("features.0", "features.1", "head")
    assert run.signals == ("activation",)
    assert "a" in repr(log)
    assert "running at step 20, 3 layers" in repr(run)


def test_layer_stats(log: Log) -> None:
    found = log["a"].layer_stats("activation")
    assert found.steps.dtype == np.int64
    assert found.steps.tolist() == STEPS
    assert found.columns == r.LAYER_COLUMNS
    assert found.layers == log["a"].layers
    assert (found.values.shape, found.values.dtype) == ((4, ROWS, len(r.LAYER_COLUMNS)), np.float32)
    assert found.column("mean")[:, 0].tolist() == STEPS
    assert np.isnan(found.column("dead_fraction")[:, -1]).all()
    assert (found.source, found.num_samples.tolist()) == ("training batch", [32] * 4)
    assert log["a"].layer_stats("activation", source="training batch").steps.tolist() == STEPS
    with pytest.raises(KeyError, match="sources: training batch"):
        log["a"].layer_stats("activation", source="probe")
    with pytest.raises(UnknownNameError, match="columns: count"):
        found.column("median")
    assert "4×3×10" in repr(found)


def test_histograms(log: Log) -> None:
    found = log["a"].histograms("activation")
    bins = 2 * r.EXPONENTS + 1
    assert found.counts.shape == (4, ROWS, bins)
    assert found.edges.shape == (bins + 1,)
    assert found.edges.dtype == np.float64
    assert np.all(np.diff(found.edges) > 0)
    assert (found.edges[0], found.edges[-1]) == (-(2.0**128), 2.0**128)
    middle = r.EXPONENTS
    assert (found.edges[middle], found.edges[middle + 1]) == (-(2.0**-149), 2.0**-149)
    assert found.edges[middle + 2] == 2.0 ** (r.MIN_EXPONENT + 1)
    assert found.counts[:, 0, middle].tolist() == STEPS
    assert found.nonfinite[:, 0].tolist() == [1] * 4
    assert found.source == "probe"


def test_units(log: Log) -> None:
    found = log["a"].units("head")
    assert found.live.tolist() == [[1.0, 0.0]] * 4
    assert found.num_samples.tolist() == [32] * 4
    with pytest.raises(UnknownNameError, match=r"features\.0"):
        log["a"].units("feature.0")


def test_attributions(log: Log) -> None:
    run = log["a"]
    assert (run.methods, run.attribution_layers) == (("grad_cam",), ("features.0",))
    found = run.attributions()
    assert (found.method, found.layer, found.signed) == ("grad_cam", "features.0", False)
    assert (found.heat.shape, found.heat.dtype) == ((4, 2, 4, 4), np.float32)
    np.testing.assert_allclose(found.heat[:, 0, 0, 0], STEPS)
    for array in (found.targets, found.scores, found.predictions, found.prediction_scores):
        assert array.shape == (4, 2)
    with pytest.raises(UnknownNameError, match="grad_cam"):
        run.attributions(method="gradcam")
    with pytest.raises(UnknownNameError, match=r"features\.0"):
        run.attributions(layer="features.9")


def test_attention(log: Log) -> None:
    run = log["a"]
    assert run.attention_layers == ("attn",)
    found = run.attention()
    assert found.weights.shape == (4, 2, 2, 4, 4)
    assert found.entropy.shape == (4, 2)
    with pytest.raises(UnknownNameError, match="attn"):
        run.attention("attm")


def test_the_rest_of_a_run(log: Log) -> None:
    run = log["a"]
    steps, losses = run.scalars["loss"]
    assert steps.tolist() == STEPS
    np.testing.assert_allclose(losses, [1 / (step + 1) for step in STEPS])
    assert run.findings[0].rule == "dead_units"
    assert run.findings[0].last_step == 20
    assert run.probe is not None
    assert run.probe.hash == "h"
    assert run.status is not None
    overhead = run.overhead
    assert (overhead.seconds, overhead.share, overhead.skipped, overhead.dropped_records) == (2.0, 0.02, 3, 1)
    assert run.problems == ()


def test_a_directory_that_is_the_run(tmp_path: Path) -> None:
    write(tmp_path / "xai", run_records([0]))
    assert list(open_log(tmp_path)) == ["."]
    assert list(open_log(str(tmp_path / "xai"))) == ["."]


def test_missing_and_empty_directories(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no log directory"):
        open_log(tmp_path / "nope")
    assert dict(open_log(tmp_path)) == {}
    with pytest.raises(UnknownNameError, match="none was logged"):
        open_log(tmp_path)["a"]


def test_unknown_names(log: Log) -> None:
    with pytest.raises(KeyError, match=r"a$"):
        log["b"]
    with pytest.raises(UnknownNameError, match="signals: activation"):
        log["a"].layer_stats("activations")
    with pytest.raises(UnknownNameError, match="it has: activation"):
        log["a"].histograms("weight")


def test_truncated_file(tmp_path: Path) -> None:
    path = write(tmp_path / "xai", run_records(STEPS))
    path.write_bytes(path.read_bytes()[:-300])
    run = open_log(tmp_path)["."]
    assert run.layer_stats("activation").steps.tolist() == STEPS
    assert run.status is not None
    assert run.status.step == 10
    assert "cut off" in run.problems[0]


def test_newer_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "SCHEMA_VERSION", 9)
    newer = record_summary(stats(0))
    monkeypatch.undo()
    write(tmp_path / "all" / "xai", [(0, 1.0, newer)])
    write(tmp_path / "some" / "xai", [(0, 1.0, newer), (0, 1.0, status(0))])
    log = open_log(tmp_path)
    with pytest.raises(SchemaError, match="version 9"):
        log["all"]
    assert "version 9" in log["some"].problems[0]
    with pytest.raises(SchemaError, match="version 9"):
        log["some"].layer_stats("activation")


def test_more_steps_than_tensorboard_keeps(tmp_path: Path) -> None:
    write(tmp_path / "xai", [(step, float(step), attribution(step)) for step in range(1200)])
    assert len(open_log(tmp_path)["."].attributions().steps) == 1200


def test_rows_of_another_model_are_merged_by_name(tmp_path: Path) -> None:
    other = r.LayerTable("t2", (*TABLE.layers[1:], r.Layer("new", "Linear", (2,))))
    first = [(0, 1.0, TABLE), (0, 1.0, stats(0))]
    write(tmp_path / "xai", [*first, (5, 2.0, other), (5, 2.0, stats(5, table=other))])
    found = open_log(tmp_path)["."].layer_stats("activation")
    assert found.layers == ("features.1", "head", "new", "features.0")
    assert np.isnan(found.column("mean")).tolist() == [
        [False, False, True, False],
        [False, False, False, True],
    ]


def test_record_without_table_is_told(tmp_path: Path) -> None:
    write(tmp_path / "xai", [(0, 1.0, stats(0))])
    run = open_log(tmp_path)["."]
    assert len(run.layer_stats("activation").steps) == 0
    assert "fits no table" in run.problems[0]
