# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plugin_logs import TABLE, Tab, attribution, run_records, stats, write

import tb_xai_plugin
from tb_xai_plugin.format import codec
from tb_xai_plugin.format import records as r
from tb_xai_plugin.format import schema_pb2 as pb
from tb_xai_plugin.tab import static_files
from tb_xai_plugin.tab.answers import Answers

DOC = (Path(tb_xai_plugin.__file__).parent / "tab" / "http_api.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^## (.+)$", DOC, re.MULTILINE)
EXAMPLES = re.findall(r"^`GET (\S+)` →(?: `(\w+)`|\s+```json\n(.+?)```)", DOC, re.MULTILINE | re.DOTALL)
STEPS = list(range(0, 50, 5))


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Tab:
    log_dir = tmp_path_factory.mktemp("logs")
    write(log_dir / "healthy" / "xai", run_records(STEPS))
    write(log_dir / "dying" / "xai", run_records([0, 7], start=5000.0))
    return Tab(log_dir)


def test_route_table_is_the_documented_one(tab: Tab) -> None:
    documented = {name.split("?")[0] for line in HEADINGS for name in re.findall(r"`([^`]+)`", line)}
    routes = {route.lstrip("/").replace("*", "NAME") for route in tab.plugin.get_plugin_apps()}
    assert routes == documented


def same_shape(got: Any, documented: Any, path: str = "") -> None:
    if isinstance(documented, dict):
        assert isinstance(got, dict), path
        assert got.keys() == documented.keys(), path
        for key in documented:
            same_shape(got[key], documented[key], f"{path}.{key}")
    elif isinstance(documented, list):
        assert isinstance(got, list), path
        for item in got:
            same_shape(item, documented[0], f"{path}[]")
    else:
        assert type(got) is type(documented), path


@pytest.mark.parametrize(("query", "message", "example"), EXAMPLES, ids=[e[0] for e in EXAMPLES])
def test_documented_example(tab: Tab, query: str, message: str, example: str) -> None:
    response = tab.client.get(tab.base + query)
    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    if message:
        assert getattr(pb, message).FromString(response.data).ByteSize() > 0
    else:
        same_shape(json.loads(response.data), json.loads(example))


def test_every_data_route_has_an_example(tab: Tab) -> None:
    shown = {query.split("?")[0] for query, _, _ in EXAMPLES}
    assert shown == {"runs", "catalog", "records", "series", "histograms", "units"}


def test_runs(tab: Tab) -> None:
    runs = tab.get("runs").json["runs"]
    assert [run["name"] for run in runs] == ["dying", "healthy"]
    assert runs[1] == {
        "run": "healthy/xai", "name": "healthy", "first_step": 0, "last_step": 45, "started": 1000.0,
        "updated": 1009.0,
    }  # fmt: skip


def test_catalog(tab: Tab) -> None:
    catalog = tab.get("catalog", run="healthy/xai").json
    tags = {tag["tag"]: tag for tag in catalog["tags"]}
    assert tags["attribution/grad_cam/features.0"]["steps"] == STEPS
    assert tags["attribution/grad_cam/features.0"]["method"] == "grad_cam"
    assert tags["histograms/activation"]["signal"] == "activation"
    assert catalog["problems"] == []
    for tag in tab.get("catalog", run="healthy/xai", compact="1").json["tags"]:
        whole = tags[tag["tag"]]
        frames = tag["kind"] in ("Attribution", "Attention", "Trust")
        assert tag["wall_times"] == (whole["wall_times"] if frames else whole["wall_times"][-1:])
        runs = [
            range(first, first + stride * count, stride or 1) for first, stride, count in tag["step_runs"]
        ]
        assert [step for run in runs for step in (run or [run.start])] == whole["steps"]


@pytest.mark.parametrize(
    ("query", "steps"),
    [
        ({}, STEPS),
        ({"limit": 2}, [0, 5]),
        ({"limit": 2, "newest": 1}, [40, 45]),
        ({"begin": 6, "end": 20}, [10, 15, 20]),
        ({"begin": 6, "end": 20, "limit": 1, "newest": 1}, [20]),
        ({"begin": 100}, []),
    ],
)
@pytest.mark.parametrize("tag", ["attribution/grad_cam/features.0", "stats/activation"])
def test_records(tab: Tab, tag: str, query: dict[str, int], steps: list[int]) -> None:
    frames = tab.message(pb.Frames, "records", run="healthy/xai", tag=tag, **query)
    assert [frame.step for frame in frames.frames] == steps
    assert frames.kept == len(STEPS)
    for frame in frames.frames:
        record = attribution(frame.step) if "grad" in tag else stats(frame.step)
        assert frame.record == codec.encode(record)


