# SPDX-License-Identifier: Apache-2.0
"""Licence, versions, citation, CI and editor settings say the same as the code."""

import configparser
import hashlib
import json
import re

import yaml
from documents import DOCUMENTS, ROOT

import tb_xai_callbacks

#: Of the text that apache.org gives out, appendix included.
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
SETUP = (ROOT / "setup.py").read_text(encoding="utf-8")
VERSION = re.search(r'version="([^"]+)"', SETUP).group(1)
PYTHONS = re.findall(r"Python :: (3\.\d+)", SETUP)


def _yaml(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def _workflow():
    return _yaml(".github/workflows/test.yml")


# ---- licence


def test_the_licence_is_the_whole_apache_licence():
    text = (ROOT / "LICENSE").read_bytes()
    assert b"Version 2.0, January 2004" in text
    assert b"END OF TERMS AND CONDITIONS" in text
    assert b"APPENDIX: How to apply the Apache License to your work." in text
    assert hashlib.sha256(text).hexdigest() == APACHE_2


def test_everything_names_the_same_licence():
    assert 'license_expression="Apache-2.0"' in SETUP
    assert _yaml("CITATION.cff")["license"] == "Apache-2.0"
    assert json.loads((ROOT / "frontend/package.json").read_text())["license"] == "Apache-2.0"
    assert "Apache-2.0, see [LICENSE](LICENSE)" in DOCUMENTS["README.md"]


# ---- versions


def test_versions_agree():
    assert tb_xai_callbacks.__version__ == VERSION
    assert _yaml("CITATION.cff")["version"] == VERSION
    for name in ("package.json", "package-lock.json"):
        assert json.loads((ROOT / "frontend" / name).read_text())["version"] == VERSION, name


def test_the_changelog_begins_with_what_is_not_released_and_dates_the_version():
    text = DOCUMENTS["CHANGELOG.md"]
    sections = re.findall(r"^## (.+)$", text, re.M)
    assert sections[0] == "Unreleased"
    assert sections[1] == f"{VERSION} - {_yaml('CITATION.cff')['date-released']}"
    kinds = set(re.findall(r"^### (.+)$", text, re.M))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_security_policy_covers_this_version():
    assert f"| {VERSION.rpartition('.')[0]}.x | yes |" in DOCUMENTS["SECURITY.md"]


# ---- what it needs


def test_the_pythons_are_those_of_setup():
    for path in ("README.md", "CONTRIBUTING.md"):
        assert f"Python {PYTHONS[0]}–{PYTHONS[-1]}" in DOCUMENTS[path]


def test_the_readme_says_what_the_tab_needs():
    needed = re.search(r"install_requires=\[(.*?)\]", SETUP, re.S).group(1)
    install = DOCUMENTS["README.md"].split("## Install")[1].split("## More")[0]
    for name, version in re.findall(r'"([a-z]+)>=([\d.]+)', needed):
        assert name in install
        assert name != "tensorboard" or f"tensorboard ≥ {version}" in install


# ---- citation


def test_the_citation_has_what_its_format_asks_for_and_invents_nobody():
    cited = _yaml("CITATION.cff")
    assert cited["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(cited)
    assert cited["authors"] == [{"name": "The tb-xai-plugin contributors"}]
    known = {"cff-version", "message", "title", "abstract", "type", "authors", "version", "date-released",
             "license", "keywords", "doi", "url", "repository-code"}  # fmt: skip
    assert set(cited) <= known
    assert cited["type"] in ("software", "dataset")


# ---- CI


def test_ci_runs_everything_on_the_oldest_and_the_newest_python():
    job = _workflow()["jobs"]["test"]
    assert job["strategy"]["matrix"]["python"] == [PYTHONS[0], PYTHONS[-1]] == ["3.10", "3.13"]
    steps = job["steps"]
    python = next(step for step in steps if step.get("uses", "").startswith("actions/setup-python@"))
    assert python["with"]["python-version"] == "${{ matrix.python }}"
    assert [step["run"] for step in steps if "run" in step][-1] == "make test"
    assert not any("if" in step or step.get("continue-on-error") for step in steps)


def test_ci_has_node_and_caches():
    steps = {step["uses"].partition("@")[0]: step["with"] for step in _workflow()["jobs"]["test"]["steps"]
             if "uses" in step}  # fmt: skip
    node, python = steps["actions/setup-node"], steps["actions/setup-python"]
    engine = json.loads((ROOT / "frontend/package.json").read_text())["engines"]["node"]
    assert node["node-version"] == re.search(r"\d+", engine).group(0)
    assert (node["cache"], python["cache"]) == ("npm", "pip")
    for settings in (node, python):
        for path in settings["cache-dependency-path"].split():
            assert (ROOT / path).is_file(), path


def test_ci_may_only_read_and_its_actions_are_pinned():
    workflow = _workflow()
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] is True
    triggers = workflow[True]  # YAML 1.1 reads `on` so
    assert {"push", "pull_request"} <= set(triggers)
    assert "pull_request_target" not in triggers
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        for step in job["steps"]:
            assert "uses" not in step or re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]), step


# ---- before a commit


def test_hooks_are_the_tools_of_the_environment():
    repos = _yaml(".pre-commit-config.yaml")["repos"]
    assert [repo["repo"] for repo in repos] == ["local"]
    entries = [hook["entry"].split()[0] for hook in repos[0]["hooks"]]
    assert {entry.removeprefix(".venv/bin/") for entry in entries} == {"ruff", "mypy", "lint-imports"}
    assert all(hook["language"] == "system" for hook in repos[0]["hooks"])


def test_the_editor_knows_the_line_length():
    settings = configparser.ConfigParser()
    settings.read_string("[top]\n" + (ROOT / ".editorconfig").read_text(encoding="utf-8"))
    ruff = re.search(r"^line-length = (\d+)", (ROOT / "pyproject.toml").read_text(), re.M).group(1)
    assert settings["*.py"]["max_line_length"] == ruff
