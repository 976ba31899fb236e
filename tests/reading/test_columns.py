# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tb_xai_plugin.reading import columns as series

widths = st.integers(1, 12)
shapes = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=30)
values = hnp.arrays(np.float64, shapes, elements=st.floats(-1e6, 1e6) | st.just(float("nan")))
counts = hnp.arrays(np.int64, shapes, elements=st.integers(0, 2**40))


@given(values, widths)
def test_no_spike_disappears(array: np.ndarray, width: int) -> None:
    starts = series.column_starts(len(array), width)
    mean, low, high = series.mean_low_high(array, starts)
    assert len(starts) == min(len(array), width)
    assert np.array_equal(np.fmin.reduce(low), np.fmin.reduce(array), equal_nan=True)
    assert np.array_equal(np.fmax.reduce(high), np.fmax.reduce(array), equal_nan=True)
    there = ~np.isnan(mean)
    assert np.all((low[there] <= mean[there] + 1e-6) & (mean[there] <= high[there] + 1e-6))
    pieces = np.split(array, starts[1:])
    assert np.array_equal(~there, np.stack([np.isnan(piece).all(axis=0) for piece in pieces]))


def test_infinities_stay_extremes_and_do_not_spread() -> None:
    array = np.array([[1.0, np.inf], [-np.inf, -np.inf], [np.nan, 2.0], [3.0, 4.0]])
    mean, low, high = series.mean_low_high(array, np.array([0, 2]))
    np.testing.assert_array_equal(low, [[-np.inf, -np.inf], [3.0, 2.0]])
    np.testing.assert_array_equal(high, [[1.0, np.inf], [3.0, 4.0]])
    np.testing.assert_array_equal(mean, [[-np.inf, np.nan], [3.0, 3.0]])


@given(counts, widths)
def test_sums_are_kept(array: np.ndarray, width: int) -> None:
    summed = series.summed(array, series.column_starts(len(array), width))
    assert np.array_equal(summed.sum(axis=0), array.sum(axis=0))


@given(st.lists(st.integers(0, 10**9), unique=True, max_size=50).map(sorted), widths)
def test_columns_cover_every_step_once(steps: list[int], width: int) -> None:
    starts = series.column_starts(len(steps), width)
    first, last = series.column_bounds(np.array(steps, np.int64), starts)
    assert len(first) == len(last) == min(len(steps), width)
    if steps:
        assert (first[0], last[-1]) == (steps[0], steps[-1])
        sizes = np.diff(np.append(starts, len(steps)))
        assert sizes.min() >= 1
        assert sizes.max() - sizes.min() <= 1
        assert np.all(first[1:] > last[:-1])


def test_pooled_weighs_by_samples() -> None:
    shares = np.array([[1.0, 0.0], [0.0, np.nan], [0.5, 0.5]], np.float32)
    live, samples = series.pooled(shares, np.array([10, 30, 40]), np.array([0, 2]))
    np.testing.assert_allclose(live, [[0.25, 0.0], [0.5, 0.5]])
    assert samples.tolist() == [40, 40]


def test_rows_are_merged_by_name() -> None:
    lists = [("a", "b"), ("b", "c")]
    names = series.union(lists)
    assert names == ("b", "c", "a")
    blocks = [np.array([[1.0], [2.0]]), np.array([[3.0], [4.0]])]
    np.testing.assert_array_equal(
        series.align(lists, blocks, names, np.nan)[:, :, 0], [[2, np.nan, 1], [3, 4, np.nan]]
    )


def test_width_is_checked() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        series.column_starts(3, 0)


@given(st.lists(st.integers(0, 500), unique=True).map(sorted))
def test_runs_are_the_steps(steps):
    runs = series.runs_of(steps)
    assert [first + i * stride for first, stride, count in runs for i in range(count)] == steps


def test_a_schedule_is_a_few_runs():
    assert series.runs_of(list(range(10)) + list(range(10, 200, 5)) + [400]) == [
        (0, 1, 11),
        (15, 5, 37),
        (400, 0, 1),
    ]
