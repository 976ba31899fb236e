# SPDX-License-Identifier: Apache-2.0
"""Logs with a lot of everything, written with the real sink: many samples and steps, long texts, wide tables.

`many` holds 64 images × 200 steps × 3 methods of smooth maps that move, with trust records; `long_words` 300
tokens, `wide_table` 60 features. Run this file to write them: `python tests/browser/many_log.py FOLDER`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tb_xai_callbacks.probe.samples import images_png
from tb_xai_callbacks.run.sink import EventFileSink
from tb_xai_plugin.format import records as r

CLASSES = ("cat", "dog", "ship", "horse", "truck", "frog", "deer", "plane")
METHODS = (("grad_cam", "conv3"), ("layer_cam", "conv3"), ("integrated_gradients", ""))


def _orbit(samples: int, step: int, steps: int, phase: float, side: int) -> np.ndarray:
    """Where the focus of each sample is: it circles and comes to rest. [n 2] in cells."""
    settled = 1 - np.exp(-3 * step / steps)
    angle = np.arange(samples) * 2.4 + phase + 4 * settled
    radius = side * (0.12 + 0.25 * (1 - settled))
    return side / 2 + radius * np.stack([np.sin(angle), np.cos(angle)], axis=1)


def moving_maps(samples: int, step: int, steps: int, phase: float, side: int = 14) -> np.ndarray:
    """Smooth bells that move and tighten with training: float32 [n side side]."""
    rows, columns = np.mgrid[:side, :side]
    middle = _orbit(samples, step, steps, phase, side)
    y, x = middle[:, 0, None, None], middle[:, 1, None, None]
    width = side * (0.16 + 0.1 * np.exp(-4 * step / steps))
    bell = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * width**2))
    ripple = 0.05 * np.sin(rows * 0.9 + step * 0.01) * np.cos(columns * 0.7)
    return (0.4 + 0.6 * step / steps) * (bell + ripple).clip(0).astype(np.float32)


def _predicted(samples: int, step: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes and their probabilities: more and more right."""
    labels = np.arange(samples) % len(CLASSES)
    right = np.arange(samples) * 37 % samples < samples * (0.2 + 0.75 * step / steps)
    sure = 0.3 + 0.65 * step / steps * (0.6 + 0.4 * np.cos(np.arange(samples)))
    return np.where(right, labels, (labels + 1) % len(CLASSES)), sure.astype(np.float32)


def attribution(
    method: str, layer: str, samples: int, step: int, steps: int, side: int = 14
) -> r.Attribution:
    phase = 0.7 * [name for name, _ in METHODS].index(method)
    heat = moving_maps(samples, step, steps, phase, side)
    signed = method == "integrated_gradients"
    if signed:
        heat = heat - 0.6 * np.roll(heat, 4, axis=2)
    said, scores = _predicted(samples, step, steps)
    return r.Attribution(method, layer, heat, said, scores, said, scores, signed=signed, probe="many")


def _trust(samples: int, step: int) -> r.Trust:
    spread = np.linspace(0, 1, samples, dtype=np.float32)
    measures = {
        "deletion": 0.5 - 0.3 * spread,
        "insertion": 0.4 + 0.4 * spread,
        "stability": 0.45 + 0.5 * spread,
    }
    return r.Trust("grad_cam", "conv3", measures, {"gap": "only of methods that add up"}, "many")


def pictures(samples: int, side: int = 48) -> np.ndarray:
    """A bright shape on a gradient: float32 [n 1 side side]."""
    rows, columns = np.mgrid[:side, :side] / side
    n = np.arange(samples)[:, None, None]
    disc = (rows - 0.5) ** 2 + (columns - 0.5) ** 2 < (0.1 + 0.02 * (n % 8)) ** 2
    stripes = 0.15 * np.sin((rows * np.cos(n) + columns * np.sin(n)) * 25)
    return (0.35 + stripes + 0.4 * disc + 0.1 * rows)[:, None].clip(0, 1).astype(np.float32)


