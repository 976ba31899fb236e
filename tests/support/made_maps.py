# SPDX-License-Identifier: Apache-2.0
"""Explanations as records: twelve pictures of three classes with a region each, and maps of them.

Pictures are 32×32, maps 8×8 unless they are said to be of another size.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from tb_xai_plugin.format import records as r

SAMPLES, SIDE = 12, 32
LABELS = np.arange(SAMPLES) % 3
#: Steps between two snapshots.
SNAPSHOTS = 20


def _png(mask: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(mask).convert("1").save(data, "png")
    return data.getvalue()


def boxes(corner: int = -1) -> np.ndarray:
    """Regions bool [n 32 32] of 12×12 pixels: in many places, or all of them in one of four corners."""
    rng = np.random.default_rng(0)
    found = np.zeros((SAMPLES, SIDE, SIDE), dtype=bool)
    for mask in found:
        y, x = rng.integers(0, SIDE - 12, 2) if corner < 0 else (20 * (corner // 2), 20 * (corner % 2))
        mask[y : y + 12, x : x + 12] = True
    return found


def probe(regions: np.ndarray | None = None, **changes: Any) -> r.Probe:
    """The pictures; without regions if None are given."""
    kept = {} if regions is None else {"region_png": tuple(map(_png, regions))}
    return r.Probe(
        **{"hash": "p", "kind": "image", "shape": (SAMPLES, 3, SIDE, SIDE), "labels": LABELS} | kept | changes
    )


def within(share: float, regions: np.ndarray | None = None, side: int = 8, seed: int = 0) -> np.ndarray:
    """Maps [n side side] of which a share lies in the regions, spread over each part with some noise."""
    regions = boxes() if regions is None else regions
    cell = SIDE // side
    covered = regions.reshape(SAMPLES, side, cell, side, cell).mean((2, 4))
    rng = np.random.default_rng(seed)
    grain = rng.uniform(0.2, 1.8, covered.shape)
    inside, outside = grain * (covered == 1), grain * (covered == 0)
    return mixed(share, inside, outside)


def mixed(share: float, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Maps [n side side] of which a share is spread as `inside` is, the rest as `outside` is."""
    parts = ((share, inside), (1 - share, outside))
    return np.asarray(sum(part * heat / heat.sum((1, 2), keepdims=True) for part, heat in parts))


def attribution(
    heat: np.ndarray,
    right: float = 1.0,
    method: str = "grad_cam",
    layer: str = "relu1",
    predictions: Sequence[int] | None = None,
) -> r.Attribution:
    """A record of maps; the first `right` of the samples are predicted as labelled."""
    wrong = np.arange(SAMPLES) >= round(right * SAMPLES)
    predicted = np.where(wrong, (LABELS + 1) % 3, LABELS) if predictions is None else np.array(predictions)
    scores = np.full(SAMPLES, 0.9, np.float32)
    return r.Attribution(method, layer, heat.astype(np.float32), LABELS, scores, predicted, scores, probe="p")


#: The pictures with their regions.
MARKED = probe(boxes())

Snapshot = Callable[[int], Sequence[r.Attribution]]


def healthy(step: int) -> list[r.Attribution]:
    """Maps that come to lie on the object."""
    known = 1 - float(np.exp(-step / 40))
    return [attribution(within(0.15 + 0.5 * known, seed=step), right=0.4 + 0.6 * known)]


def moving(to: float, right: float = 1.0, since: int = 160, method: str = "grad_cam") -> Snapshot:
    """Maps of which 64 % lies on the object, from a step on another share; `right` is the accuracy then."""

    def made(step: int) -> list[r.Attribution]:
        share, accuracy = (to, right) if step >= since else (0.64, 0.9)
        return [attribution(within(share, seed=step), accuracy, method)]

    return made


def always(heat: np.ndarray) -> Snapshot:
    """The same maps at every snapshot."""
    return lambda step: [attribution(heat)]


def similar(correlation: float, side: int = 8) -> np.ndarray:
    """Maps [n side side] of which any two have exactly this correlation."""
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(np.c_[np.ones(side * side), rng.normal(size=(side * side, SAMPLES + 1))])[0].T
    common, own = basis[1], basis[2:]
    maps = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
    return np.asarray((maps + 1).reshape(SAMPLES, side, side))


def at_edge(share: float, side: int = 16, corner: bool = False) -> np.ndarray:
    """Maps [n side side] with a share of the heat in the outermost ring, or in the upper left corner."""
    place = np.ones((side, side), dtype=bool)
    if corner:
        place[:] = False
        place[: side // 4, : side // 4] = True
    else:
        place[1:-1, 1:-1] = False
    grain = np.random.default_rng(2).uniform(0.5, 1.5, (SAMPLES, side, side))
    inner, outer = grain * ~place, grain * place
    return mixed(share, outer, inner)
