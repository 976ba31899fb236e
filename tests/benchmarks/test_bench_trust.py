"""The published findings come out on digits, qualitatively, with this project's methods."""

import numpy as np
import pytest

from benchmarks import trust

SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def trained():
    return [trust.train(seed) for seed in SEEDS]


@pytest.mark.slow
def test_guided_backpropagation_fails_the_sanity_check_and_the_others_do_not(trained):
    assert all(one.accuracy > 0.94 for one in trained)
    tables = [trust.sanity(one, seed) for seed, one in zip(SEEDS, trained, strict=True)]
    after = {name: np.mean([table[name] for table in tables], axis=0) for name in trust.SANITY}
    assert after["guided_backprop"][0] > 0.75
    assert after["guided_backprop"][-1] > 0.4
    for method in ("saliency", "grad_cam"):
        assert np.abs(after[method][-1]) < 0.3, method
        assert after[method].max() < after["guided_backprop"].min()


@pytest.mark.slow
def test_deletion_and_insertion_have_the_known_order(trained):
    found = [trust.areas(one, seed) for seed, one in zip(SEEDS, trained, strict=True)]
    deletion = [np.mean([one[method][0] for one in found]) for method in trust.ORDER]
    insertion = [np.mean([one[method][1] for one in found]) for method in trust.ORDER]
    assert deletion == sorted(deletion)
    assert insertion == sorted(insertion, reverse=True)
    assert deletion[2] < 0.8 * deletion[3]
