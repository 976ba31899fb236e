# SPDX-License-Identifier: Apache-2.0
"""Made-up runs for Compare and Explanations, written with the real sink: methods, trust, other inputs.

`narrow` and `wide` share a probe of images and a Grad-CAM tag but log at different steps; their focus jumps
at step 600 and settles. `wide` also holds a signed method, a constant map, a NaN map and trust records.
`other` has another probe. `words` and `table` explain tokens and features. `bare` explains nothing. Run this
file to write them to a folder: `python tests/browser/methods_log.py FOLDER`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tb_xai_callbacks.attribution import METHODS, describe
from tb_xai_callbacks.measure.regions import masks_of
from tb_xai_callbacks.probe.samples import images_png, mask_png
from tb_xai_callbacks.run.sink import EventFileSink
from tb_xai_plugin.format import records as r

SAMPLES = 6
SIDE = 32
CLASSES = ("cat", "dog", "ship")
LABELS = np.arange(SAMPLES) % 3
JUMP = 600


def pictures(seed: int) -> np.ndarray:
    """A bright shape on noise, one a sample: float32 [n 1 h w]."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    images = 0.15 * rng.random((SAMPLES, 1, SIDE, SIDE))
    for n, (y, x) in enumerate(centres(seed)):
        ball = (rows - y) ** 2 + (columns - x) ** 2 < 50
        box = (abs(rows - y) < 6) & (abs(columns - x) < 9)
        images[n, 0] += 0.7 * (ball, box, ball & ~box)[LABELS[n]]
    return images.clip(0, 1).astype(np.float32)


def centres(seed: int) -> np.ndarray:
    """Where the shape of each sample is: [n 2]."""
    return np.random.default_rng(seed + 1).uniform(9, SIDE - 9, (SAMPLES, 2))


def bells(middle: np.ndarray, width: float, side: int = 8) -> np.ndarray:
    """Bells around `middle` [n 2], in pixels, on a grid of `side`: [n side side]."""
    rows, columns = np.mgrid[:side, :side] * (SIDE / side) + SIDE / side / 2
    y, x = middle[:, 0, None, None], middle[:, 1, None, None]
    return np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * width**2))


def cam(seed: int, step: int, width: float, strength: float) -> np.ndarray:
    """Corner first, the shape from step `JUMP` on; ripples so that no two maps are equal."""
    middle = centres(seed) if step >= JUMP else np.tile([[5.0, 5.0]], (SAMPLES, 1))
    ripple = np.random.default_rng(step).normal(0, 0.3, middle.shape)
    return (strength * bells(middle + ripple, width)).astype(np.float32)


def record(method: str, layer: str, heat: np.ndarray, step: int, probe: str, **more: Any) -> r.Attribution:
    n = len(heat)
    sure = np.linspace(0.35, 0.95, n) * min(1, 0.4 + step / 2000)
    said = np.where((np.arange(n) == 4) | (step < 300), (LABELS[:n] + 1) % 3, LABELS[:n])
    scores = sure.astype(np.float32)
    return r.Attribution(method, layer, heat, said, scores, said, scores, probe=probe, **more)


def signed(seed: int, step: int) -> np.ndarray:
    """Evidence for at the shape and against beside it."""
    middle = centres(seed)
    heat = bells(middle, 3, 16) - 0.7 * bells(middle + 8, 4, 16)
    return (0.02 * heat * (0.3 + step / 2000)).astype(np.float32)


def faults(step: int) -> np.ndarray:
    """Gradients where sample 2 is constant and sample 3 has NaN."""
    heat = np.random.default_rng(step + 7).random((SAMPLES, 16, 16)).astype(np.float32)
    heat[1] = 0.25
    heat[2, 4:8] = np.nan
    return heat


def trust(method: str, layer: str, step: int, probe: str) -> r.Trust:
    spread = np.linspace(0, 1, SAMPLES)
    measures = {
        "deletion": 0.6 - 0.4 * spread,
        "insertion": 0.3 + 0.5 * spread,
        "stability": np.where(np.arange(SAMPLES) == 1, 0.2, 0.75 + 0.2 * spread),
    }
    missing = {"gap": "only of methods whose attributions add up to the score"}
    if step >= 1000:
        measures["randomisation"] = 0.1 + 0.1 * spread
    else:
        missing["randomisation"] = "measured from step 1000 on"
    values = {name: value.astype(np.float32) for name, value in measures.items()}
    return r.Trust(method, layer, values, missing, probe)


def status(step: int, methods: tuple[str, ...]) -> r.RunStatus:
    signals = (
        r.Signal("explanations", "captured", "probe"),
        r.Signal("explanations/attention_rollout", "off", "the model has no attention layer",
                 "Explain a transformer, or leave attention_rollout out of methods."),
        r.Signal("attention", "off", "the model has no attention layer"),
    )  # fmt: skip
    return r.RunStatus("finished", "torch", "torch", step, signals=signals, methods=methods)


