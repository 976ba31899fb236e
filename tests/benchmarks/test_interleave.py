"""The harness: contestants in turn, ratios within a round, bars, tables that leave nothing out."""

import json

import pytest

from benchmarks import run
from benchmarks.interleave import Figure, Section, failed_bars, interleaved, missing, ratio


def test_contestants_take_turns_and_warm_up_does_not_count():
    order = []
    times = interleaved({name: lambda name=name: order.append(name) for name in "ab"}, rounds=3, warm_up=2)
    assert "".join(order) == "ab" * 5
    assert [len(times.wall[name]) for name in "ab"] == [3, 3]
    assert [len(times.cpu[name]) for name in "ab"] == [3, 3]


def test_a_ratio_is_that_of_the_same_round():
    times = {"ours": [2.0, 20.0, 4.0], "bare": [1.0, 10.0, 1.0]}
    assert ratio(times, "ours", "bare") == (2.0, 2.0, 3.0)


def test_a_bar_that_does_not_hold_is_told_in_the_table_and_in_a_sentence():
    good, bad = Figure("a", 1.1, bar=1.15), Figure("b", 1.2, low=1.1, high=1.3, bar=1.15, note="why")
    section = Section("Steps", "How.", [good, bad, missing("c", "not installed: no c")])
    assert (good.met, bad.met, section.figures[2].met) == (True, False, None)
    assert failed_bars([section]) == ["Steps: b is 1.200 ×, the bar is 1.150"]
    text = section.markdown()
    assert "| b | 1.200 × | 1.100 – 1.300 | ≤ 1.150 **missed** | why |" in text
    assert "| c | – |  |  | not installed: no c |" in text


@pytest.mark.slow
def test_the_command_prints_and_writes_what_it_measured(tmp_path, capsys):
    figures, tables = tmp_path / "figures.json", tmp_path / "tables.md"
    arguments = ["--quick", "--only", "snapshot_bytes", "--only", "start"]
    assert run.main([*arguments, "--json", str(figures), "--markdown", str(tables)]) == 0
    content = json.loads(figures.read_text(encoding="utf-8"))
    titles = [section["title"] for section in content["sections"]]
    assert len(titles) == 2
    assert all(title in tables.read_text(encoding="utf-8") for title in titles)
    printed = capsys.readouterr().out
    assert all(title in printed for title in titles)
    again = ["--quick", "--only", "start", "--json", str(figures), "--markdown", str(tables)]
    assert run.main(again) == 0  # the rest stays
    kept = json.loads(figures.read_text(encoding="utf-8"))["sections"]
    assert [section["title"] for section in kept] == titles
    assert kept[0] == content["sections"][0]
    assert kept[1] != content["sections"][1]
    assert all(title in tables.read_text(encoding="utf-8") for title in titles)
    of_bytes = {f["name"]: f for f in content["sections"][0]["figures"]}
    assert of_bytes["the default layer, 7 × 7, against overlays"]["value"] <= 1 / 400  # bytes do not vary
    assert of_bytes["four layers, 56 × 56 to 7 × 7, against overlays"]["value"] <= 1 / 40
    assert of_bytes["200 snapshots of the default layer"]["value"] <= 1_000_000