def test_series(tab: Tab) -> None:
    answer = tab.message(
        pb.SeriesAnswer, "series", run="healthy/xai", signal="activation", column="mean", width=5
    )
    assert list(answer.names) == [layer.name for layer in TABLE.layers]
    assert list(answer.first_steps) == [0, 10, 20, 30, 40]
    assert list(answer.last_steps) == [5, 15, 25, 35, 45]
    mean, low, high = (
        np.frombuffer(part, "<f4").reshape(3, 5) for part in (answer.mean, answer.low, answer.high)
    )
    np.testing.assert_allclose(mean[0], [2.5, 12.5, 22.5, 32.5, 42.5])
    np.testing.assert_allclose(low[0], answer.first_steps)
    np.testing.assert_allclose(high[0], answer.last_steps)
    assert (answer.kept, answer.source, list(answer.num_samples)) == (10, pb.TRAINING_BATCH, [64] * 5)


def test_series_of_scalars_and_heads(tab: Tab) -> None:
    losses = tab.message(pb.SeriesAnswer, "series", run="healthy/xai", signal="scalars")
    assert list(losses.names) == ["loss"]
    np.testing.assert_allclose(np.frombuffer(losses.mean, "<f4"), [1 / (s + 1) for s in STEPS], rtol=1e-6)
    heads = tab.message(pb.SeriesAnswer, "series", run="healthy/xai", signal="heads")
    assert list(heads.names) == ["attn#0", "attn#1"]
    np.testing.assert_allclose(np.frombuffer(heads.mean, "<f4"), 0.5, rtol=1e-6)


def test_histograms_are_summed(tab: Tab) -> None:
    answer = tab.message(
        pb.HistogramAnswer, "histograms", run="healthy/xai", signal="activation", name="head", width=2
    )
    counts = np.array(answer.counts).reshape(2, 2 * r.EXPONENTS + 2)
    assert counts[:, r.EXPONENTS].tolist() == [sum(STEPS[:5]), sum(STEPS[5:])]
    assert counts[:, -1].tolist() == [5, 5]
    assert (answer.min_exponent, answer.exponents, answer.source) == (-40, 64, pb.PROBE)


def test_units_are_pooled(tab: Tab) -> None:
    answer = tab.message(pb.UnitAnswer, "units", run="healthy/xai", layer="features.1", width=3)
    np.testing.assert_allclose(np.frombuffer(answer.live, "<f4").reshape(3, 3), [[1, 0.5, 0]] * 3)
    assert list(answer.num_samples) == [96, 96, 128]


