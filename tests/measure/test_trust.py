# SPDX-License-Identifier: Apache-2.0
"""Trust in a map, and comparing maps by order: scipy, closed forms, slow loops, properties."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from tb_xai_callbacks.measure import ranks, trust
from tb_xai_callbacks.measure.inputs import noisy_copies
from tb_xai_callbacks.measure.resize import bilinear

RNG = np.random.default_rng(9)
#: Few distinct values, so that ties are the rule.
MAPS = hnp.arrays(np.float64, (3, 4, 3), elements=st.integers(-3, 3).map(float))


def linear_score(weights):
    return lambda x: (x * weights).sum((1, 2, 3))


@given(MAPS)
def test_ranks_equal_scipy(maps):
    flat = maps.reshape(3, 12)
    np.testing.assert_array_equal(ranks.ranks(flat), stats.rankdata(flat, axis=1))


@given(MAPS, MAPS)
def test_rank_correlation_equals_scipy(a, b):
    got = ranks.rank_correlation(a, b)
    for i in range(3):
        x, y = a[i].ravel(), b[i].ravel()
        if np.ptp(x) and np.ptp(y):
            assert got[i] == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
        else:
            assert np.isnan(got[i])


@given(MAPS)
def test_rank_correlation_sees_order_alone(maps):
    assume(all(np.ptp(one) > 0 for one in maps))
    np.testing.assert_allclose(ranks.rank_correlation(maps, np.exp(maps) * 5), 1)
    np.testing.assert_allclose(ranks.rank_correlation(maps, -maps), -1)


def test_maps_without_an_order_have_no_correlation():
    maps = RNG.normal(size=(4, 3, 3))
    spoilt = maps.copy()
    spoilt[1] = 2
    spoilt[2, 0, 0] = np.nan
    spoilt[3, 0, 0] = np.inf
    for pair in ((maps, spoilt), (spoilt, maps)):
        assert np.isnan(ranks.rank_correlation(*pair)).tolist() == [False, True, True, True]
    with pytest.raises(ValueError, match="one shape"):
        ranks.rank_correlation(maps, maps[:2])


@given(st.integers(2, 7), st.integers(2, 7), st.integers(0, 99))
def test_pixels_are_ordered_by_heat(rows, columns, seed):
    heat = np.random.default_rng(seed).integers(0, 3, (2, 3, 3)).astype(float)
    places = trust.pixel_order(heat, (rows, columns))
    wide = bilinear(heat, (rows, columns)).reshape(2, -1)
    for i in range(2):
        order = np.argsort(places[i].ravel())
        assert sorted(places[i].ravel()) == list(range(rows * columns))
        assert (np.diff(wide[i][order]) <= 0).all()


def test_equal_pixels_are_not_ordered_by_position():
    places = trust.pixel_order(np.zeros((1, 4, 4)), (16, 16)).ravel()
    assert abs(stats.spearmanr(places, np.arange(256)).statistic) < 0.2
    np.testing.assert_array_equal(places, trust.pixel_order(np.zeros((1, 4, 4)), (16, 16)).ravel())


def slow_curve(score, start, end, heat, steps):
    """One sample [c h w], pixel by pixel; heat without ties, of the input's size."""
    order = np.argsort(-heat.ravel())
    scores = []
    for step in range(steps + 1):
        mixed = start.copy()
        for pixel in order[: round(step / steps * heat.size)]:
            mixed[:, pixel // heat.shape[1], pixel % heat.shape[1]] = end[
                :, pixel // heat.shape[1], pixel % heat.shape[1]
            ]
        scores.append(score(mixed[None])[0])
    return scores, np.mean((np.array(scores[1:]) + scores[:-1]) / 2)


@pytest.mark.parametrize("steps", [1, 3, 12])
def test_deletion_and_insertion_are_the_slow_ones(steps):
    images, weights, heat = RNG.normal(size=(2, 2, 3, 4)), RNG.normal(size=(2, 3, 4)), RNG.random((2, 3, 4))
    score = linear_score(weights)
    deleted = trust.deletion(score, images, heat, baseline=0.5, steps=steps)
    inserted = trust.insertion(score, images, heat, baseline=0.5, steps=steps)
    grey = np.full((2, 3, 4), 0.5)
    for i in range(2):
        scores, area = slow_curve(score, images[i], grey, heat[i], steps)
        np.testing.assert_allclose(deleted.scores[i], scores)
        assert deleted.area[i] == pytest.approx(area)
        scores, area = slow_curve(score, grey, images[i], heat[i], steps)
        np.testing.assert_allclose(inserted.scores[i], scores)
        assert inserted.area[i] == pytest.approx(area)


def test_the_true_map_deletes_and_inserts_best():
    images, weights = RNG.normal(size=(3, 1, 8, 8)), RNG.normal(size=(1, 8, 8))
    true = (images * weights)[:, 0]
    score = linear_score(weights)
    maps = {"true": true, "random": RNG.random(true.shape), "reversed": -true}
    deleted = {name: trust.deletion(score, images, heat).area for name, heat in maps.items()}
    inserted = {name: trust.insertion(score, images, heat).area for name, heat in maps.items()}
    assert (deleted["true"] < deleted["random"]).all()
    assert (deleted["random"] < deleted["reversed"]).all()
    assert (inserted["true"] > inserted["random"]).all()
    assert (inserted["random"] > inserted["reversed"]).all()