def many(
    samples: int = 64, snapshots: int = 200, methods: int = 3, every: int = 50
) -> Iterator[tuple[int, Any]]:
    """The records of the run, one snapshot after the other."""
    steps = max(1, (snapshots - 1) * every)
    images = pictures(samples)
    labels = np.arange(samples) % len(CLASSES)
    yield (
        0,
        r.Probe("many", "image", images.shape, images=images_png(images), labels=labels, class_names=CLASSES),
    )
    for step in range(0, snapshots * every, every):
        for method, layer in METHODS[:methods]:
            yield step, attribution(method, layer, samples, step, steps)
        if step % (10 * every) == 0:
            yield step, _trust(samples, step)
    yield steps, _status(steps, tuple(name for name, _ in METHODS[:methods]))


def _status(step: int, methods: tuple[str, ...]) -> r.RunStatus:
    signals = (r.Signal("explanations", "captured", "probe"),)
    return r.RunStatus("finished", "torch", "torch", step, signals=signals, methods=methods)


def long_words(tokens: int = 300) -> Iterator[tuple[int, Any]]:
    stock = (
        "the",
        "film",
        "was",
        "not",
        "good",
        "critics",
        "said",
        "but",
        "its",
        "music",
        "stays",
        "with",
        "you",
    )
    text = tuple(stock[(i * i + i) % len(stock)] for i in range(tokens - 2))
    rows = (
        ("[CLS]", *text, "[SEP]"),
        ("[CLS]", *text[: tokens // 3], "[SEP]", *["[PAD]"] * (tokens - tokens // 3 - 2)),
    )
    labels, classes = np.array([1, 0]), ("bad", "good")
    yield 0, r.Probe("long", "tokens", (2, tokens), tokens=rows, labels=labels, class_names=classes)
    yield from _vectors(2, tokens, "long", labels)


def wide_table(features: int = 60, samples: int = 12) -> Iterator[tuple[int, Any]]:
    values = np.random.default_rng(3).normal(size=(samples, features)).astype(np.float32)
    names = tuple(f"measurement {i + 1} of sensor {i % 7}" for i in range(features))
    labels = np.arange(samples) % 2
    yield 0, r.Probe("wide", "tabular", values.shape, values=values, feature_names=names, labels=labels,
                     class_names=("no", "yes"))  # fmt: skip
    yield from _vectors(samples, features, "wide", labels)


def _vectors(samples: int, size: int, probe: str, labels: np.ndarray) -> Iterator[tuple[int, Any]]:
    """Signed heat whose few strong places grow with training; one row is constant, one has NaN at times."""
    rng = np.random.default_rng(size)
    early, late = rng.normal(size=(2, samples, size)) * rng.random((2, samples, size)) ** 4
    for step in range(0, 2001, 50):
        share = step / 2000
        heat = ((1 - share) * 0.3 * early + share * late).astype(np.float32)
        if samples > 3:
            heat[2] = 0.05
            heat[3, ::7] = np.nan if step > 1000 else heat[3, ::7]
        scores = np.full(samples, 0.5 + 0.4 * share, np.float32)
        yield (
            step,
            r.Attribution(
                "integrated_gradients", "", heat, labels, scores, labels, scores, signed=True, probe=probe
            ),
        )
    yield 2000, _status(2000, ("integrated_gradients",))


def write(log_dir: Path, items: Iterator[tuple[int, Any]]) -> None:
    """Write records to `log_dir` through the recorder's own sink."""
    sink = EventFileSink(log_dir, print, patience_s=60)
    for step, item in items:
        sink.put(step, lambda item=item: [item])  # type: ignore[misc]
    sink.close()


def make(root: Path) -> Path:
    """Write all runs below `root`, `many` the newest; returns `root`."""
    for name, items in {"wide_table": wide_table, "long_words": long_words, "many": many}.items():
        write(root / name, items())
    return root


if __name__ == "__main__":
    print(make(Path(sys.argv[1])))
