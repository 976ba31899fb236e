# SPDX-License-Identifier: Apache-2.0
"""Drift over snapshots: against pairwise comparison, with jumps and settling points put in by hand."""

import drift as measure
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from overlap import top_overlap
from scipy import stats

RNG = np.random.default_rng(10)


def run_with_a_jump(at, steps=30, noise=0.05):
    """Two samples whose map wobbles around one pattern; sample 0 changes to another one at step `at`."""
    patterns = RNG.random((2, 8, 8)) * 4
    heat = np.repeat(patterns[None], steps, axis=0)
    heat[at:, 0] = RNG.random((8, 8)) * 4
    return heat + noise * RNG.normal(size=heat.shape)


def test_drift_is_the_pairwise_comparison():
    heat = RNG.random((4, 2, 5, 6))
    got = measure.drift(heat)
    assert np.isnan(got.rank_to_previous[0]).all()
    assert np.isnan(got.overlap_to_previous[0]).all()
    for t, i in np.ndindex(4, 2):
        pair = heat[t, i].ravel(), heat[-1, i].ravel()
        assert got.rank_to_last[t, i] == pytest.approx(stats.spearmanr(*pair).statistic)
        assert got.overlap_to_last[t, i] == top_overlap(heat[t, [i]], heat[-1, [i]])[0]
        if t:
            pair = heat[t - 1, i].ravel(), heat[t, i].ravel()
            assert got.rank_to_previous[t, i] == pytest.approx(stats.spearmanr(*pair).statistic)
            assert got.overlap_to_previous[t, i] == top_overlap(heat[t - 1, [i]], heat[t, [i]])[0]


@pytest.mark.parametrize("shape", [(0, 2, 3, 3), (1, 2, 3, 3), (3, 0, 3, 3)])
def test_few_snapshots_have_few_answers(shape):
    got = measure.drift(RNG.random(shape))
    for row in (got.rank_to_previous, got.rank_to_last, got.overlap_to_previous, got.overlap_to_last):
        assert row.shape == shape[:2]
    assert not measure.jumps(got.rank_to_previous).any()
    np.testing.assert_array_equal(measure.settled(got.rank_to_last), np.full(shape[1], 0 if shape[0] else -1))


def test_scale_is_no_drift():
    heat = RNG.random((1, 2, 5, 5)) * np.array([1, 10, 0.01])[:, None, None, None]
    got = measure.drift(heat)
    np.testing.assert_allclose(got.rank_to_previous[1:], 1)
    np.testing.assert_allclose(got.overlap_to_last, 1)


def test_maps_without_an_order_are_not_defined():
    heat = RNG.random((3, 2, 4, 4))
    heat[1, 0], heat[1, 1, 0, 0] = 0, np.nan
    got = measure.drift(heat)
    assert np.isnan(got.rank_to_previous).all()
    assert np.isnan(got.rank_to_last).tolist() == [[False] * 2, [True] * 2, [False] * 2]


@pytest.mark.parametrize("at", [5, 12, 29])
def test_the_jump_is_found_where_it_is(at):
    similarity = measure.drift(run_with_a_jump(at)).rank_to_previous
    expected = np.zeros((30, 2), bool)
    expected[at, 0] = True
    np.testing.assert_array_equal(measure.jumps(similarity), expected)


def test_a_calm_run_does_not_jump():
    for noise in (0, 1e-4, 0.05):
        heat = run_with_a_jump(30, noise=noise)
        assert not measure.jumps(measure.drift(heat).rank_to_previous).any()


def test_a_run_that_always_moves_does_not_jump():
    heat = RNG.random((40, 3, 8, 8))
    assert measure.jumps(measure.drift(heat).rank_to_previous).mean() < 0.05


def test_jump_scores_are_the_definition():
    similarity = RNG.uniform(0, 1, (20, 2))
    similarity[0] = similarity[3, 0] = np.nan
    got = measure.jump_scores(similarity, window=8, least=4)
    for t, i in np.ndindex(20, 2):
        past = 1 - similarity[max(t - 8, 0) : t, i]
        past = past[np.isfinite(past)]
        if len(past) < 4 or np.isnan(similarity[t, i]):
            assert np.isnan(got[t, i])
        else:
            median = np.median(past)
            spread = max(1.4826 * np.median(np.abs(past - median)), measure.LEAST_SPREAD)
            assert got[t, i] == pytest.approx((1 - similarity[t, i] - median) / spread)


def test_the_threshold_counts():
    similarity = np.full((10, 1), 0.9)
    similarity[8] = 0.9 - 4 * measure.LEAST_SPREAD
    assert measure.jumps(similarity)[8, 0]
    assert not measure.jumps(similarity, threshold=4.5).any()


def test_settled():
    similarity = np.array(
        [
            [0.95, 0.95, 0.20, np.nan, 1.0],
            [0.50, 0.95, 0.30, np.nan, np.nan],
            [0.90, 0.92, 0.89, np.nan, 0.95],
            [1.00, 1.00, 1.00, np.nan, 1.0],
        ]
    )
    np.testing.assert_array_equal(measure.settled(similarity), [2, 0, 3, -1, 2])
    np.testing.assert_array_equal(measure.settled(similarity, least=0.4), [0, 0, 2, -1, 2])


@given(hnp.arrays(np.float64, (6, 3), elements=st.sampled_from([0.1, 0.9, 0.95, 1.0, np.nan])))
def test_settled_is_the_first_from_which_all_are_alike(similarity):
    for column, got in zip(similarity.T, measure.settled(similarity), strict=True):
        first = [t for t in range(6) if all(value >= 0.9 for value in column[t:])]
        assert got == (first[0] if first else -1)


def test_a_run_settles_after_its_jump():
    got = measure.settled(measure.drift(run_with_a_jump(12)).rank_to_last)
    np.testing.assert_array_equal(got, [12, 0])


def test_wrong_axes_are_named():
    with pytest.raises(ValueError, match=r"\[T n h w\]"):
        measure.drift(np.ones((3, 4, 4)))
    with pytest.raises(ValueError, match=r"\[T n\]"):
        measure.jumps(np.ones(3))
