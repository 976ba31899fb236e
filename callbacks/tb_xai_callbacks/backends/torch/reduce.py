# SPDX-License-Identifier: Apache-2.0
"""Statistics on the device: one row of numbers by layer or parameter, without a host round trip.

Each reduction leaves small device tensors; `Buffer.pending` stacks them and copies them once, and the
host waits for that copy, and does the rest, on the sink's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from tb_xai_callbacks.backends.contract import Pending, Reduction
from tb_xai_callbacks.backends.torch.moments import (
    MOMENTS,
    careful_moments,
    flattened,
    fold_counts,
    moments,
    raw_counts,
    sampled,
)
from tb_xai_callbacks.backends.torch.units import Units
from tb_xai_callbacks.measure.statistics import BINS
from tb_xai_plugin.format.columns import columns_of
from tb_xai_plugin.format.records import EXPONENTS

#: A small tensor, or what makes such numbers on the sink's thread, of its own copy of the values.
Later = Tensor | Callable[[], Tensor | Sequence[float]]


def later(function: Callable[[Tensor], Tensor], values: Tensor) -> Later:
    """`function(values)`: on the CPU of a copy, once training goes on; on other devices now, as a kernel.

    `values` are small: what is copied is held until the sink's thread has looked.
    """
    if values.device.type != "cpu":
        return function(values)
    kept = values.clone(memory_format=torch.contiguous_format)
    return lambda: function(kept)


class Buffer:
    """Rows of one signal at one step, on the device.

    Args:
        signal: which signal the rows belong to.
        source: what they were taken on.
        rows: number of rows.
        keep: whether to copy the values themselves to the host, for statistics of the user's own.
    """

    def __init__(self, signal: str, source: str, rows: int, keep: bool = False) -> None:
        self.signal = signal
        self.source = source
        self.rows = rows
        self.columns = columns_of(signal)
        self.num_samples = 0
        self._arrays: dict[int, np.ndarray] | None = {} if keep else None
        self._moments: dict[int, Later] = {}
        self._counts: dict[int, Later] = {}
        self._sizes: dict[int, int] = {}
        self._extra: dict[tuple[int, str], Later] = {}

    def __bool__(self) -> bool:
        return bool(self._moments)

    def __contains__(self, row: int) -> bool:
        return row in self._moments

    def add(self, row: int, values: Tensor, scale: Tensor | None = None, units: Units | None = None) -> None:
        """Reduce one row's values; `scale` divides them first (loss scaling); `units` of them, if there are.

        On the CPU a value that is not finite is looked for everywhere, elsewhere counted everywhere.
        """
        flat = flattened(values)
        if scale is not None:
            flat, units = flat.float() / scale.to(flat.device), None
        self._sizes[row] = flat.numel()
        on_cpu = flat.device.type == "cpu"
        known = (units.bounds, units.mean.mean()) if on_cpu and units else (None, None)
        quick = moments(flat, *known) if on_cpu else None
        self._moments[row] = careful_moments(flat.float()) if quick is None else lambda: quick
        if self._arrays is not None:
            self._arrays[row] = values.detach().float().cpu().numpy().copy()
        counted = flat if on_cpu and quick is None else sampled(flat)
        self._counts[row] = later(raw_counts, counted.float())

    def add_extra(self, row: int, value: Later, column: str) -> None:
        """Set a column that is no moment."""
        self._extra[row, column] = value

    def pending(
        self, live: Sequence[Tensor | None] = (), units: Sequence[int] = (), rectified: Sequence[int] = ()
    ) -> Pending:
        """Start the copy to the host; the result waits for it.

        `rectified` are rows that a functional ReLU follows: their zeros are counted after it.
        """
        order = sorted(self._moments)
        table = later_to_host([self._moments[row] for row in order])
        counts = later_to_host([self._counts[row] for row in order])
        extra = sorted(self._extra)
        extras = later_to_host([self._extra[place] for place in extra])
        lives = to_host([part for part in live if part is not None], torch.cat)
        present = [part is not None for part in live]

        def resolve() -> list[Reduction]:
            values = np.full((self.rows, len(self.columns)), np.nan, dtype=np.float32)
            bins = np.zeros((self.rows, BINS), dtype=np.uint64)
            if order:
                bins[order] = fold_counts(counts())
                self._fill(values, order, table(), bins, rectified)
            if extra:
                values[[row for row, _ in extra], [self._place(name) for _, name in extra]] = extras()
            found = _scatter_live(lives(), present, units) if any(present) else None
            if found is not None:
                _dead_fractions(values[:, self._place("dead_fraction")], found, present, units)
            return [Reduction(self.signal, self.source, self.num_samples, values, bins, found, self._kept())]

        return resolve

    def _fill(
        self,
        values: np.ndarray,
        order: Sequence[int],
        table: np.ndarray,
        bins: np.ndarray,
        rectified: Sequence[int],
    ) -> None:
        zeros = bins[:, EXPONENTS].astype(np.float64)
        rows = list(rectified)
        zeros[rows] = bins[rows, : EXPONENTS + 1].sum(axis=1)
        values[order, self._place("count")] = [self._sizes[row] for row in order]
        with np.errstate(over="ignore"):  # of float64 values, which may be beyond float32
            for name, column in zip(MOMENTS, table.T, strict=True):
                values[order, self._place(name)] = column
        shares = zeros[order] / np.maximum(bins[order].sum(axis=1), 1)
        values[order, self._place("zero_fraction")] = shares

    def _place(self, name: str) -> int:
        return self.columns.index(name)

    def _kept(self) -> tuple[np.ndarray | None, ...] | None:
        return None if self._arrays is None else tuple(self._arrays.get(row) for row in range(self.rows))


def _scatter_live(flat: np.ndarray, present: Sequence[bool], units: Sequence[int]) -> np.ndarray:
    """Live counts of the layers that ran → all layers' units, zero where a layer did not run."""
    mask = np.repeat(np.asarray(present, dtype=bool), units)
    out = np.zeros(len(mask), dtype=np.uint32)
    out[mask] = flat
    return out


def _dead_fractions(
    dead: np.ndarray, live: np.ndarray, present: Sequence[bool], units: Sequence[int]
) -> None:
    """Fill the column `dead` [rows], a view."""
    ends = np.cumsum(units)
    for row, (here, size, end) in enumerate(zip(present, units, ends, strict=True)):
        if here and size:
            dead[row] = float((live[end - size : end] == 0).mean())


def later_to_host(parts: Sequence[Later]) -> Callable[[], np.ndarray]:
    """Stack parts of one type: the copy of those that are there starts now, the others are made then."""
    copied = to_host([part for part in parts if isinstance(part, Tensor)])

    def wait() -> np.ndarray:
        there = iter(copied())
        rows = [next(there) if isinstance(part, Tensor) else np.asarray(part()) for part in parts]
        return np.stack(rows) if rows else np.zeros(0)

    return wait


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