def write(log_dir: Path, items: list[tuple[int, Any]]) -> None:
    sink = EventFileSink(log_dir, print)
    described = r.Descriptions(methods=describe(METHODS))
    for step, item in [(0, described), *items]:
        sink.put(step, lambda item=item: [item])  # type: ignore[misc]
    sink.close()


def images_probe(name: str, seed: int) -> r.Probe:
    images = pictures(seed)
    return r.Probe(name, "image", images.shape, images=images_png(images), labels=LABELS, class_names=CLASSES)


def narrow() -> list[tuple[int, Any]]:
    items: list[tuple[int, Any]] = [(0, images_probe("shapes", 1))]
    items += [(s, record("grad_cam", "conv3", cam(1, s, 3, 1.0), s, "shapes")) for s in range(0, 2001, 100)]
    return [*items, (2000, status(2000, ("grad_cam",)))]


def wide() -> list[tuple[int, Any]]:
    boxes = [[(x - 9, y - 8, x + 9, y + 8)] if n else None for n, (y, x) in enumerate(centres(1).round())]
    regions = tuple(mask_png(mask) for mask in masks_of(boxes, SAMPLES, (SIDE, SIDE)))
    items: list[tuple[int, Any]] = [(0, replace(images_probe("shapes", 1), region_png=regions))]
    for step in range(0, 2001, 250):
        items += [
            (step, record("grad_cam", "conv3", cam(1, step, 7, 1.6), step, "shapes")),
            (step, record("grad_cam", "conv2", cam(1, step, 5, 0.8), step, "shapes")),
            (step, record("integrated_gradients", "", signed(1, step), step, "shapes", signed=True)),
            (step, record("guided_backprop", "", faults(step), step, "shapes")),
            (step, trust("grad_cam", "conv3", step, "shapes")),
        ]
    methods = ("grad_cam", "integrated_gradients", "guided_backprop", "attention_rollout")
    return [*items, (2000, status(2000, methods))]


def other() -> list[tuple[int, Any]]:
    items: list[tuple[int, Any]] = [(0, images_probe("others", 5))]
    items += [(s, record("grad_cam", "conv3", cam(5, s, 4, 1.0), s, "others")) for s in range(0, 2001, 500)]
    return [*items, (2000, status(2000, ("grad_cam",)))]


TEXT = (
    ("[CLS]", "a", "truly", "wonderful", "film", "with", "a", "dull", "end", "[SEP]"),
    ("[CLS]", "not", "worth", "the", "ticket", ",", "sadly", "[SEP]", "[PAD]", "[PAD]"),
)


def words() -> list[tuple[int, Any]]:
    probe = r.Probe(
        "text", "tokens", (2, 10), tokens=TEXT, labels=np.array([1, 0]), class_names=("bad", "good")
    )
    items: list[tuple[int, Any]] = [(0, probe)]
    for step in range(0, 501, 100):
        heat = np.array([[0, 0.1, 0.5, 1, 0.3, 0, 0, -0.8, -0.2, 0], [0, 1, 0.4, 0, 0.3, 0, 0.9, 0, 0, 0]])
        heat = (heat * step / 500 + 0.01).astype(np.float32)
        items.append((step, record("integrated_gradients", "", heat, step, "text", signed=True)))
    return [*items, (500, status(500, ("integrated_gradients",)))]


FEATURES = ("age", "income", "rooms", "distance to the centre", "built")


def table() -> list[tuple[int, Any]]:
    values = np.random.default_rng(3).normal(size=(3, 5)).astype(np.float32)
    probe = r.Probe(
        "rows", "tabular", (3, 5), values=values, feature_names=FEATURES, labels=np.array([0, 1, 2]),
        class_names=CLASSES,
    )  # fmt: skip
    items: list[tuple[int, Any]] = [(0, probe)]
    for step in range(0, 501, 100):
        heat = (values * np.array([1, 2, 0.3, -1, 0.1]) * (0.2 + step / 500)).astype(np.float32)
        items.append((step, record("integrated_gradients", "", heat, step, "rows", signed=True)))
    return [*items, (500, status(500, ("integrated_gradients",)))]


def bare() -> list[tuple[int, Any]]:
    off = (r.Signal("explanations", "off", "no layer's output has rows and columns", 'target_layers="…"'),)
    return [
        (0, r.Scalars({"loss": 1.0})),
        (10, r.RunStatus("finished", "torch", "torch", 10, signals=off)),
    ]


RUNS = {"bare": bare, "table": table, "words": words, "other": other, "narrow": narrow, "wide": wide}


def make(root: Path) -> Path:
    """Write all runs below `root`, `wide` the newest; returns `root`."""
    for name, items in RUNS.items():
        write(root / name, items())
    return root


if __name__ == "__main__":
    print(make(Path(sys.argv[1])))
