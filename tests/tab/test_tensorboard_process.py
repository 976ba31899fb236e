# SPDX-License-Identifier: Apache-2.0
"""Real TensorBoards: what users start, with the Python loader and with the Rust data server."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pytest
from plugin_logs import TABLE, attribution, fetch, run_records, stats, status, tensorboard, wait_for, write

from tb_xai_plugin.format import codec
from tb_xai_plugin.format import schema_pb2 as pb

pytestmark = pytest.mark.slow

LOADERS = pytest.mark.parametrize("load_fast", ["true", "false"], ids=["rust", "python"])
MAPS = "attribution/grad_cam/features.0"
NUM_SNAPSHOTS = 300


def steps_of(address: str, tag: str, last: int) -> list[int]:
    """The steps TensorBoard holds for a tag, once it has read up to step `last`."""
    runs = wait_for(f"{address}/data/plugin/xai/runs", lambda answer: bool(answer["runs"]))["runs"]
    query = urlencode({"run": runs[0]["run"]})

    def steps(answer: dict) -> list[int]:
        return next((each["steps"] for each in answer["tags"] if each["tag"] == tag), [])

    return steps(wait_for(f"{address}/data/plugin/xai/catalog?{query}", lambda answer: last in steps(answer)))


def frames(address: str, **query: object) -> pb.Frames:
    code, body = fetch(f"{address}/data/plugin/xai/records?{urlencode(query)}")
    assert code == 200, body
    return pb.Frames.FromString(body)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    log_dir = tmp_path_factory.mktemp("many")
    records = [(s, 1000.0 + s, record) for s in range(NUM_SNAPSHOTS) for record in (attribution(s), stats(s))]
    write(log_dir / "a" / "xai", [(0, 1000.0, TABLE), *records])
    return log_dir


@LOADERS
def test_300_snapshots_are_readable_without_flags(many: Path, load_fast: str) -> None:
    with tensorboard(many, "--load_fast", load_fast) as address:
        for tag in (MAPS, "stats/activation"):
            assert steps_of(address, tag, NUM_SNAPSHOTS - 1) == list(range(NUM_SNAPSHOTS))
        for begin in (0, 256):
            got = frames(address, run="a/xai", tag=MAPS, begin=begin, limit=256)
            assert got.kept == NUM_SNAPSHOTS
            for frame in got.frames:
                assert frame.record == codec.encode(attribution(frame.step))
        listing = wait_for(f"{address}/data/plugins_listing", lambda answer: True)
        assert listing["xai"]["enabled"] is True


@LOADERS
def test_the_users_flag_wins(many: Path, load_fast: str) -> None:
    with tensorboard(many, "--load_fast", load_fast, "--samples_per_plugin", "xai_media=20,xai=0") as address:
        assert len(steps_of(address, MAPS, NUM_SNAPSHOTS - 1)) == 20
        assert len(steps_of(address, "stats/activation", NUM_SNAPSHOTS - 1)) == NUM_SNAPSHOTS


@LOADERS
def test_restart_and_prefix(tmp_path: Path, load_fast: str) -> None:
    write(tmp_path / "xai", run_records([0, 10, 20, 30], start=1000.0))
    write(tmp_path / "xai", run_records([0, 10, 12], start=9000.0))
    with tensorboard(tmp_path, "--load_fast", load_fast, "--path_prefix", "/team") as address:
        assert address.endswith("/team")
        for tag in ("scalars", "stats/activation", "status"):
            assert steps_of(address, tag, 12) == [0, 10, 12]
        assert fetch(f"{address}/data/plugin/xai/index.js")[0] == 200


def test_inactive_without_data_and_errors_do_not_stop_it(tmp_path: Path) -> None:
    with tensorboard(tmp_path) as address:
        listing = wait_for(f"{address}/data/plugins_listing", lambda answer: True)
        assert listing["xai"]["enabled"] is False
        assert fetch(f"{address}/data/plugin/xai/catalog?run=x")[0] == 404
        assert fetch(f"{address}/data/plugin/xai/assets/..%2f..%2fplugin.py")[0] == 404
        assert fetch(f"{address}/data/plugin/xai/runs")[0] == 200


@LOADERS
def test_truncated_file(tmp_path: Path, load_fast: str) -> None:
    path = write(tmp_path / "xai", [(step, 1.0 + step, status(step)) for step in range(5)])
    path.write_bytes(path.read_bytes()[:-20])
    with tensorboard(tmp_path, "--load_fast", load_fast) as address:
        assert steps_of(address, "status", 3) == [0, 1, 2, 3]
