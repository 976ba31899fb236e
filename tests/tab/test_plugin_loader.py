# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from tensorboard.plugins import base_plugin

from tb_xai_plugin import names
from tb_xai_plugin.loader import SAMPLING_HINTS, XaiLoader

HEAVY = ("numpy", "torch", "tensorflow", "keras", "jax", "lightning", "google.protobuf")
PROBE = "import sys; {}; print([name for name in {!r} if name in sys.modules])"


def imported(code: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", PROBE.format(code, HEAVY)], capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


def test_loader_is_light() -> None:
    assert imported("import tb_xai_plugin.loader") == "[]"
    # The check can fail:
    assert imported("import tb_xai_plugin.loader, numpy") == "['numpy']"


def test_answers_and_log_import_no_framework() -> None:
    assert imported("import tb_xai_plugin.tab.answers, tb_xai_plugin.log") == "['numpy', 'google.protobuf']"


def test_what_answers_comes_with_the_first_question() -> None:
    """TensorBoard pays at its start for the routes only."""
    code = """
import sys
from tensorboard.plugins import base_plugin
from tb_xai_plugin.loader import XaiLoader
plugin = XaiLoader().load(base_plugin.TBContext(logdir="x"))
plugin.get_plugin_apps(), plugin.frontend_metadata()
ours = [name for name in sys.modules if name.startswith("tb_xai_plugin.")]
print(sorted(name.removeprefix("tb_xai_plugin.") for name in ours))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    listed = ["format", "format.errors", "loader", "names"]
    assert ran.stdout.strip() == str([*listed, "tab", "tab.http", "tab.plugin", "tab.static_files"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, SAMPLING_HINTS),
        (None, SAMPLING_HINTS),
        ("", SAMPLING_HINTS),
        ({"images": 3}, {"images": 3, **SAMPLING_HINTS}),
        ({"xai_media": 7}, {**SAMPLING_HINTS, "xai_media": 7}),
        ({"xai": 0, "xai_media": 0}, {"xai": 0, "xai_media": 0}),
        ("images=3", "images=3"),
    ],
)
def test_hints_yield_to_the_user(given: Any, expected: Any) -> None:
    flags = SimpleNamespace(samples_per_plugin=given)
    XaiLoader().fix_flags(flags)
    assert flags.samples_per_plugin == expected


def test_flags_without_hints() -> None:
    flags = SimpleNamespace()
    XaiLoader().fix_flags(flags)
    assert flags.samples_per_plugin == SAMPLING_HINTS
    assert set(SAMPLING_HINTS) == {names.SMALL, names.MEDIA}


def test_loads_the_plugin() -> None:
    plugin = XaiLoader().load(base_plugin.TBContext(logdir="x"))
    assert plugin.plugin_name == "xai"
    assert plugin.is_active() is False
    assert set(plugin.data_plugin_names()) == {"xai", "xai_media"}


def test_a_broken_plugin_is_logged_and_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "tb_xai_plugin.tab.plugin", None)
    assert XaiLoader().load(base_plugin.TBContext()) is None
    assert "the Explain tab is off" in caplog.text


def test_package_is_lazy() -> None:
    import tb_xai_plugin

    assert "open_log" in dir(tb_xai_plugin)
    assert callable(tb_xai_plugin.open_log)
    with pytest.raises(AttributeError, match="nope"):
        _ = tb_xai_plugin.nope
