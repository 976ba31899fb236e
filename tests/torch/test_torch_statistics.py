"""Device reductions against the slow ones in numpy."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tb_xai_callbacks.backends.torch_reduce import (
    Buffer,
    _careful_moments,
    fold_counts,
    live_counts,
    raw_counts,
)
from tb_xai_callbacks.measure import statistics as oracle

ARRAYS = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=1, max_dims=3), elements=st.floats(width=32, allow_subnormal=True)
)
HALVES = hnp.arrays(np.float16, hnp.array_shapes(min_dims=1, max_dims=3), elements=st.floats(width=16))


def reduced(values, scale=None):
    buffer = Buffer("weight", "probe", 1)
    buffer.add(0, values, scale)
    return buffer.pending()()[0]


@settings(max_examples=150, deadline=None)
@given(ARRAYS | HALVES)
def test_moments_and_counts_equal_the_oracle(array):
    got = reduced(torch.from_numpy(array))
    np.testing.assert_array_equal(got.counts[0], oracle.histogram(array))
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(got.values[0], oracle.moments(array), rtol=2e-5, atol=_absolute(array))


def _absolute(array):
    """Variance is as exact as float32 lets it be beside the mean."""
    finite = np.abs(array[np.isfinite(array)].astype(np.float64))
    return float(finite.max(initial=0)) * 1e-5 + 1e-44


@settings(max_examples=60, deadline=None)
@given(ARRAYS)
def test_the_device_path_equals_the_oracle(array):
    got = _careful_moments(torch.from_numpy(array).reshape(-1)).numpy()
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(
            got.astype(np.float32), oracle.moments(array)[1:6], rtol=1e-5, atol=_absolute(array)
        )


def test_negative_zero_denormals_and_nonfinite_values_have_their_bins():
    array = np.array([0.0, -0.0, 1e-45, -1e-45, np.inf, -np.inf, np.nan, 1.0, -2.0], np.float32)
    got = fold_counts(raw_counts(torch.from_numpy(array)).numpy()[None])[0]
    np.testing.assert_array_equal(got, oracle.histogram(array))
    assert got[64] == 2
    assert got[-1] == 3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_types_are_reduced_in_float32(dtype):
    values = torch.randn(40, generator=torch.Generator().manual_seed(0)).to(dtype)
    got = reduced(values)
    np.testing.assert_allclose(got.values[0], oracle.moments(values.float().numpy()), rtol=1e-5, atol=1e-6)


def test_a_scale_divides_first():
    assert reduced(torch.tensor([8.0, -4.0]), torch.tensor(4.0)).values[0, 4] == 2


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float32, (3, 4, 5), elements=st.sampled_from([0.0, -0.0, 1.0, -1.0, np.nan])))
def test_live_units_equal_the_oracle(array):
    for axis in (1, 2):
        np.testing.assert_array_equal(
            live_counts(torch.from_numpy(array), axis).numpy(), oracle.live_counts(array, axis)
        )


def test_gates_decide_what_is_alive():
    values = torch.tensor([[-1.0, 1.0, 0.0, -20.0]])
    assert live_counts(values, 1, "relu").tolist() == [0, 1, 0, 0]
    assert live_counts(values, 1, "gelu").tolist() == [1, 1, 0, 0]
    assert live_counts(torch.tensor([[1e-7, 1.0]]), 1, "smooth").tolist() == [0, 1]
