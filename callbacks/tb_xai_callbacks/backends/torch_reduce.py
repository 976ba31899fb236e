# SPDX-License-Identifier: Apache-2.0
"""Statistics on the device: moments, exponent histograms and live units, without a host round trip.

Each reduction leaves small device tensors; `Buffer.pending` stacks them and copies them once, and the
host waits for that copy, and does the rest, on the sink's thread. The definitions are those of
`measure.statistics`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tb_xai_callbacks.backends import Pending, Reduction
from tb_xai_callbacks.measure.statistics import BINS
from tb_xai_plugin.records import EXPONENTS, MIN_EXPONENT

#: Columns that every signal has; `extra` ones follow.
MOMENTS = 8
#: Sign and exponent are the top 9 bits of a float32; counts of +0.0 and -0.0 follow them.
RAW_BINS = 512
NEGATIVE_ZERO = -(2**31)
#: Beyond these magnitudes squares leave the range of float32.
LARGE, SMALL = 1e15, 1e-12
#: A variance that is less than this share of the squared mean is not computed as a difference.
SPREAD = 0.1
#: Values that stay in the processor's cache while they are counted.
CHUNK = 1 << 17
#: Samples whose covariance is looked at for the rank.
RANK_SAMPLES = 64
#: Gates that are never exactly zero: units are alive beyond this.
ALIVE = 1e-5
GATES: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "silu": functional.silu,
    "mish": functional.mish,
}


def moments(values: Tensor) -> Tensor:
    """Float32 [m] -> float64 [5]: mean, std, min, max, norm of the finite values, NaN if there are none."""
    if values.numel() == 0:
        return torch.full((5,), float("nan"), dtype=torch.float64, device=values.device)
    if values.device.type == "cpu":
        quick = _quick_moments(values)
        if quick is not None:
            return quick
    return _careful_moments(values)


def _quick_moments(x: Tensor) -> Tensor | None:
    """Two passes in float32; None where that would not be exact. Looks at values, so only for the CPU."""
    low, high = (float(bound) for bound in torch.aminmax(x))
    largest = max(abs(low), abs(high))
    if not (largest == 0 or SMALL < largest < LARGE):  # also NaN and infinity
        return None
    mean, norm = float(x.mean()), float(torch.linalg.vector_norm(x))
    variance = norm * norm / x.numel() - mean * mean
    if variance < SPREAD * mean * mean:  # too little is left of the difference
        variance = float(torch.var(x, correction=0))
    return torch.tensor([mean, variance**0.5, low, high, norm], dtype=torch.float64)


def _careful_moments(x: Tensor) -> Tensor:
    """In float64 and over the finite values only; never looks at a value, so it does not synchronise."""
    finite = torch.isfinite(x)
    clean = torch.where(finite, x, 0.0).double()
    number = finite.sum().double()
    mean = clean.sum() / number
    variance = torch.where(finite, clean - mean, 0.0).square().sum() / number
    low = torch.where(finite, x, float("inf")).amin().double()
    high = torch.where(finite, x, float("-inf")).amax().double()
    parts = torch.stack([mean, variance.sqrt(), low, high, clean.square().sum().sqrt()])
    return torch.where(number == 0, float("nan"), parts)


def raw_counts(values: Tensor) -> Tensor:
    """Float32 [m] -> int64 [514]: how often each sign and exponent occurs, then +0.0 and -0.0."""
    bits = values.contiguous().view(torch.int32)
    if bits.device.type == "cpu":
        return _raw_counts_on_cpu(bits)
    # Not bincount, which waits for the device to learn its length.
    counts = torch.histc((bits >> 23) + 256, bins=RAW_BINS, min=0, max=RAW_BINS - 1).long()
    return torch.cat([counts, torch.stack([(bits == 0).sum(), (bits == NEGATIVE_ZERO).sum()])])


def _raw_counts_on_cpu(bits: Tensor) -> Tensor:
    """In chunks, and looking for zeros only where the exponents say that there may be some."""
    counts = torch.zeros(RAW_BINS + 2, dtype=torch.int64)
    buffer = torch.empty(min(CHUNK, len(bits)), dtype=torch.int32)
    for chunk in bits.split(CHUNK):
        index = torch.bitwise_right_shift(chunk, 23, out=buffer[: len(chunk)])
        index += 256  # an arithmetic shift: negative numbers come first
        counts[:RAW_BINS] += torch.bincount(index, minlength=RAW_BINS)
    if counts[256]:
        counts[RAW_BINS] = (bits == 0).sum()
    if counts[0]:
        counts[RAW_BINS + 1] = (bits == NEGATIVE_ZERO).sum()
    return counts


def fold_counts(raw: np.ndarray) -> np.ndarray:
    """Raw counts [rows, 514] -> uint64 [rows, 2 E + 2] in the layout of `records.Histograms`."""
    folded = np.zeros((len(raw), BINS), dtype=np.int64)
    negative, positive = raw[:, :256].copy(), raw[:, 256:RAW_BINS].copy()
    positive[:, 0] -= raw[:, RAW_BINS]
    negative[:, 0] -= raw[:, RAW_BINS + 1]
    folded[:, EXPONENTS] = raw[:, RAW_BINS:].sum(axis=1)
    folded[:, BINS - 1] = negative[:, 255] + positive[:, 255]
    exponent = np.clip(np.arange(255) - 127 - MIN_EXPONENT, 0, EXPONENTS - 1)
    for field, bin_ in enumerate(exponent):
        folded[:, EXPONENTS - 1 - bin_] += negative[:, field]
        folded[:, EXPONENTS + 1 + bin_] += positive[:, field]
    return folded.astype(np.uint64)


def live_counts(values: Tensor, unit_axis: int, gate: str = "") -> Tensor:
    """Activations [n, …] -> int64 [units]: samples in which a unit is active at any position.

    Active is: not zero; positive where a functional ReLU follows; beyond `ALIVE` after a smooth gate,
    which `gate` names if it still follows and is "smooth" for if it already ran.
    """
    moved = values.detach().movedim(unit_axis, 1)
    if gate.startswith("relu"):
        active = ~(moved <= 0)
    elif gate in GATES:
        active = ~(GATES[gate](moved.float()).abs() <= ALIVE)
    else:
        active = ~(moved.abs() <= ALIVE) if gate == "smooth" else moved != 0
    return active.flatten(2).any(2).sum(0) if moved.dim() > 2 else active.sum(0)


def participation_ratio(values: Tensor, unit_axis: int) -> Tensor:
    """Activations [n, …] -> 0-d: (tr C)² / ‖C‖² of the units' covariance over samples; NaN if it is zero.

    Positions are averaged. By way of the samples' Gram matrix [n n], whose eigenvalues are those of C, so
    neither the covariance nor an eigensolver is needed; at most `RANK_SAMPLES` samples are looked at.
    """
    pooled = values.detach()[:RANK_SAMPLES].movedim(unit_axis, 1).float()
    pooled = pooled.flatten(2).mean(2) if pooled.dim() > 2 else pooled
    centred = pooled - pooled.mean(0)
    scaled = centred / centred.abs().amax().clamp_min(1e-30)  # so that squares stay in range
    gram = scaled @ scaled.T
    return gram.diagonal().sum().square() / gram.square().sum()


class Buffer:
    """Rows of one signal at one step, on the device.

    Args:
        signal: which signal the rows belong to.
        source: what they were taken on.
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
        self._sizes: dict[int, int] = {}
        self._extra: dict[tuple[int, int], Tensor] = {}

    def __bool__(self) -> bool:
        return bool(self._moments)

    def __contains__(self, row: int) -> bool:
        return row in self._moments

    def add(self, row: int, values: Tensor, scale: Tensor | None = None) -> None:
        """Reduce one row's values; `scale` divides them first (loss scaling)."""
        flat = values.detach().reshape(-1).float()
        if scale is not None:
            flat = flat / scale.to(flat.device)
        self._moments[row] = moments(flat)
        self._counts[row] = raw_counts(flat)
        self._sizes[row] = flat.numel()

    def add_extra(self, row: int, value: Tensor, column: int = 0) -> None:
        """Set one of the columns after the moments."""
        self._extra[row, column] = value

    def pending(
        self, live: Sequence[Tensor | None] = (), units: Sequence[int] = (), rectified: Sequence[int] = ()
    ) -> Pending:
        """Start the copy to the host; the result waits for it.

        `rectified` are rows that a functional ReLU follows: their zeros are counted after it.
        """
        order = sorted(self._moments)
        table = to_host([self._moments[row] for row in order])
        counts = to_host([self._counts[row] for row in order])
        extra = sorted(self._extra)
        extras = to_host([self._extra[place].double() for place in extra])
        lives = to_host([part for part in live if part is not None], torch.cat)
        present = [part is not None for part in live]

        def resolve() -> list[Reduction]:
            values = np.full((self.rows, MOMENTS + self.extra), np.nan, dtype=np.float32)
            bins = np.zeros((self.rows, BINS), dtype=np.uint64)
            if order:
                bins[order] = fold_counts(counts())
                self._fill(values, order, table(), bins, rectified)
            if extra:
                rows, columns = zip(*extra, strict=True)
                values[rows, np.add(columns, MOMENTS)] = extras()
            found = _scatter_live(lives(), present, units) if any(present) else None
            if found is not None:
                _dead_fractions(values, found, present, units)
            return [Reduction(self.signal, self.source, self.num_samples, values, bins, found)]

        return resolve

    def _fill(
        self,
        values: np.ndarray,
        order: Sequence[int],
        table: np.ndarray,
        bins: np.ndarray,
        rectified: Sequence[int],
    ) -> None:
        sizes = np.array([self._sizes[row] for row in order], dtype=np.float64)
        zeros = bins[:, EXPONENTS].astype(np.float64)
        rows = list(rectified)
        zeros[rows] = bins[rows, : EXPONENTS + 1].sum(axis=1)
        values[order, 0] = sizes
        values[order, 1:6] = table
        values[order, 6] = zeros[order] / np.maximum(sizes, 1)
        values[order, 7] = bins[order, BINS - 1]


