# SPDX-License-Identifier: Apache-2.0
"""What the documents name is there, and what is there is named."""

import json
import re
import subprocess
import sys
from dataclasses import fields

import pytest
from documents import DOCUMENTS, README, ROOT, blocks, headings, names, rows

from tb_xai_callbacks.attribution import METHODS
from tb_xai_callbacks.cli import parser
from tb_xai_callbacks.options import Options
from tb_xai_plugin.records import GRADIENT_COLUMNS, LAYER_COLUMNS, WEIGHT_COLUMNS
from tb_xai_plugin.rules import RULES

#: Options that every host takes by itself.
OF_HOSTS = {"probe"}


# ---- the README is short, and in order


def test_the_readme_can_be_read_in_one_sitting():
    assert len(README.split()) < 1200


def test_the_readme_goes_from_what_it_shows_to_pointers():
    wanted = ["Try it", "One line", "What you see", "What is promised", "Install", "More", "Licence"]
    assert headings(README, 2) == wanted
    assert headings(README, 1) == ["tb-xai-plugin"]


def test_the_readme_shows_a_picture_before_it_asks_for_anything():
    assert re.search(r"!\[[^\]]+\]\(frontend/screenshots/", README[: README.index("## Try it")])


def test_every_document_is_reachable_from_the_readme():
    targets = set(re.findall(r"\]\(([^)#]+)", README))
    for path in DOCUMENTS:
        if path not in ("README.md", "benchmarks/README.md"):
            assert path in targets, f"README does not lead to {path}"


# ---- options, methods, statistics, rules, commands, tags


def test_every_option_is_in_the_table_and_every_row_is_an_option():
    documented = {names(name)[0] for name, *_ in rows(DOCUMENTS["docs/options.md"], "option")}
    assert documented == {field.name for field in fields(Options)} | OF_HOSTS


def test_every_option_is_in_the_table_with_its_default():
    table = {names(name)[0]: default for name, default, _ in rows(DOCUMENTS["docs/options.md"], "option")}
    for field in fields(Options):
        default = table[field.name].strip("`").replace('"', "'")
        if field.name not in ("class_names", "signals"):
            assert default == repr(field.default), field.name


def _method_names():
    """The names that `methods=` takes."""
    return {method.name for method in METHODS}


def test_every_method_is_in_the_table_which_is_in_one_piece():
    text = DOCUMENTS["docs/methods.md"]
    table = text[text.index("<!-- methods:begin -->") : text.index("<!-- methods:end -->")]
    lines = table.strip().splitlines()[1:]
    assert lines, "the table is empty"
    assert all(line.startswith("|") for line in lines), "a line between the markers is no row of the table"
    first = [line.split("|")[1] for line in lines[2:]]
    assert {name for cell in first for name in names(cell)} == _method_names()


def test_every_statistic_is_in_the_table_with_what_it_is_of():
    table = rows(DOCUMENTS["docs/statistics.md"], "column")
    of = {name: kind for cell, kind, _ in table for name in names(cell)}
    assert set(of) == {*LAYER_COLUMNS, *WEIGHT_COLUMNS}
    for name, kind in of.items():
        assert (kind == "all" or "activations" in kind) == (name in LAYER_COLUMNS), name
        assert (kind == "all" or "gradients" in kind) == (name in GRADIENT_COLUMNS), name
        assert (kind == "all" or "weights" in kind) == (name in WEIGHT_COLUMNS), name


def test_every_rule_is_in_the_table():
    text = DOCUMENTS["docs/diagnosis.md"]
    documented = [name for _, cell in rows(text, "family") for name in names(cell)]
    assert sorted(documented) == sorted(rule.name for rule in RULES)
    assert f"{len(RULES)} rules" in text


def test_every_command_has_a_section_with_its_options():
    text = DOCUMENTS["docs/commands.md"]
    commands = parser()._subparsers._group_actions[0].choices
    assert headings(text, 2) == [f"tb-xai {name}" for name in ("demo", "diagnose", "doctor")]
    assert set(commands) == {"demo", "diagnose", "doctor"}
    for name, command in commands.items():
        usage = next(code for code in blocks(text, "sh") if code.startswith(f"tb-xai {name}"))
        for action in command._actions:
            shown = action.option_strings or [action.dest.upper()]
            assert action.dest == "help" or any(one in usage for one in shown), f"{name}: {shown}"


