# SPDX-License-Identifier: Apache-2.0
"""Everything that `fit` takes as validation data, read far enough to choose a probe from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from tb_xai_callbacks.hosts.batches import first_batches
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.probe.trees import arrays_of, map_arrays
from tb_xai_callbacks.settings import Settings

#: A probe is chosen from this many times as many samples, so that its classes can be balanced …
CHOICE = 16
#: … but never from more batches than this: reading validation data takes training's time.
MOST_BATCHES = 64


def read_samples(data: Any, num_samples: int, loss: str = "") -> tuple[Any, Any]:
    """(inputs, labels or None) as numpy: at most `CHOICE` × `num_samples` samples, or a batch more.

    `loss` is the name of the compiled loss: with a cross-entropy, whole float labels are classes.

    Raises:
        ValueError: if there is nothing in it.
    """
    if _is_arrays(data):
        inputs, labels = _thinned(*_split(data), CHOICE * num_samples)
    else:
        inputs, labels = first_batches(_batches(data), _split, CHOICE * num_samples, MOST_BATCHES)
    return inputs, _classes(labels, loss)


def given_inputs(data: Any) -> Any | None:
    """The inputs of validation data that is given in arrays, else None."""
    return _split(data)[0] if data is not None and _is_arrays(data) else None


def regions_read(data: Any, options: Settings) -> list[Any]:
    """The regions of the samples that `read_samples` reads of arrays."""
    rows = _rows(len(arrays_of(given_inputs(data))[0]), CHOICE * options.num_samples)
    return [options.regions[row] for row in rows]


def truth_of(probe: ProbeSet, labels: Any) -> np.ndarray | None:
    """What the compiled loss compares with, [n, …] in the form of `labels`: classes, one-hot, values."""
    if not isinstance(labels, np.ndarray):
        return None
    if probe.labels is None:
        return None if probe.targets is None else probe.targets.reshape(probe.size, *labels.shape[1:])
    if labels.ndim == 2 and labels.shape[1] > 1:
        return np.asarray(np.eye(labels.shape[1], dtype=labels.dtype)[probe.labels])
    return probe.labels.astype(labels.dtype).reshape(probe.size, *labels.shape[1:])


def _is_arrays(data: Any) -> bool:
    """Whether it is arrays rather than something that yields batches."""
    if isinstance(data, list):
        return bool(data) and hasattr(data[0], "shape")
    return isinstance(data, (tuple, dict)) or hasattr(data, "shape")


def _split(batch: Any) -> tuple[Any, Any]:
    """(inputs, labels or None) as numpy, of (x, y), (x, y, sample_weight), (x,) or x."""
    if not isinstance(batch, (tuple, list)):
        return _numpy(batch), None
    return _numpy(batch[0]), _numpy(batch[1]) if len(batch) > 1 and batch[1] is not None else None


def _numpy(values: Any) -> Any:
    def convert(leaf: Any) -> np.ndarray:
        return np.asarray(leaf.detach().cpu()) if hasattr(leaf, "detach") else np.asarray(leaf)

    return map_arrays(values, convert)


def _thinned(inputs: Any, labels: Any, most: int) -> tuple[Any, Any]:
    """A seeded choice of `most` samples, in their own order; all if there are no more."""
    size = len(arrays_of(inputs)[0])
    if size <= most:
        return inputs, labels
    index = _rows(size, most)
    chosen = map_arrays(inputs, lambda array: array[index])
    return chosen, None if labels is None else map_arrays(labels, lambda array: array[index])


def _rows(size: int, most: int) -> np.ndarray:
    """Which of `size` samples are read: all, or a seeded choice of `most` in their own order."""
    return np.sort(np.random.default_rng(0).permutation(size)[:most]) if size > most else np.arange(size)


def _batches(data: Any) -> Iterator[Any]:
    if isinstance(data, keras.utils.PyDataset):
        return (data[index] for index in range(data.num_batches or MOST_BATCHES))
    return iter(data)


def _classes(labels: Any, loss: str) -> Any:
    """Float labels that mean classes -> integers: zeros and ones, or whole numbers with a cross-entropy."""
    if not isinstance(labels, np.ndarray) or labels.dtype.kind != "f" or labels.size != len(labels):
        return labels
    whole = bool((labels >= 0).all() and (labels == np.round(labels)).all())
    if whole and (labels.max(initial=0) <= 1 or "crossentropy" in loss):
        return labels.astype(np.int64)
    return labels
