# SPDX-License-Identifier: Apache-2.0
"""Moments, histograms and live units against slow definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tb_xai_callbacks.measure import statistics
from tb_xai_plugin.format.records import EXPONENTS, MIN_EXPONENT

FLOATS = hnp.arrays(
    np.float32, st.integers(1, 40), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)
)


def slow_bin(x):
    if not math.isfinite(x):
        return 2 * EXPONENTS + 1
    if x == 0:
        return EXPONENTS
    exponent = min(max(math.frexp(abs(x))[1] - 1, MIN_EXPONENT), MIN_EXPONENT + EXPONENTS - 1) - MIN_EXPONENT
    return EXPONENTS + 1 + exponent if x > 0 else EXPONENTS - 1 - exponent


@given(FLOATS)
def test_histogram_is_the_slow_one(values):
    expected = np.zeros(statistics.BINS, int)
    for x in values:
        expected[slow_bin(float(x))] += 1
    np.testing.assert_array_equal(statistics.histogram(values), expected)


@given(FLOATS, FLOATS)
def test_histograms_merge_by_addition(a, b):
    together = statistics.histogram(np.concatenate([a, b]))
    np.testing.assert_array_equal(statistics.histogram(a) + statistics.histogram(b), together)


@given(hnp.arrays(np.float32, st.integers(1, 60), elements=st.floats(-(2.0**127), 2.0**127, width=32)))
def test_edges_hold_what_the_bins_count(values):
    counts, _ = np.histogram(values.astype(np.float64), bins=statistics.bin_edges())
    ours = statistics.histogram(values)[:-1].astype(int)
    # numpy's bins are closed on the left on both sides of zero, ours mirror each other
    negative = values < 0
    np.testing.assert_array_equal(
        ours[EXPONENTS:], np.histogram(values[~negative].astype(float), statistics.bin_edges()[EXPONENTS:])[0]
    )
    assert counts.sum() == ours.sum() == len(values)


def test_edges_are_finite_and_ascending():
    edges = statistics.bin_edges()
    assert len(edges) == statistics.BINS
    assert np.isfinite(edges).all()
    assert (np.diff(edges) > 0).all()


def test_moments_skip_what_is_not_finite_and_count_it():
    got = dict(
        zip(statistics.LAYER_COLUMNS, statistics.moments(np.array([1, 3, 0, np.nan, np.inf])), strict=False)
    )
    assert got["count"] == 5
    assert got["mean"] == pytest.approx(4 / 3)
    assert got["std"] == pytest.approx(np.std([1, 3, 0]))
    assert (got["min"], got["max"], got["nonfinite_count"]) == (0, 3, 2)
    assert got["norm"] == pytest.approx(math.sqrt(10))
    assert got["zero_fraction"] == pytest.approx(0.2)


def test_moments_of_nothing_finite_are_nan_and_no_crash():
    got = statistics.moments(np.full(3, np.nan))
    assert got[0] == got[7] == 3
    assert np.isnan(got[1:6]).all()


@pytest.mark.parametrize("axis", [1, 3])
def test_a_convolution_unit_lives_if_it_is_active_anywhere(axis):
    values = np.zeros((2, 3, 4, 4), np.float32)
    values[0, 1, 3, 3] = 5
    values[1, 1, 0, 0] = -1
    values[1, 2, 0, 0] = np.nan
    got = statistics.live_counts(np.moveaxis(values, 1, axis), axis)
    np.testing.assert_array_equal(got, [0, 2, 1])


def test_layer_row_ends_with_the_share_of_dead_units():
    row = statistics.layer_row(np.ones((2, 4)), np.array([0, 2, 0, 0]))
    assert row[-2] == 0.75
    assert np.isnan(statistics.layer_row(np.ones((2, 4)), None)[-1])
