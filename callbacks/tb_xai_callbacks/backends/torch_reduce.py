# SPDX-License-Identifier: Apache-2.0
"""Statistics on the device: moments, exponent histograms and live units, without a host round trip.

Each reduction leaves small device tensors; `Buffer.pending` stacks them and copies them once, and the
host waits for that copy only on the sink's thread. The definitions are those of `measure.statistics`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from tb_xai_callbacks.backends import Pending, Reduction
from tb_xai_plugin.records import EXPONENTS, MIN_EXPONENT

BINS = 2 * EXPONENTS + 2
MOMENTS = 8


def moments(values: Tensor) -> Tensor:
    """Float tensor of any shape -> float64 [8]: count, mean, std, min, max, norm, zeros, non-finite."""
    x = values.detach().reshape(-1).float()
    finite = torch.isfinite(x)
    kept = finite.sum()
    clean = torch.where(finite, x, 0.0).double()
    count = torch.full((), float(x.numel()), dtype=torch.float64, device=x.device)
    number = kept.double()
    mean = clean.sum() / number
    square = clean.square().sum()
    variance = torch.where(finite, clean - mean, 0.0).square().sum() / number
    none = kept == 0
    nan = torch.full((), float("nan"), dtype=torch.float64, device=x.device)
    low = torch.where(finite, x, float("inf")).amin().double() if x.numel() else nan
    high = torch.where(finite, x, float("-inf")).amax().double() if x.numel() else nan
    zeros = (x == 0).sum().double() / max(x.numel(), 1)
    parts = [mean, variance.sqrt(), low, high, square.sqrt()]
    shape = [torch.where(none, nan, part) for part in parts]
    return torch.stack([count, *shape, zeros, count - number])


def histogram(values: Tensor) -> Tensor:
    """Float tensor of any shape -> int64 [2 E + 2] counts by sign and exponent."""
    bits = values.detach().reshape(-1).float().contiguous().view(torch.int32)
    field = (bits >> 23) & 255
    exponent = (field - 127 - MIN_EXPONENT).clamp_(0, EXPONENTS - 1)
    index = torch.where(bits < 0, EXPONENTS - 1 - exponent, EXPONENTS + 1 + exponent)
    index = torch.where((bits & 0x7FFFFFFF) == 0, EXPONENTS, index)
    index = torch.where(field == 255, BINS - 1, index)
    return torch.bincount(index, minlength=BINS)


def live_counts(values: Tensor, unit_axis: int, activation: str = "") -> Tensor:
    """Activations [n, …] -> int64 [units]: samples in which a unit is active at any position.

    Active is: not zero; beyond 1e-5 for gates that are never exactly zero; positive where a functional
    ReLU follows.
    """
    moved = values.detach().movedim(unit_axis, 1)
    if activation.startswith("relu"):
        active = ~(moved <= 0)
    elif activation in SMOOTH:
        active = ~(torch.nn.functional.gelu(moved.float()).abs() <= 1e-5)
    else:
        active = moved != 0
    return active.flatten(2).any(2).sum(0) if moved.dim() > 2 else active.sum(0)


SMOOTH = frozenset({"gelu", "silu", "mish"})


class Buffer:
    """Rows of one signal at one step, on the device.

    Args:
        signal: which signal the rows belong to.
        rows: number of rows.
        extra: columns after the eight moments.
    """

    def __init__(self, signal: str, source: str, rows: int, extra: int = 0) -> None:
        self.signal = signal
        self.source = source
        self.rows = rows
        self.extra = extra
        self.num_samples = 0
        self._moments: dict[int, Tensor] = {}
        self._counts: dict[int, Tensor] = {}
        self._extra: dict[int, Tensor] = {}

    def __bool__(self) -> bool:
        return bool(self._moments)

    def add(self, row: int, values: Tensor, scale: Tensor | None = None) -> None:
        """Reduce one row's values; `scale` divides them first (loss scaling)."""
        if scale is not None:
            values = values.float() / scale
        self._moments[row] = moments(values)
        self._counts[row] = histogram(values)

    def add_extra(self, row: int, value: Tensor) -> None:
        """Set the column after the moments."""
        self._extra[row] = value

    def zero_fraction(self, row: int, value: Tensor) -> None:
        """Replace the share of zeros, where a functional nonlinearity makes more of them."""
        self._moments[row] = self._moments[row].clone()
        self._moments[row][6] = value

    def pending(self, live: Sequence[Tensor | None] = (), units: Sequence[int] = ()) -> Pending:
        """Start the copy to the host; the result waits for it."""
        order = sorted(self._moments)
        table = _to_host(torch.stack([self._moments[row] for row in order])) if order else None
        counts = _to_host(torch.stack([self._counts[row] for row in order])) if order else None
        extra = sorted(self._extra)
        extras = _to_host(torch.stack([self._extra[row].double() for row in extra])) if extra else None
        lives = _to_host(torch.cat([x for x in live if x is not None])) if any(x is not None for x in live) else None
        present = [x is not None for x in live]

        def resolve() -> list[Reduction]:
            values = np.full((self.rows, MOMENTS + self.extra), np.nan, dtype=np.float32)
            bins = np.zeros((self.rows, BINS), dtype=np.uint64)
            if table is not None and counts is not None:
                values[order, :MOMENTS] = table()
                bins[order] = counts()
            if extras is not None:
                values[extra, MOMENTS] = extras()
            found = _scatter_live(lives(), present, units) if lives is not None else None
            if found is not None:
                _dead_fractions(values, found, present, units)
            return [Reduction(self.signal, self.source, self.num_samples, values, bins, found)]

        return resolve


def _scatter_live(flat: np.ndarray, present: Sequence[bool], units: Sequence[int]) -> np.ndarray:
    """Live counts of the layers that ran → all layers' units, zero where a layer did not run."""
    out = np.zeros(sum(units), dtype=np.uint32)
    source = target = 0
    for here, size in zip(present, units, strict=True):
        if here:
            out[target : target + size] = flat[source : source + size]
            source += size
        target += size
    return out


def _dead_fractions(values: np.ndarray, live: np.ndarray, present: Sequence[bool], units: Sequence[int]) -> None:
    start = 0
    for row, (here, size) in enumerate(zip(present, units, strict=True)):
        if here and size:
            values[row, MOMENTS] = float((live[start : start + size] == 0).mean())
        start += size


def _to_host(tensor: Tensor) -> Callable[[], np.ndarray]:
    """Copy to pinned memory without blocking; the result waits for the copy."""
    if tensor.device.type != "cuda":
        array = tensor.cpu().numpy()
        return lambda: array
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    host.copy_(tensor, non_blocking=True)
    done = torch.cuda.Event()
    done.record()

    def wait() -> np.ndarray:
        done.synchronize()
        return host.numpy()

    return wait
