# SPDX-License-Identifier: Apache-2.0
"""One call of a layer, as a pass over the probe saw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tb_xai_callbacks.backends.keras.taps import NamedLayer


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer in the dry run: the tensors that went in and the (first) one that came out."""

    named: NamedLayer
    inputs: tuple[Any, ...]
    output: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """The output's shape with the batch axis."""
        return tuple(int(size) for size in self.output.shape)
