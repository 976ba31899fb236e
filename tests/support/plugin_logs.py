# SPDX-License-Identifier: Apache-2.0
"""Real log directories and real TensorBoards for the tests of the reading side."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from tensorboard import auth, context
from tensorboard.backend import application
from tensorboard.backend.event_processing.data_ingester import LocalDataIngester
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins import base_plugin
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from werkzeug.test import Client

from tb_xai_plugin.format import records as r
from tb_xai_plugin.format.summary import record_summary
from tb_xai_plugin.loader import SAMPLING_HINTS
from tb_xai_plugin.reading.provider import ProviderSource
from tb_xai_plugin.reading.reader import Reader
from tb_xai_plugin.tab.plugin import XaiPlugin

TABLE = r.LayerTable(
    "t1",
    (
        r.Layer("features.0", "Conv2d", (3, 4, 4), units=3, spatial=True),
        r.Layer("features.1", "ReLU", (3, 4, 4), units=3, activation="relu", spatial=True),
        r.Layer("head", "Linear", (2,), units=2, is_output=True),
    ),
    (r.Parameter("features.0.weight", "features.0", (3, 1, 3, 3)),),
)
ROWS = len(TABLE.layers)
NAN = float("nan")


def write(directory: Path, timed: Iterable[tuple[int, float, Any]]) -> Path:
    """Write (step, wall time, record or Summary) with TensorBoard's own writer; returns the event file."""
    before = set(directory.glob("*")) if directory.exists() else set()
    writer = EventFileWriter(str(directory), filename_suffix=f".{len(before)}")
    for step, wall_time, record in timed:
        summary = record if isinstance(record, summary_pb2.Summary) else record_summary(record)
        writer.add_event(event_pb2.Event(step=step, wall_time=wall_time, summary=summary))
    writer.close()
    (path,) = set(directory.glob("*")) - before
    return path


def stats(step: int, signal: str = "activation", table: r.LayerTable = TABLE) -> r.LayerStats:
    values = np.full((len(table.layers), len(r.LAYER_COLUMNS)), step, dtype=np.float32)
    values[-1, r.LAYER_COLUMNS.index("dead_fraction")] = np.nan
    return r.LayerStats(signal, r.TRAINING_BATCH, 32, table.id, r.LAYER_COLUMNS, values)


def histograms(step: int, table: r.LayerTable = TABLE) -> r.Histograms:
    counts = np.zeros((len(table.layers), 2 * r.EXPONENTS + 2), dtype=np.uint64)
    counts[:, r.EXPONENTS] = step
    counts[:, -1] = 1
    return r.Histograms("activation", r.PROBE, 16, table.id, counts)


def attribution(step: int, layer: str = "features.0") -> r.Attribution:
    heat = np.full((2, 4, 4), step, dtype=np.float32)
    ones = np.ones(2, np.int64)
    scores = np.full(2, 0.5, np.float32)
    return r.Attribution("grad_cam", layer, heat, ones, scores, ones, scores)


def attention() -> r.Attention:
    weights = np.full((2, 2, 4, 4), 0.25, dtype=np.float32)
    return r.Attention("attn", weights, 4, 4, np.full(2, np.log(4), np.float32))


def status(step: int) -> r.RunStatus:
    cost = r.Cost("layer_stats", 2.0, 10, skipped=3)
    return r.RunStatus(
        "running", "torch", "torch", step, costs=(cost,), training_seconds=100.0, dropped_records=1,
        target_layers=("features.0",),
    )  # fmt: skip


def run_records(steps: Iterable[int], start: float = 1000.0) -> Iterator[tuple[int, float, Any]]:
    """One of every kind of record a step, one second apart."""
    for index, step in enumerate(steps):
        at = start + index
        if index == 0:
            yield step, at, TABLE
            image = r.Probe("h", "image", (2, 1, 4, 4), images=(b"\x89PNG\0\0", b"png"))
            yield step, at, image
        yield step, at, r.Scalars({"loss": 1.0 / (step + 1)})
        yield step, at, stats(step)
        yield step, at, histograms(step)
        live = np.array([32, 16, 0, 32, 16, 0, 32, 0], np.uint32)
        yield step, at, r.UnitCounts(r.TRAINING_BATCH, 32, TABLE.id, live)
        yield step, at, r.HeadStats({"attn": (4, np.full(2, np.log(4) / 2, np.float32))})
        yield step, at, attribution(step)
        yield step, at, attention()
        yield step, at, r.Findings((r.Finding("dead_units", "error", "head", 0, step, 1, 0.9, "m", "a"),))
        yield step, at, status(step)


def python_provider(log_dir: Path, hints: dict[str, int] | None = None) -> Any:
    flags = SimpleNamespace(
        logdir=str(log_dir), logdir_spec="", samples_per_plugin=SAMPLING_HINTS if hints is None else hints,
        purge_orphaned_data=True, max_reload_threads=1, reload_multifile=False,
        reload_multifile_inactive_secs=0, detect_file_replacement=False, reload_interval=0,
        reload_task="blocking",
    )  # fmt: skip
    ingester = LocalDataIngester(flags)
    ingester.start()
    return ingester.data_provider


def reader(log_dir: Path, provider: Any = None) -> Reader:
    provider = provider or python_provider(log_dir)
    return Reader(ProviderSource(provider, context.RequestContext(auth=auth.AuthContext({}, {})), ""))


class Tab:
    """The plugin inside TensorBoard's real WSGI application, without a process."""

    def __init__(self, log_dir: Path, path_prefix: str = "") -> None:
        provider = python_provider(log_dir)
        self.plugin = XaiPlugin(base_plugin.TBContext(data_provider=provider, logdir=str(log_dir)))
        app = application.TensorBoardWSGI([self.plugin], path_prefix, provider)
        self.client = Client(app)
        self.base = f"{path_prefix}/data/plugin/xai/"

    def get(self, route: str, **query: Any) -> Any:
        return self.client.get(self.base + route, query_string=query)

    def message(self, kind: Any, route: str, **query: Any) -> Any:
        response = self.get(route, **query)
        assert response.status_code == 200, response.get_data(as_text=True)
        assert response.content_type == "application/octet-stream"
        return kind.FromString(response.data)


@contextlib.contextmanager
def tensorboard(log_dir: Path, *flags: str) -> Iterator[str]:
    """A real TensorBoard; yields its address without a trailing slash."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(log_dir), "--port", "0", *flags]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"at (http://\S+?)/? ", line):
                break
        else:
            raise AssertionError("".join(said))
        # Its pipe must not fill up, or it would wait for us.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield found[1]
    finally:
        process.terminate()
        process.wait(timeout=30)


def fetch(address: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(address, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def wait_for(address: str, ready: Any, seconds: float = 60) -> Any:
    """The JSON at an address as soon as `ready(json)`."""
    until = time.monotonic() + seconds
    while True:
        code, body = fetch(address)
        answer = json.loads(body) if code == 200 else None
        if answer is not None and ready(answer):
            return answer
        assert time.monotonic() < until, (code, body[:2000])
        time.sleep(0.3)
