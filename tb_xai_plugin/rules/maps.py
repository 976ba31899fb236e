# SPDX-License-Identifier: Apache-2.0
"""What the rules keep of explanations: a few numbers for each snapshot, method and layer.

Of pictures only, because there the map's rows and columns are places of the input. A map's heat is its
positive relevance; maps finer than 32×32 are averaged down to that, as the samples' regions are to the map.
"""

from __future__ import annotations

import numpy as np

from tb_xai_plugin.format import records as r
from tb_xai_plugin.rules.trail import Trail

#: The numbers of a snapshot, NaN where one is not defined.
#: inside: share of a map's heat that lies in its sample's region, the mean over samples that have both.
#: even: the region's share of the picture, as an even map would have it; the mean over the same samples.
#: pointing: share of these samples whose hottest place lies in the region (the pointing game).
#: accuracy: share of the probe's samples that are predicted as labelled; guess: that of the commonest label.
#: alike: median correlation of the maps of two samples that are predicted differently.
#: ring, corner: the share of heat in the outermost ring of cells, and in one corner of a quarter of the
#: sides, which three of four samples reach; the corner is the same for all.
NUMBERS = ("inside", "even", "pointing", "accuracy", "guess", "alike", "ring", "corner")
#: Snapshots of a map that are kept, more than of other signals: they are rare, and the first ones count.
KEEP_SNAPSHOTS = 512
#: Cells a side of the finest map that is looked at.
FINEST = 32
#: Samples with a map below which no mean or median is taken.
LEAST_SAMPLES = 4
#: Cells below which all maps are alike by chance, and cells a side below which a ring is most of a map.
LEAST_CELLS, LEAST_SIDE = 36, 5
#: "Three of four samples" as a quantile.
MOST = 0.25


class Maps:
    """The snapshots so far: (method, layer) → numbers [T, 8] in the order of `NUMBERS`."""

    def __init__(self) -> None:
        self.trails: dict[tuple[str, str], Trail] = {}
        self.sides: dict[tuple[str, str], tuple[int, int]] = {}
        self.has_regions = False
        self._probe: r.Probe | None = None
        self._regions: np.ndarray | None = None
        self._pooled: dict[tuple[int, int], np.ndarray] = {}

    @property
    def no_pictures(self) -> bool:
        """Whether the samples are known not to be pictures."""
        return self._probe is not None and self._probe.kind != "image"

    def set_probe(self, probe: r.Probe) -> None:
        """What the maps from now on are about; of another probe than before nothing is kept."""
        if self._probe is not None and probe.hash != self._probe.hash:
            self.forget()
        self._probe, self._regions, self._pooled = probe, probe.regions, {}
        self.has_regions = self._regions is not None and probe.labels is not None

    def forget(self) -> None:
        """Begin anew, as with another model."""
        self.trails, self.sides = {}, {}

    def add(self, step: int, record: r.Attribution) -> None:
        """Take in one snapshot of one method at one layer; what is no map of pictures is passed over."""
        probe = self._probe
        if (
            probe is None
            or probe.kind != "image"
            or record.heat.ndim != 3
            or record.probe not in ("", probe.hash)
        ):
            return
        if not record.heat.size:
            return
        key = (record.method, record.layer)
        heat = heat_of(record.heat)
        self.sides[key] = heat.shape[1], heat.shape[2]
        self.trails.setdefault(key, Trail(KEEP_SNAPSHOTS)).add(step, self._numbers(heat, record.predictions))

    def column(self, key: tuple[str, str], name: str) -> np.ndarray:
        """One number of every snapshot that is kept, float64 [T]."""
        return np.asarray(self.trails[key].values[:, NUMBERS.index(name)])

    def _numbers(self, heat: np.ndarray, predictions: np.ndarray) -> np.ndarray:
        labels = None if self._probe is None else self._probe.labels
        accuracy = guess = np.nan
        if labels is not None and len(labels) == len(predictions):
            accuracy = float(np.mean(labels == predictions))
            guess = float(np.unique(labels, return_counts=True)[1].max() / len(labels))
        ring, corner = at_border(heat)
        return np.array([*self._inside(heat), accuracy, guess, alike(heat, predictions), ring, corner])

    def _inside(self, heat: np.ndarray) -> tuple[float, float, float]:
        """(inside, even, pointing) of maps [n h w]."""
        if self._regions is None or len(self._regions) != len(heat):
            return np.nan, np.nan, np.nan
        rows, columns = heat.shape[1:]
        if (rows, columns) not in self._pooled:
            self._pooled[rows, columns] = pooled(self._regions.astype(np.float64), rows, columns)
        region, total = self._pooled[rows, columns], heat.sum(axis=(1, 2))
        good = (total > 0) & (region.sum(axis=(1, 2)) > 0)
        if good.sum() < LEAST_SAMPLES:
            return np.nan, np.nan, np.nan
        heat, region, total = heat[good], region[good], total[good]
        top = heat == heat.max(axis=(1, 2), keepdims=True)
        hit = (top * region).sum(axis=(1, 2)) / top.sum(axis=(1, 2))
        share = (heat * region).sum(axis=(1, 2)) / total
        return float(share.mean()), float(region.mean()), float(hit.mean())


