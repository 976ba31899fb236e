# SPDX-License-Identifier: Apache-2.0
"""What single units of a layer do: who is alive, and how many directions there are."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

#: Samples whose covariance is looked at for the rank.
RANK_SAMPLES = 64
#: Gates that are never exactly zero: units are alive beyond this.
ALIVE = 1e-5
GATES: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "silu": functional.silu,
    "mish": functional.mish,
}


class Units:
    """Activations [n, …] by unit and sample, each reduced over its positions once somebody asks.

    Args:
        values: the activations; not kept beyond the reductions that a caller asks for.
        unit_axis: where the units are.
    """

    def __init__(self, values: Tensor, unit_axis: int) -> None:
        values = values.detach()
        self._values = values.float() if values.dtype == torch.float64 else values
        self._places = [axis for axis in range(1, values.dim()) if axis != unit_axis]

    @cached_property
    def total(self) -> Tensor:
        """Sum over positions, float32 [n units]; unlike the mean it does not underflow to zero."""
        return self._values.sum(self._places, dtype=torch.float32) if self._places else self._values.float()

    @cached_property
    def mean(self) -> Tensor:
        """Mean over positions, float32 [n units]."""
        return self.total / (self._values.numel() // max(self.total.numel(), 1))

    @cached_property
    def low(self) -> Tensor:
        """Smallest value over positions [n units]."""
        return self._values.amin(self._places) if self._places else self._values

    @cached_property
    def high(self) -> Tensor:
        """Largest value over positions [n units]."""
        return self._values.amax(self._places) if self._places else self._values

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest value of all; waits for them, so only for the CPU."""
        low, high = torch.aminmax(self._values)
        return float(low), float(high)

    def non_zero(self) -> Tensor:
        """Whether any value is not zero, bool [n units]. NaN is not zero."""
        if self._values.device.type == "cpu":
            found = self.total != 0
            if self.bounds[0] >= 0 or bool(found.all()):  # else values may have cancelled in the sum
                return found
        return (self.low != 0) | (self.high != 0)


def live_counts(units: Units, gate: str = "") -> Tensor:
    """Int64 [units]: samples in which a unit is active at any position.

    Active is: not zero; positive where a functional ReLU follows; beyond `ALIVE` after a smooth gate,
    which `gate` names if it still follows and is "smooth" for if it already ran. A gate that still follows
    is asked at the unit's smallest and largest value.
    """
    if gate.startswith("relu"):
        return (~(units.high <= 0)).sum(0)
    if gate not in GATES and gate != "smooth":
        return units.non_zero().sum(0)
    low, high = units.low, units.high
    if gate in GATES:
        low, high = GATES[gate](low.float()), GATES[gate](high.float())
    return (~((low.abs() <= ALIVE) & (high.abs() <= ALIVE))).sum(0)


def gram(means: Tensor) -> Tensor:
    """Means over positions [n, units] -> Gram matrix of the centred samples up to a factor, float32 [n n].

    At most `RANK_SAMPLES` samples are looked at.
    """
    pooled = means[:RANK_SAMPLES].float()
    centred = pooled - pooled.mean(0)
    scaled = centred / centred.abs().amax().clamp_min(1e-30)  # so that squares stay in range
    return scaled @ scaled.T


def participation_ratio(gram: Tensor) -> Tensor:
    """Gram matrix [n n] -> float64, 0-d: (tr C)² / ‖C‖² of the units' covariance C; NaN if that is 0.

    The eigenvalues of the samples' Gram matrix are those of C, so neither C nor an eigensolver is needed.
    """
    return (gram.diagonal().sum().square() / gram.square().sum()).double()
