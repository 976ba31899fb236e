# SPDX-License-Identifier: Apache-2.0
"""Reading batches until there are enough samples to choose a probe from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import numpy as np

from tb_xai_callbacks.probe.trees import arrays_of, map_arrays


def first_batches(
    batches: Iterable[Any], split: Callable[[Any], tuple[Any, Any]], samples: int, most: int
) -> tuple[Any, Any]:
    """(inputs, labels or None) as numpy, of the first batches: `samples` of them or a batch more.

    Args:
        batches: what yields them.
        split: from a batch to its (inputs, labels or None), trees of arrays with the samples first.
        samples: enough of them.
        most: batches that are read at most: reading them takes training's time.

    Raises:
        ValueError: if there is no batch.
    """
    read: list[tuple[Any, Any]] = []
    size = 0
    for batch in islice(batches, most):
        read.append(split(batch))
        size += len(arrays_of(read[-1][0])[0])
        if size >= samples:
            break
    if not read:
        raise ValueError("the data yields no batch to choose a probe from; give probe=")
    labels = None if read[0][1] is None else joined([truth for _, truth in read])
    return joined([inputs for inputs, _ in read]), labels


def joined(parts: list[Any]) -> Any:
    """Trees of the same structure → one: concatenated array by array."""
    columns = list(zip(*(arrays_of(part) for part in parts), strict=True))
    arrays = iter([np.concatenate(column) for column in columns])
    return map_arrays(parts[0], lambda _: next(arrays))