@pytest.mark.parametrize(
    ("route", "query", "code", "sentence"),
    [
        ("catalog", {}, 400, "parameter 'run' is missing"),
        ("catalog", {"run": "nope"}, 404, "runs: dying/xai, healthy/xai"),
        ("records", {"run": "healthy/xai", "tag": "nope"}, 404, "no tag 'nope'"),
        ("records", {"run": "healthy/xai", "tag": "status", "limit": "257"}, 400, "from 1 to 256"),
        ("records", {"run": "healthy/xai", "tag": "status", "begin": "-1"}, 400, "whole number"),
        ("records", {"run": "healthy/xai", "tag": "status", "begin": "²"}, 400, "whole number"),
        ("records", {"run": "healthy/xai", "tag": "status", "end": "9" * 19}, 400, "whole number"),
        ("series", {"run": "healthy/xai", "signal": "x", "column": "mean"}, 404, "no signal 'x'"),
        ("series", {"run": "healthy/xai", "signal": "weight", "column": "mean"}, 404, "it has: activation"),
        (
            "series",
            {"run": "healthy/xai", "signal": "activation", "column": "x"},
            404,
            "columns: count, mean",
        ),
        (
            "series",
            {"run": "healthy/xai", "signal": "activation", "column": "mean", "width": "0"},
            400,
            "2000",
        ),
        ("series", {"run": "nope", "signal": "scalars"}, 404, "no run 'nope'"),
        ("histograms", {"run": "healthy/xai", "signal": "activation", "name": "x"}, 404, "rows: features.0"),
        ("units", {"run": "healthy/xai", "layer": "x"}, 404, "layers: features.0"),
    ],
)
def test_bad_requests_get_a_sentence(
    tab: Tab, route: str, query: dict[str, str], code: int, sentence: str
) -> None:
    response = tab.get(route, **query)
    assert (response.status_code, response.mimetype) == (code, "text/plain")
    assert sentence in response.get_data(as_text=True)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_only_get(tab: Tab, method: str) -> None:
    response = tab.client.open(tab.base + "runs", method=method)
    assert (response.status_code, response.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize(
    "name",
    [
        "../plugin.py",
        "..%2fplugin.py",
        "%2e%2e/plugin.py",
        "..\\plugin.py",
        "/etc/passwd",
        "build.json",
        "",
        ".",
    ],
)
def test_assets_cannot_be_escaped(tab: Tab, name: str) -> None:
    assert tab.get("assets/" + name).status_code == 404


def test_static_files_are_listed_with_types_and_expiry(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.js").write_text("export function render() {}")
    (tmp_path / "assets" / "style-abc.css").write_text("a{}")
    (tmp_path / "assets" / "note.txt").write_text("no")
    (tmp_path / "assets" / "link.js").symlink_to("/etc/passwd")
    files = static_files.list_static(tmp_path)
    assert sorted(files) == ["/assets/style-abc.css", "/index.js"]
    assert files["/index.js"].expires_s == 0
    style = files["/assets/style-abc.css"]
    assert (style.mime_type, style.expires_s) == ("text/css", 365 * 24 * 3600)


def test_missing_build_says_what_to_run(tmp_path: Path) -> None:
    script = static_files.list_static(tmp_path)["/index.js"].content.decode()
    assert "export function render" in script
    assert "make frontend" in script


def test_index_is_served_uncached(tab: Tab) -> None:
    response = tab.get("index.js")
    assert (response.status_code, response.mimetype) == (200, "application/javascript")
    assert "no-cache" in response.headers["Cache-Control"]


def test_unforeseen_error_is_500_and_the_rest_goes_on(
    tab: Tab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(request: Any) -> Any:
        raise ZeroDivisionError("secret path /home/x")

    with monkeypatch.context() as patch:
        patch.setattr("tb_xai_plugin.tab.answers.display_name", broken)
        response = tab.get("runs")
    assert response.status_code == 500
    assert "ZeroDivisionError" in response.get_data(as_text=True)
    assert "secret" not in response.get_data(as_text=True)
    assert "runs failed" in caplog.text
    assert tab.get("runs").status_code == 200


def test_answers_that_cannot_be_imported_are_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "xai", run_records([0]))
    tab = Tab(tmp_path)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "tb_xai_plugin.tab.answers", None)
        response = tab.get("runs")
        assert (response.status_code, "ModuleNotFoundError" in response.text) == (500, True)
        assert "tb_xai_plugin.tab.answers" in caplog.text
        assert tab.get("index.js").status_code == 200
    assert tab.get("runs").status_code == 200


def test_path_prefix(tmp_path: Path) -> None:
    write(tmp_path / "xai", run_records([0]))
    prefixed = Tab(tmp_path, path_prefix="/team/tb")
    assert prefixed.get("runs").json["runs"][0]["name"] == "."
    assert prefixed.get("index.js").status_code == 200
    assert prefixed.get("assets/nope.js").status_code == 404
    assert prefixed.client.get("/data/plugin/xai/runs").status_code == 404


def test_active_only_with_data(tab: Tab, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for each, active in ((tab, True), (Tab(tmp_path), False)):
        listing = each.client.get("/data/plugins_listing").json
        assert listing["xai"]["enabled"] is active
        assert listing["xai"]["tab_name"] == "Explain"
    assert Tab(tmp_path).get("runs").json["runs"] == []


def test_an_answer_does_not_grow_with_training(tmp_path: Path) -> None:
    sizes = []
    for steps in (100, 1000):
        name = f"run{steps}"
        write(tmp_path / name / "xai", [(0, 1.0, TABLE), *((s, 1.0 + s, stats(s)) for s in range(steps))])
        query = {"run": f"{name}/xai", "signal": "activation", "column": "mean", "width": 50}
        sizes.append(len(Tab(tmp_path).get("series", **query).data))
    assert sizes[1] < 1.2 * sizes[0]


def test_an_answer_with_many_layers_is_bounded_and_loses_no_spike(tmp_path: Path) -> None:
    rows = tuple(r.Layer(f"layer{i}", "Linear", (8,), units=8) for i in range(200))
    table = r.LayerTable("many", rows)

    def noisy(step: int) -> r.LayerStats:
        values = np.random.default_rng(step).random((200, len(r.LAYER_COLUMNS)), dtype=np.float32)
        values[137, 1] = 99.0 if step == 411 else values[137, 1]
        return r.LayerStats("activation", r.TRAINING_BATCH, 32, "many", r.LAYER_COLUMNS, values)

    write(tmp_path / "run" / "xai", [(0, 1.0, table), *((s, 1.0 + s, noisy(s)) for s in range(800))])
    query = {"run": "run/xai", "signal": "activation", "column": "mean", "width": 400}
    tab = Tab(tmp_path)
    answer = tab.message(pb.SeriesAnswer, "series", **query)
    assert len(tab.get("series", **query).data) < 300_000
    columns = len(answer.first_steps)
    assert columns == 120
    high = np.frombuffer(answer.high, "<f4").reshape(200, columns)
    place = int(high[137].argmax())
    assert high[137, place] == 99.0
    assert answer.first_steps[place] <= 411 <= answer.last_steps[place]


def test_an_answer_is_kept_until_there_is_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run" / "xai"
    write(path, [(0, 1.0, TABLE), *((s, 1.0 + s, stats(s)) for s in range(20))])
    query = {"run": "run/xai", "signal": "activation", "column": "mean", "width": 50}
    tab = Tab(tmp_path)
    before = tab.get("series", **query).data
    made: list[int] = []
    whole = Answers._make_series
    monkeypatch.setattr(Answers, "_make_series", lambda *given: made.append(1) or whole(*given))
    assert tab.get("series", **query).data == before
    assert not made
    assert tab.get("series", **{**query, "width": 10}).data != before
    assert len(made) == 1