def heat_of(heat: np.ndarray) -> np.ndarray:
    """Maps [n h w] → their positive relevance, float64, at most 32×32; all 0 where a value is not finite."""
    finite = np.isfinite(heat).all(axis=(1, 2), keepdims=True)
    positive = np.where(finite, heat, 0).clip(min=0).astype(np.float64)
    rows, columns = (min(side, FINEST) for side in heat.shape[1:])
    return pooled(positive, rows, columns)


def pooled(maps: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Maps [n h w] → [n rows columns], each cell the mean of what it covers, in parts where it must be."""
    height, width = maps.shape[1:]
    if (height, width) == (rows, columns):
        return maps
    return np.asarray(_cover(rows, height) @ maps @ _cover(columns, width).T)


def _cover(target: int, source: int) -> np.ndarray:
    """How much of each of `target` cells each of `source` cells covers: [target source], rows sum to 1."""
    edges = np.arange(target + 1)[:, None] * source / target
    cells = np.arange(source)
    low, high = np.maximum(edges[:-1], cells), np.minimum(edges[1:], cells + 1)
    return np.asarray((high - low).clip(min=0) * target / source)


def alike(heat: np.ndarray, predictions: np.ndarray) -> float:
    """Median Pearson correlation of two samples' maps [n h w], over pairs that are predicted differently.

    Even maps have none. NaN for fewer than 4 maps, or maps of fewer than 36 cells.
    """
    rows = heat.reshape(len(heat), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    size = np.linalg.norm(rows, axis=1)
    varies = size > 1e-6 * np.linalg.norm(heat.reshape(len(heat), -1), axis=1)
    if varies.sum() < LEAST_SAMPLES or rows.shape[1] < LEAST_CELLS or len(predictions) != len(heat):
        return float("nan")
    rows, predicted = rows[varies] / size[varies, None], predictions[varies]
    differ = np.triu(predicted[:, None] != predicted[None, :])
    return float(np.median((rows @ rows.T)[differ])) if differ.any() else float("nan")


def at_border(heat: np.ndarray) -> tuple[float, float]:
    """(ring, corner) of maps [n h w]: see `NUMBERS`; NaN for fewer than 4 maps, or fewer than 5 cells a side."""
    rows, columns = heat.shape[1:]
    total = heat.sum(axis=(1, 2))
    good = total > 0
    if good.sum() < LEAST_SAMPLES or min(rows, columns) < LEAST_SIDE:
        return float("nan"), float("nan")
    heat, total = heat[good], total[good]
    h, w = -(-rows // 4), -(-columns // 4)
    corners = [
        heat[:, y, x].sum(axis=(1, 2))
        for y in (slice(h), slice(-h, None))
        for x in (slice(w), slice(-w, None))
    ]
    ring = total - heat[:, 1:-1, 1:-1].sum(axis=(1, 2))
    reached = [float(np.quantile(share / total, MOST)) for share in (ring, *corners)]
    return reached[0], max(reached[1:])
