# SPDX-License-Identifier: Apache-2.0
"""Moments and exponent histograms of one tensor on its device. The definitions are `measure.statistics`'.

On the CPU a value may be looked at, so the quick way is taken wherever it is exact; on other devices nothing
here waits for one.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd

import numpy as np
import torch
from torch import Tensor

from tb_xai_callbacks.measure.statistics import BINS
from tb_xai_plugin.format.records import EXPONENTS, MIN_EXPONENT

#: Of the finite values, and the number of the others: the order of what is computed here.
MOMENTS = ("mean", "std", "min", "max", "norm", "nonfinite_count")
#: Sign and exponent are the top 9 bits of a float32; counts of +0.0 and -0.0 follow them.
RAW_BINS, HALF = 512, 256
#: The biased exponent of infinities and NaN.
NONFINITE = 255
#: -0.0 as a signed and as an unsigned number.
NEGATIVE_ZERO, NEGATIVE_ZERO_BITS = -(2**31), 2**31
#: Where each bin's biased exponents begin; the first and the last bin take in all that lie beyond.
_STARTS = np.searchsorted(
    np.clip(np.arange(NONFINITE) - 127 - MIN_EXPONENT, 0, EXPONENTS - 1), np.arange(EXPONENTS)
)
#: Beyond these magnitudes squares leave the range of float32.
LARGE, SMALL = 1e15, 1e-12
#: A variance that is less than this share of the squared mean is not computed as a difference.
SPREAD = 0.1
#: Values that are counted at a time: they stay in the processor's cache. NumPy counts them, on the thread
#: that calls it. Were torch to work on several, OpenMP would make a team for the sink's thread too, and with
#: more threads than processors all of them sleep between two operations, the training's included (libgomp's
#: GOMP_SPINCOUNT): steps of small networks take twice as long, nothing of it in our own code.
CHUNK = 1 << 15
#: Tensors of up to `WHOLE` values are counted whole, of larger ones at least `SAMPLE` values, evenly spaced:
#: a share that is counted so has a standard error of at most 0.5 / sqrt(SAMPLE) = 0.4 %.
WHOLE, SAMPLE = 1 << 15, 1 << 14


@lru_cache(maxsize=4096)
def stride_of(count: int) -> int:
    """Every how many values one is counted, of `count`; shares no factor with it, so no axis is favoured.

    At least `SAMPLE` values are counted; more where `count` has many small factors, at worst all of them.
    """
    if count <= WHOLE:
        return 1
    stride = count // SAMPLE
    while gcd(stride, count) > 1:
        stride -= 1
    return stride


def flattened(values: Tensor) -> Tensor:
    """All values [m] in at most float32, without a copy where memory is channels first or last."""
    values = values.detach()
    if values.dtype == torch.float64:
        values = values.float()
    if values.dim() == 4 and values.is_contiguous(memory_format=torch.channels_last):
        values = values.permute(0, 2, 3, 1)
    return values.reshape(-1)


def sampled(flat: Tensor) -> Tensor:
    """Values [m] -> a view of the values that are counted, evenly spaced; all of them up to `WHOLE`."""
    return flat[:: stride_of(flat.numel())]


def moments(
    flat: Tensor, bounds: tuple[float, float] | None = None, mean: Tensor | None = None
) -> tuple[float, ...] | None:
    """Values [m] on the CPU -> 6 numbers (see `MOMENTS`), summed in float32; None where that were not exact.

    `bounds` are min and max, and `mean` that of all, where they are known already.
    """
    if flat.numel() == 0:
        return None
    low, high = bounds or (float(bound) for bound in torch.aminmax(flat))
    largest = max(abs(low), abs(high))
    if not (largest == 0 or SMALL < largest < LARGE):  # also NaN and infinity
        return None
    flat = flat.float()
    average = float(flat.mean() if mean is None else mean)
    squares = float(torch.dot(flat, flat))
    variance = squares / flat.numel() - average * average
    if variance < SPREAD * average * average:  # too little is left of the difference
        variance = float(torch.var(flat, correction=0))
    return average, variance**0.5, low, high, squares**0.5, 0.0


def careful_moments(flat: Tensor) -> Tensor:
    """Values [m] -> float64 [6] (see `MOMENTS`), NaN if none is finite; never looks at a value."""
    finite = torch.isfinite(flat)
    clean = torch.where(finite, flat, 0.0).double()
    number = finite.sum().double()
    mean = clean.sum() / number
    variance = torch.where(finite, clean - mean, 0.0).square().sum() / number
    none = flat.new_full((1,), float("inf"))
    low = torch.cat([torch.where(finite, flat, float("inf")), none]).amin().double()
    high = torch.cat([torch.where(finite, flat, float("-inf")), -none]).amax().double()
    parts = torch.stack([mean, variance.sqrt(), low, high, clean.square().sum().sqrt()])
    parts = torch.where(number == 0, float("nan"), parts)
    return torch.cat([parts, (flat.numel() - number)[None]])


def raw_counts(values: Tensor) -> Tensor:
    """Float32 [m] -> int64 [514]: how often each sign and exponent occurs, then +0.0 and -0.0.

    Positive numbers come first, as in the top bits of an unsigned number.
    """
    if values.device.type == "cpu":
        return torch.from_numpy(_raw_counts_on_cpu(values.contiguous().numpy()))
    # Not bincount, which waits for the device to learn its length.
    bits = values.contiguous().view(torch.int32)
    counts = torch.histc((bits >> 23) & (RAW_BINS - 1), bins=RAW_BINS, min=0, max=RAW_BINS - 1).long()
    return torch.cat([counts, torch.stack([(bits == 0).sum(), (bits == NEGATIVE_ZERO).sum()])])


def _raw_counts_on_cpu(values: np.ndarray) -> np.ndarray:
    """In chunks, and looking for zeros only where the exponents say that there may be some."""
    bits = values.view(np.uint32)
    counts = np.zeros(RAW_BINS + 2, dtype=np.int64)
    for start in range(0, len(bits), CHUNK):
        chunk = bits[start : start + CHUNK]
        found = np.bincount((chunk >> 23).astype(np.intp), minlength=RAW_BINS)
        counts[:RAW_BINS] += found
        if found[0]:
            counts[RAW_BINS] += len(chunk) - np.count_nonzero(chunk)
        if found[HALF]:
            counts[RAW_BINS + 1] += np.count_nonzero(chunk == NEGATIVE_ZERO_BITS)
    return counts


def fold_counts(raw: np.ndarray) -> np.ndarray:
    """Raw counts [rows, 514] -> uint64 [rows, 2 E + 2] in the layout of `records.Histograms`."""
    folded = np.zeros((len(raw), BINS), dtype=np.int64)
    positive, negative = raw[:, :HALF].copy(), raw[:, HALF:RAW_BINS].copy()
    positive[:, 0] -= raw[:, RAW_BINS]
    negative[:, 0] -= raw[:, RAW_BINS + 1]
    folded[:, EXPONENTS] = raw[:, RAW_BINS:].sum(axis=1)
    folded[:, BINS - 1] = negative[:, NONFINITE] + positive[:, NONFINITE]
    folded[:, EXPONENTS + 1 : BINS - 1] = np.add.reduceat(positive[:, :NONFINITE], _STARTS, axis=1)
    folded[:, EXPONENTS - 1 :: -1] = np.add.reduceat(negative[:, :NONFINITE], _STARTS, axis=1)
    return folded.astype(np.uint64)
