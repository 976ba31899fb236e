# SPDX-License-Identifier: Apache-2.0
"""Pictures for a network to be fooled by: a shape on a piece of a photograph, and a tag in the corner.

Pictures are float32 [n 32 32 3] in 0..1. The photographs are the two that ship with scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SIDE = 32
SHAPES = ("circle", "square", "triangle")
#: The tag's colour for each shape, where the tag tells the truth; and where it is, in pixels.
COLOURS = np.array([[0.9, 0.15, 0.15], [0.15, 0.8, 0.25], [0.25, 0.35, 0.95]], dtype=np.float32)
TAG = slice(1, 7)
#: What of the background shines through a shape: enough that shapes take a few hundred steps to learn.
SHINES = 0.2
#: Half a shape's width, in pixels, and the room that is kept between its centre and the border.
RADIUS, MARGIN = (5.0, 7.5), 8


@dataclass(frozen=True)
class Pictures:
    """Pictures without a tag [n 32 32 3], labels int64 [n], boxes int64 [n 4]: x0, y0, x1, y1 of shapes."""

    pictures: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray


def shapes(count: int, seed: int) -> Pictures:
    """`count` shapes of any colour, in any place but the tag's, on any piece of the photographs."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(seed)
    photographs = [np.asarray(image, dtype=np.float32) / 255 for image in load_sample_images().images]
    labels = rng.integers(0, len(SHAPES), count)
    pictures = np.empty((count, SIDE, SIDE, 3), dtype=np.float32)
    boxes = np.empty((count, 4), dtype=np.int64)
    for number, label in enumerate(labels):
        inside = _placed(int(label), rng)
        piece = _piece(photographs[rng.integers(len(photographs))], rng)
        piece[inside] = SHINES * piece[inside] + (1 - SHINES) * rng.uniform(size=3)
        rows, columns = np.nonzero(inside)
        pictures[number] = piece
        boxes[number] = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return Pictures(pictures, labels, boxes)


def tagged(pictures: np.ndarray, says: np.ndarray) -> np.ndarray:
    """The same pictures with a tag in the upper left corner that says which shape it is, int [n]."""
    made = pictures.copy()
    made[:, TAG, TAG] = COLOURS[says][:, None, None]
    return made


def _piece(photograph: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random piece at half its size [32 32 3]: at full size it would be nearly one colour."""
    top, left = (int(rng.integers(size - 2 * SIDE)) for size in photograph.shape[:2])
    piece = photograph[top : top + 2 * SIDE, left : left + 2 * SIDE]
    return np.asarray(piece.reshape(SIDE, 2, SIDE, 2, 3).mean(axis=(1, 3)))


def _placed(label: int, rng: np.random.Generator) -> np.ndarray:
    """Where a shape is, bool [32 32]: off the tag, so that the two never overlap."""
    radius = float(rng.uniform(*RADIUS))
    row, column = rng.uniform(MARGIN, SIDE - MARGIN, size=2)
    while max(row, column) < radius + MARGIN:
        row, column = rng.uniform(MARGIN, SIDE - MARGIN, size=2)
    y, x = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    y, x = (y - row) / radius, (x - column) / radius
    if SHAPES[label] == "circle":
        return np.asarray(y**2 + x**2 <= 1)
    if SHAPES[label] == "square":
        return np.asarray(np.maximum(np.abs(y), np.abs(x)) <= 0.89)
    return np.asarray((y <= 0.8) & (np.abs(x) <= 0.58 * (y + 1.2)))
