# SPDX-License-Identifier: Apache-2.0
"""Reading the same through TensorBoard's own dashboards: a film of maps, and histograms of all layers.

Both are in one log directory behind one TensorBoard that keeps every step (its image dashboard keeps 10
pictures of a tag unless told otherwise). What is timed is every request that shows all of it once, one after
the other over one connection, as ratios of one round.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from benchmarks.interleave import Figure, Section, interleaved, quartiles, ratio
from benchmarks.snapshot_bytes import overlay, photographs
from tb_xai_callbacks.measure.statistics import histogram
from tb_xai_callbacks.probe.samples import images_png
from tb_xai_callbacks.run.sink import EventFileSink
from tb_xai_plugin.format import records as r

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))
LOG, OURS, THEIRS = "ours", "ours/xai", "theirs"
Read = Callable[[], int]


def _focus(step: int, samples: int, side: int = 7) -> np.ndarray:
    """Bells that wander with the steps: float32 [n side side]."""
    rows, columns = np.mgrid[:side, :side]
    angle = np.arange(samples)[:, None, None] * 2.4 + step / 40
    distance = (rows - 3 - 2 * np.sin(angle)) ** 2 + (columns - 3 - 2 * np.cos(angle)) ** 2
    return np.exp(-distance / 6).astype(np.float32)


def write_film(folder: Path, steps: int, samples: int) -> None:
    """Grad-CAM of 7 × 7 over pictures of 224 × 224: as maps, and as one overlay per picture and step."""
    pictures = photographs()[:samples]
    chosen, scores = np.zeros(samples, np.int64), np.ones(samples, np.float32)
    sink = EventFileSink(folder / LOG, print, patience_s=600)
    probe = r.Probe("film", "image", pictures.shape, images=images_png(pictures))
    sink.put(0, lambda: [probe])
    with SummaryWriter(str(folder / THEIRS)) as writer:
        for step in range(steps):
            heat = _focus(step, samples)
            record = r.Attribution("grad_cam", "layer4", heat, chosen, scores, chosen, scores, probe="film")
            sink.put(step, lambda record=record: [record])
            for number, (picture, map_) in enumerate(zip(pictures, heat, strict=True)):
                writer.add_image(f"grad_cam/{number}", overlay(picture, map_), step, dataformats="HWC")
    sink.close()


def write_histograms(folder: Path, steps: int, layers: int) -> None:
    """Activations of `layers` layers: by binary exponent, and in TensorBoard's own bins."""
    rng = np.random.default_rng(0)
    rows = tuple(r.Layer(f"layer{i}", "Linear", (64,), 64) for i in range(layers))
    table = r.LayerTable("dashboards", rows, ())
    sink = EventFileSink(folder / LOG, print, patience_s=600)
    sink.put(0, lambda: [table])
    with SummaryWriter(str(folder / THEIRS)) as writer:
        for step in range(steps):
            values = rng.normal(size=(layers, 4096)).astype(np.float32) * np.exp(-step / steps)
            counts = np.stack([histogram(row) for row in values])
            record = r.Histograms("activation", r.TRAINING_BATCH, 64, table.id, counts)
            sink.put(step, lambda record=record: [record])
            for number, row in enumerate(values):
                writer.add_histogram(f"activation/layer{number}", torch.from_numpy(row), step)
    sink.close()


class Requests:
    """GETs below the data routes of one server, over one connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.connection = HTTPConnection(str(parts.hostname), parts.port, timeout=120)

    def get(self, route: str) -> bytes:
        """The body as it travels."""
        self.connection.request("GET", f"/data/plugin/{route}", headers={"Accept-Encoding": "gzip"})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{route}: {answer.status} {body[:200]!r}")
        return body

    def film(self) -> int:
        """Bytes of every map of the film; the tab draws them over the pictures itself."""
        tag = quote("attribution/grad_cam/layer4", safe="")
        probe = self.get(f"xai/records?run={OURS}&tag=probe&newest=1&limit=1")
        return len(probe) + len(self.get(f"xai/records?run={OURS}&tag={tag}&limit=256"))

    def images(self, samples: int) -> int:
        """Bytes of the lists of pictures, and of every picture."""
        total = 0
        for number in range(samples):
            listed = self.get(f"images/images?run={THEIRS}&tag=grad_cam%2F{number}&sample=0")
            total += len(listed)
            for one in json.loads(_plain(listed)):
                total += len(self.get(f"images/individualImage?{one['query']}"))
        return total

    def histograms(self, layers: int) -> int:
        """Bytes of one answer per layer."""
        route = f"xai/histograms?run={OURS}&signal=activation&width=60&name=layer"
        return sum(len(self.get(f"{route}{number}")) for number in range(layers))

    def their_histograms(self, layers: int) -> int:
        """Bytes of one answer per layer."""
        route = f"histograms/histograms?run={THEIRS}&tag=activation%2Flayer"
        return sum(len(self.get(f"{route}{number}")) for number in range(layers))


def _plain(body: bytes) -> bytes:
    import gzip

    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


@contextmanager
def served(folder: Path, steps: int) -> Iterator[Requests]:
    """A TensorBoard that keeps `steps` of every tag."""
    from server import tensorboard

    with tensorboard(folder, "--samples_per_plugin", f"images={steps},histograms={steps}", runs=1) as url:
        yield Requests(url)


def _figures(what: str, ours: Read, theirs: Read, dashboard: str, rounds: int) -> list[Figure]:
    sizes = {OURS: ours(), THEIRS: theirs()}
    times = interleaved({OURS: ours, THEIRS: theirs}, rounds, warm_up=0).wall  # both were read once above
    seconds = {name: quartiles(times[name])[0] for name in times}
    middle, low, high = ratio(times, THEIRS, OURS)
    return [
        Figure(f"{what}: this tab", seconds[OURS] * 1e3, "ms", note=f"{sizes[OURS] / 1e3:,.0f} KB"),
        Figure(
            f"{what}: {dashboard}, as a multiple",
            middle,
            "×",
            low,
            high,
            note=f"{seconds[THEIRS] * 1e3:,.0f} ms, {sizes[THEIRS] / 1e3:,.0f} KB",
        ),
    ]


def run(quick: bool = False) -> list[Section]:
    """A film of 16 pictures × 50 steps, and 50 layers × 500 steps."""
    steps, samples, layers, rounds = (10, 2, 4, 1) if quick else (50, 16, 50, 3)
    moments = steps if quick else 500
    section = Section("Reading the same through TensorBoard's own dashboards", "On a warm server, with gzip.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_film(folder / "film", steps, samples)
        write_histograms(folder / "histograms", moments, layers)
        with served(folder / "film", steps) as server:
            what = f"Grad-CAM of {samples} pictures × {steps} steps"
            theirs: Read = lambda: server.images(samples)  # noqa: E731
            section.figures += _figures(what, server.film, theirs, "Images", rounds)
        with served(folder / "histograms", moments) as server:
            what = f"histograms of {layers} layers × {moments} steps"
            ours: Read = lambda: server.histograms(layers)  # noqa: E731
            theirs = lambda: server.their_histograms(layers)  # noqa: E731
            section.figures += _figures(what, ours, theirs, "Histograms", rounds)
    return [section]
