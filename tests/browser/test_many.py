"""64 samples are drawn as far as they are on screen, and scrubbing asks the server for nothing."""

import json
import os
import subprocess
from pathlib import Path

import many_log
import pytest
from chromium import find
from server import tensorboard

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

FRONTEND = Path(__file__).parents[2] / "frontend"


def test_many_films_are_virtual_and_scrub_without_requests(tmp_path):
    for name in ("again", "many"):
        many_log.write(tmp_path / name, many_log.many(snapshots=40, methods=2))
    with tensorboard(tmp_path, runs=2) as url:
        environment = {
            **os.environ, "CHROMIUM": find() or "", "TAB_URL": url, "ONLY": "scr", "SETTLE_MS": "1500",
        }  # fmt: skip
        done = subprocess.run(
            ["node", "browser/frames.mjs"], cwd=FRONTEND, env=environment, check=True, capture_output=True
        )
    for one in json.loads(done.stdout.splitlines()[-1]):
        assert one["problems"] == [], one["name"]
        assert one["frames"] > 20, f"{one['name']}: the trace was not understood"
        assert one["requests_for_data"] == 0, one["name"]
        assert one["rows"] == 64, f"{one['name']}: every sample keeps its place"
        assert 5 < one["canvases"] < 120, f"{one['name']}: {one['canvases']} canvases for 64 samples"
