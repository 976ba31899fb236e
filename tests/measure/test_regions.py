# SPDX-License-Identifier: Apache-2.0
"""Boxes and masks as users give them, against slow loops; what cannot be is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_xai_callbacks.measure.regions import masks_of

SIZE = (6, 9)


def test_boxes_masks_and_nothing_side_by_side():
    mask = np.zeros(SIZE, bool)
    mask[2, 3] = True
    found = masks_of([[(1, 0, 3, 2), (0, 1, 1, 3)], mask, None, []], 4, SIZE)
    expected = np.zeros(SIZE, int)
    expected[0:2, 1:3] = 1
    expected[1:3, 0:1] = 1
    np.testing.assert_array_equal(found[0], expected)
    np.testing.assert_array_equal(found[1], mask)
    assert not found[2:].any()
    np.testing.assert_array_equal(masks_of(np.stack([mask, ~mask]), 2, SIZE)[1], ~mask)
    np.testing.assert_array_equal(masks_of([(1, 0, 3, 2)], 1, SIZE)[0, :2, 1:3], True)


@given(st.data())
def test_a_box_is_the_pixels_whose_centres_it_holds(data):
    x0, x1 = sorted(data.draw(st.lists(st.floats(0, SIZE[1]), min_size=2, max_size=2)))
    y0, y1 = sorted(data.draw(st.lists(st.floats(0, SIZE[0]), min_size=2, max_size=2)))
    slow = [[x0 <= c + 0.5 < x1 and y0 <= r + 0.5 < y1 for c in range(SIZE[1])] for r in range(SIZE[0])]
    if np.any(slow):
        np.testing.assert_array_equal(masks_of([[(x0, y0, x1, y1)]], 1, SIZE)[0], slow)
    else:
        with pytest.raises(ValueError, match="sample 0, box 0"):
            masks_of([[(x0, y0, x1, y1)]], 1, SIZE)


@pytest.mark.parametrize(
    "box", [(0, 0, 10, 1), (-1, 0, 1, 1), (0, 0, 1, 7), (2, 0, 1, 1), (0, 1, 1, 1), (0, 0, np.nan, 2)]
)
def test_a_box_that_is_outside_or_empty_is_refused_with_its_index(box):
    with pytest.raises(ValueError, match=r"sample 1, box 2: got .* in a picture 9 wide and 6 high"):
        masks_of([None, [(0, 0, 1, 1), (0, 0, 9, 6), box]], 2, SIZE)


def test_other_things_are_refused_with_what_was_given():
    with pytest.raises(ValueError, match="got 2 entries for 3 samples"):
        masks_of([None, None], 3, SIZE)
    with pytest.raises(
        ValueError, match=r"sample 0: expected boxes .* or a mask of shape \(6, 9\), got .*\(9, 6\)"
    ):
        masks_of([np.zeros((9, 6), bool)], 1, SIZE)
