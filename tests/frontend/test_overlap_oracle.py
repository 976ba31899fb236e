# SPDX-License-Identifier: Apache-2.0
"""The strongest cells of maps, and how far those of two maps overlap: sets that are known by hand."""

import numpy as np
import overlap
import pytest


def test_strongest_cells():
    maps = np.array([np.arange(10), [5, 5, 5, 1, 1, 1, 1, 1, 1, 1], [1, *[0] * 9], [4] * 10])
    assert overlap.strongest(maps, 0.1).sum(1).tolist() == [1, 3, 1, 0]
    assert overlap.strongest(maps, 0.3).sum(1).tolist() == [3, 3, 1, 0]
    assert overlap.strongest(maps, 1).sum(1).tolist() == [9, 3, 1, 0]
    assert overlap.strongest(maps, 0.3)[0].tolist() == [False] * 7 + [True] * 3
    with pytest.raises(ValueError, match="share"):
        overlap.strongest(maps, 0)


def test_overlap_of_known_sets():
    a, b = np.zeros((2, 1, 20))
    a[0, [0, 1]] = 1
    b[0, [1, 2]] = 1
    np.testing.assert_allclose(overlap.top_overlap(a, b), 1 / 3)
    np.testing.assert_allclose(overlap.top_overlap(a, a), 1)
    np.testing.assert_allclose(overlap.top_overlap(a, np.roll(a, 5)), 0)


def test_maps_without_an_order_have_no_overlap():
    maps = np.random.default_rng(0).normal(size=(4, 3, 3))
    spoilt = maps.copy()
    spoilt[1] = 2
    spoilt[2, 0, 0] = np.nan
    spoilt[3, 0, 0] = np.inf
    for pair in ((maps, spoilt), (spoilt, maps)):
        assert np.isnan(overlap.top_overlap(*pair)).tolist() == [False, True, True, True]
