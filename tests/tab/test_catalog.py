# SPDX-License-Identifier: Apache-2.0
"""The catalogue says what methods, statistics and a user's own kinds are called, and when that changes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plugin_logs import TABLE, Tab, python_provider, run_records, stats, write
from tensorboard.backend import application
from tensorboard.plugins import base_plugin
from werkzeug.test import Client

from tb_xai_plugin.format import records as r
from tb_xai_plugin.format import schema_pb2 as pb
from tb_xai_plugin.format.columns import COLUMNS
from tb_xai_plugin.format.summary import record_summary
from tb_xai_plugin.tab.answers import Answers
from tb_xai_plugin.tab.plugin import XaiPlugin

METHOD = r.MethodDescription(
    "mine", "My method", "It says so.", "layer", signed=True, unfaithful=True, source="us"
)
OWN = r.ColumnDescription(
    "weight", "kurtosis", "kurtosis", "", "Fourth moment.", "log", 0.5, 8.0, True, "kurtosis"
)
CHANGED = r.ColumnDescription("activation", "mean", "Durchschnitt")
KIND = r.KindDescription("margins", "Margins", "Target's score less the next.", "nat", "signed")
NUMBERS = r.Numbers("margins", ("a",), ("x",), np.ones((1, 1), np.float32))


def catalog(tab: Tab, run: str, **query: Any) -> dict[str, Any]:
    response = tab.get("catalog", run=run, **query)
    assert response.status_code == 200, response.get_data(as_text=True)
    return dict(response.json)


def columns(found: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(column["signal"], column["name"]): column for column in found["descriptions"]["columns"]}


def test_without_a_record_there_are_the_statistics_of_this_version(tmp_path: Path) -> None:
    write(tmp_path / "xai", run_records([0]))
    found = catalog(Tab(tmp_path), "xai")
    assert found["descriptions"]["methods"] == found["descriptions"]["kinds"] == []
    assert list(columns(found)) == [(column.signal, column.name) for column in COLUMNS]
    dead = columns(found)["activation", "dead_fraction"]
    assert list(dead) == [field.name for field in pb.ColumnDescription.DESCRIPTOR.fields]
    assert (dead["title"], dead["scale"], dead["low"], dead["high"]) == ("dead units", "share", 0.0, 1.0)
    assert dead["low_is_bad"] is False
    assert columns(found)["activation", "participation_ratio"]["low_is_bad"] is True


@pytest.mark.parametrize("query", [{}, {"compact": "1"}])
def test_with_a_record_there_is_what_the_run_says(tmp_path: Path, query: dict[str, str]) -> None:
    said = r.Descriptions((METHOD,), (OWN, CHANGED), (KIND,))
    write(tmp_path / "xai", [(0, 1.0, TABLE), (0, 1.0, said), (0, 1.0, NUMBERS)])
    found = catalog(Tab(tmp_path), "xai", **query)
    assert found["descriptions"]["methods"] == [asdict(METHOD)]
    assert found["descriptions"]["kinds"] == [asdict(KIND)]
    assert found["descriptions"]["methods"][0]["unfaithful"] is True
    assert list(columns(found)) == [*((c.signal, c.name) for c in COLUMNS), ("weight", "kurtosis")]
    assert columns(found)["weight", "kurtosis"] == asdict(OWN)
    assert columns(found)["activation", "mean"] == asdict(CHANGED)
    tags = {tag["tag"]: tag for tag in found["tags"]}
    assert (tags["numbers/margins"]["kind"], tags["numbers/margins"]["signal"]) == ("Numbers", "margins")
    assert tags["descriptions"]["kind"] == "Descriptions"


def test_a_tag_says_whether_its_steps_are_observations(tmp_path: Path) -> None:
    write(tmp_path / "xai", [*run_records([0]), (0, 1.0, NUMBERS)])
    said = {tag["tag"] for tag in catalog(Tab(tmp_path), "xai")["tags"] if tag["statistic"] is True}
    assert said == {
        "heads",
        "histograms/activation",
        "numbers/margins",
        "scalars",
        "stats/activation",
        "units",
    }


def test_ends_of_a_scale_that_are_no_numbers_are_those_of_the_data(tmp_path: Path) -> None:
    odd = r.ColumnDescription("weight", "odd", "odd", low=float("-inf"), high=float("nan"))
    write(tmp_path / "xai", [(0, 1.0, TABLE), (0, 1.0, r.Descriptions(columns=(odd,)))])
    found = columns(catalog(Tab(tmp_path), "xai"))["weight", "odd"]
    assert (found["low"], found["high"]) == (0.0, 0.0)


def test_a_damaged_record_is_a_problem_and_the_one_before_holds(tmp_path: Path) -> None:
    damaged = record_summary(r.Descriptions())
    damaged.value[0].tensor.string_val[0] = b"\xff\xff"
    said = r.Descriptions(kinds=(KIND,))
    write(tmp_path / "xai", [(0, 1.0, TABLE), (0, 1.0, said), (5, 2.0, damaged)])
    tab = Tab(tmp_path)
    for _ in range(2):  # made, and kept
        found = catalog(tab, "xai")
        assert found["descriptions"]["kinds"] == [asdict(KIND)]
        (problem,) = found["problems"]
        assert "tag 'descriptions', step 5" in problem


class Growing(Tab):
    """A tab whose log is read again when it is told so."""

    def __init__(self, log_dir: Path) -> None:
        self.log_dir = log_dir
        self.plugin = XaiPlugin(base_plugin.TBContext(data_provider=None, logdir=str(log_dir)))
        self.base = "/data/plugin/xai/"

    def reload(self) -> None:
        provider = python_provider(self.log_dir)
        if self.plugin._made is None:
            self.plugin._context.data_provider = provider
        else:
            self.plugin._made._provider = provider
        self.client = Client(application.TensorBoardWSGI([self.plugin], "", provider))


def test_an_answer_is_kept_until_descriptions_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    whole = Answers._until_news

    def counted(self: Answers, reader: Any, run: str, key: Any, make: Any, more: Any = None) -> Any:
        return whole(self, reader, run, key, lambda: made.append(run) or make(), more)

    monkeypatch.setattr(Answers, "_until_news", counted)
    write(tmp_path / "xai", [(0, 1.0, TABLE), (0, 1.0, stats(0))])
    tab = Growing(tmp_path)
    tab.reload()
    assert catalog(tab, "xai")["descriptions"]["kinds"] == []
    assert catalog(tab, "xai")["descriptions"]["kinds"] == []
    assert made == ["xai"]
    write(tmp_path / "xai", [(0, 2.0, r.Descriptions(kinds=(KIND,)))])
    tab.reload()
    assert catalog(tab, "xai")["descriptions"]["kinds"] == [asdict(KIND)]
    other = r.KindDescription("margins", "Other words")
    write(tmp_path / "xai", [(0, 3.0, r.Descriptions(kinds=(other,)))])
    tab.reload()
    assert catalog(tab, "xai")["descriptions"]["kinds"] == [asdict(other)]
    assert made == ["xai"] * 3


def test_the_series_of_a_statistic_of_the_users_own(tmp_path: Path) -> None:
    plain = stats(5)
    own = r.LayerStats(
        plain.signal, plain.source, plain.num_samples, plain.table, ("kurtosis", *plain.columns),
        np.insert(plain.values, 0, 105, axis=1),
    )  # fmt: skip
    write(tmp_path / "xai", [(0, 1.0, TABLE), (0, 1.0, stats(0)), (5, 2.0, own)])
    tab = Tab(tmp_path)
    for column, values in (("kurtosis", [np.nan, 105]), ("norm", [0, 5])):
        answer = tab.message(pb.SeriesAnswer, "series", run="xai", signal="activation", column=column)
        found = np.frombuffer(answer.mean, "<f4").reshape(len(answer.names), 2)
        np.testing.assert_array_equal(found[0], values)
    refused = tab.get("series", run="xai", signal="activation", column="skew")
    assert (refused.status_code, "kurtosis" in refused.text) == (404, True)