def _scatter_live(flat: np.ndarray, present: Sequence[bool], units: Sequence[int]) -> np.ndarray:
    """Live counts of the layers that ran → all layers' units, zero where a layer did not run."""
    mask = np.repeat(np.asarray(present, dtype=bool), units)
    out = np.zeros(len(mask), dtype=np.uint32)
    out[mask] = flat
    return out


def _dead_fractions(
    values: np.ndarray, live: np.ndarray, present: Sequence[bool], units: Sequence[int]
) -> None:
    ends = np.cumsum(units)
    for row, (here, size, end) in enumerate(zip(present, units, ends, strict=True)):
        if here and size:
            values[row, MOMENTS] = float((live[end - size : end] == 0).mean())


def to_host(
    parts: Sequence[Tensor], join: Callable[[list[Tensor]], Tensor] = torch.stack
) -> Callable[[], np.ndarray]:
    """Join parts, which may lie on several devices, and copy them to pinned memory without blocking."""
    if not parts:
        return lambda: np.zeros(0)
    device = parts[-1].device
    tensor = join([part.to(device) for part in parts])
    if device.type != "cuda":
        array = tensor.cpu().numpy()
        return lambda: array
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    host.copy_(tensor, non_blocking=True)
    done = torch.cuda.Event()
    done.record(torch.cuda.current_stream(device))

    def wait() -> np.ndarray:
        done.synchronize()
        return host.numpy()

    return wait