def test_a_constant_score_has_that_area():
    curve = trust.deletion(
        lambda x: np.full(len(x), 0.7), np.ones((2, 3, 6, 6)), RNG.random((2, 2, 2)), steps=7
    )
    np.testing.assert_allclose(curve.area, 0.7)
    np.testing.assert_allclose(curve.shares, np.linspace(0, 1, 8))


def test_channels_last_gives_the_same_curve():
    images, weights, heat = RNG.normal(size=(2, 3, 6, 5)), RNG.normal(size=(3, 6, 5)), RNG.random((2, 3, 3))
    first = trust.deletion(linear_score(weights), images, heat, baseline=0.2)
    last = trust.deletion(
        linear_score(np.moveaxis(weights, 0, -1)), np.moveaxis(images, 1, -1), heat, baseline=0.2, axes=(1, 2)
    )
    np.testing.assert_allclose(first.scores, last.scores)


def test_maps_that_order_nothing_have_no_area():
    heat = RNG.random((3, 2, 2))
    heat[1], heat[2, 0, 0] = 3, np.nan
    for measure in (trust.deletion, trust.insertion):
        got = measure(lambda x: x.mean((1, 2, 3)), np.ones((3, 1, 4, 4)), heat)
        assert np.isnan(got.area).tolist() == [False, True, True]
        assert np.isfinite(got.scores).all()
    with pytest.raises(ValueError, match="at least 1 step"):
        trust.deletion(lambda x: x.mean((1, 2, 3)), np.ones((3, 1, 4, 4)), heat, steps=0)
    with pytest.raises(ValueError, match="2 of 3"):
        trust.deletion(lambda x: x.mean((1, 2, 3)), np.ones((3, 1, 4, 4)), heat[:2])


def test_stability_is_the_mean_over_repeats():
    maps, noisy = RNG.normal(size=(2, 4, 4)), RNG.normal(size=(3, 2, 4, 4))
    got = trust.stability(maps, noisy)
    for i in range(2):
        rank = np.mean([stats.spearmanr(maps[i].ravel(), other[i].ravel()).statistic for other in noisy])
        distance = np.mean([np.linalg.norm(other[i] - maps[i]) / np.linalg.norm(maps[i]) for other in noisy])
        assert got.rank[i] == pytest.approx(rank)
        assert got.relative_l2[i] == pytest.approx(distance)
    with pytest.raises(ValueError, match="at least one"):
        trust.stability(maps, [])


def test_more_noise_is_less_stable_and_none_is_stable():
    images = RNG.normal(size=(2, 3, 8, 8))
    stable = [
        trust.stability(images.sum(1), (copy.sum(1) for copy in noisy_copies(images, noise, 5, 0)))
        for noise in (0, 0.01, 0.3)
    ]
    np.testing.assert_allclose(stable[0].rank, 1)
    np.testing.assert_array_equal(stable[0].relative_l2, 0)
    assert (stable[1].rank > stable[2].rank).all()
    assert (stable[1].relative_l2 < stable[2].relative_l2).all()


def test_maps_without_size_have_no_relative_distance():
    maps = np.ones((3, 2, 2))
    maps[1], maps[2, 0, 0] = 0, np.nan
    assert np.isnan(trust.relative_l2(maps, np.ones((3, 2, 2)))).tolist() == [False, True, True]
    got = trust.stability(maps, [RNG.random((3, 2, 2))])
    assert np.isnan(got.rank).tolist() == [True, True, True]


def test_completeness_gap_is_what_the_sum_misses():
    np.testing.assert_allclose(trust.completeness_gap(np.ones((2, 3, 2)), np.array([6.0, 5.0])), [0, 1])
    assert np.isnan(trust.completeness_gap(np.array([[np.nan]]), np.array([1.0])))[0]


def test_pointing_game():
    heat = np.zeros((6, 2, 2))
    heat[:, 0, 0] = 1
    heat[2, 1, 1] = 1  # two hottest pixels, one inside
    heat[3] = 5
    heat[4, 1, 0] = np.nan
    masks = np.zeros((6, 2, 2), bool)
    masks[:, 0, 0] = True
    masks[1] = ~masks[1]
    masks[5] = False
    np.testing.assert_array_equal(trust.pointing_game(heat, masks), [1, 0, 0.5, np.nan, np.nan, np.nan])


def test_relevance_mass():
    heat = np.array([[[3.0, 1], [-5, 0]], [[2, 2], [2, 2]], [[-1, 0], [0, 0]], [[np.nan, 1], [0, 0]]])
    masks = np.zeros((4, 2, 2), bool)
    masks[:, 0, 0] = True
    np.testing.assert_array_equal(trust.relevance_mass(heat, masks), [0.75, 0.25, np.nan, np.nan])
    assert np.isnan(trust.relevance_mass(heat[:1], masks[:1] & False))[0]


@pytest.mark.parametrize("measure", [trust.pointing_game, trust.relevance_mass])
def test_heat_is_upsampled_to_the_mask(measure):
    heat, masks = RNG.random((2, 3, 4)), RNG.random((2, 9, 10)) > 0.5
    np.testing.assert_allclose(measure(heat, masks), measure(bilinear(heat, (9, 10)), masks))
    with pytest.raises(ValueError, match="2 maps and 1 masks"):
        measure(heat, masks[:1])


@given(MAPS)
def test_mass_inside_and_outside_is_everything(maps):
    masks = np.zeros(maps.shape, bool)
    masks[:, :2] = True
    total = trust.relevance_mass(maps, masks) + trust.relevance_mass(maps, ~masks)
    assert (np.isnan(total) | (np.abs(total - 1) < 1e-12)).all()