def test_every_tag_of_the_routes_is_in_the_log_format():
    (api,) = ROOT.glob("tb_xai_plugin/**/http_api.md")
    kinds = re.search(r"^Kinds: (.*?)\n\n", api.read_text(encoding="utf-8"), re.M | re.S).group(1)
    tags = {tag for group in re.findall(r"\((?:tag )?(`[^)]+`)\)", kinds) for tag in names(group)}
    assert len(tags) > 10, "the list of kinds has another form now"
    assert {tag for cell, _ in rows(DOCUMENTS["docs/log_format.md"], "tag") for tag in names(cell)} >= tags


# ---- figures, paths, targets, the map


def _figure(section, name):
    """A figure as `make bench` wrote it, in its unit."""
    sections = json.loads((ROOT / "benchmarks/figures.json").read_text(encoding="utf-8"))["sections"]
    (found,) = [one for one in sections if one["title"].startswith(section)]
    return next(one["value"] for one in found["figures"] if one["name"] == name)


@pytest.mark.parametrize(
    ("section", "name", "shown"),
    [
        ("Bytes of a Grad-CAM snapshot", "7 × 7", "{:,} bytes"),
        ("Bytes of a Grad-CAM snapshot", "56 × 56", "{:,} bytes"),
        ("Bytes of a Grad-CAM snapshot", "200 snapshots of the default layer", "{:,} bytes"),
        ("TensorBoard's start", "added to the start", "{:.1f} ms"),
        ("TensorBoard's start", "added to the tab's first question", "{:.0f} ms"),
        ("A training step", "ResNet-18: this recorder, everything, every step", "| {:.3f} |"),
        ("A training step", "ResNet-18: this recorder, default settings, a run of 150 steps", "| {:.3f} |"),
        ("A Keras fit", "this recorder, default settings", "{:.2f} times"),
        ("Class activation maps", "Grad-CAM, 4 layers: this recorder", "{:.2f} of one full"),
        ("Class activation maps", "Grad-CAM, 4 layers: Captum", "Captum {:.2f}"),
    ],
)
def test_a_figure_is_the_one_that_was_measured(section, name, shown):
    assert shown.format(_figure(section, name)) in DOCUMENTS["docs/cost.md"]


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for path, text in DOCUMENTS.items():
        for name in re.findall(r"(?:`|^)make ([a-z-]+)", text, re.M):
            assert name in targets, f"{path} names make {name}"


def test_no_document_names_a_machine():
    for path, text in DOCUMENTS.items():
        assert not re.search(r"(?<![\w.])/(?:tmp|work|root|home|Users)/", text), path


def _map():
    """The folders of the map in ARCHITECTURE.md → the names listed below each."""
    text = DOCUMENTS["ARCHITECTURE.md"]
    block = blocks(text[text.index("## The map") :], "")[0]
    found, within = {}, ""
    for line in block.splitlines():
        if match := re.match(r"(\S+/)(?: |$)", line):
            within = match.group(1)
            found[within] = []
        elif match := re.match(r"  (\S+(?: \S+)*?)(?:  |$)", line):
            found[within] += match.group(1).split()
    return found


def test_the_map_is_read():
    assert "measure/" in _map()["callbacks/tb_xai_callbacks/"]
    assert "wire/" in _map()["frontend/src/"]


def test_the_map_is_the_tree():
    for place, listed in _map().items():
        for name in listed:
            assert (ROOT / place / name).exists(), f"the map has {place}{name}, which is not there"
        folders = [path.name for path in (ROOT / place).iterdir() if path.is_dir()]
        there = {f"{name}/" for name in folders if name[0] not in "._"}
        assert not listed or there <= set(listed), f"{place}: the map lacks {sorted(there - set(listed))}"


# ---- the command line


def test_help_is_shown():
    result = subprocess.run(
        [sys.executable, "-m", "tb_xai_callbacks.cli", "demo", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'callbacks'}", "PATH": "/usr/bin:/bin"},
    )
    assert "--no-serve" in result.stdout
