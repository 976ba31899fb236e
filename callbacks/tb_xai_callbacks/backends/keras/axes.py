# SPDX-License-Identifier: Apache-2.0
"""Between a Keras model's axes and the recorder's: there, pictures have their channels first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tb_xai_callbacks.backends.keras.engines.engine import to_numpy


@dataclass(frozen=True)
class Axes:
    """Which layers put out [n h w c], [n d h w c] or series [n t c], and which of them is the model's output.

    `features_first`: inputs [n a b] are series [n c t] rather than [n t c].
    """

    channels_last: frozenset[str]
    output: str
    series: frozenset[str] = frozenset()
    features_first: bool = False

    def as_map(self, name: str, tensor: Any) -> np.ndarray:
        """What a layer put out -> float32 [n c h w], of volumes [n c d h w], of series [n c 1 t]."""
        array = to_numpy(tensor).astype(np.float32)
        if name in self.series:
            return array.transpose(0, 2, 1)[:, :, None]
        return np.moveaxis(array, -1, 1) if self._turned(name, array.ndim) else array

    def as_tensor(self, name: str, array: np.ndarray) -> np.ndarray:
        """Back from `as_map`."""
        if name in self.series:
            return array[:, :, 0].transpose(0, 2, 1)
        return np.moveaxis(array, 1, -1) if self._turned(name, array.ndim) else array

    def as_outputs(self, logits: Any) -> np.ndarray:
        """The model's output, classes on axis 1 if they are pictures."""
        array = to_numpy(logits).astype(np.float32)
        return np.moveaxis(array, -1, 1) if self._turned(self.output, array.ndim) else array

    def as_cotangent(self, cotangent: np.ndarray) -> np.ndarray:
        """Back from `as_outputs`."""
        return np.moveaxis(cotangent, 1, -1) if self._turned(self.output, cotangent.ndim) else cotangent

    def _turned(self, name: str, ndim: int) -> bool:
        return ndim in (4, 5) and name in self.channels_last


def four_axes(scores: Any) -> np.ndarray:
    """Attention over several axes [n, heads, q…, k…] -> [n, heads, queries, keys]."""
    array = to_numpy(scores)
    half = (array.ndim - 2) // 2
    queries = int(np.prod(array.shape[2 : 2 + half]))
    return array.reshape(*array.shape[:2], queries, -1)
