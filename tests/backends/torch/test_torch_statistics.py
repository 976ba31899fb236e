"""Device reductions against the slow ones in numpy."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tb_xai_callbacks.backends.torch.moments import (
    SAMPLE,
    WHOLE,
    careful_moments,
    fold_counts,
    raw_counts,
    stride_of,
)
from tb_xai_callbacks.backends.torch.reduce import Buffer
from tb_xai_callbacks.backends.torch.units import Units, gram, live_counts, participation_ratio
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
        np.testing.assert_allclose(got.values[0, :8], oracle.moments(array), rtol=2e-5, atol=_absolute(array))


def _absolute(array):
    """Variance is as exact as float32 lets it be beside the mean."""
    finite = np.abs(array[np.isfinite(array)].astype(np.float64))
    return float(finite.max(initial=0)) * 1e-5 + 1e-44


@settings(max_examples=60, deadline=None)
@given(ARRAYS)
def test_the_device_path_equals_the_oracle(array):
    got = careful_moments(torch.from_numpy(array).reshape(-1))[:5].numpy()
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
    np.testing.assert_allclose(
        got.values[0, :8], oracle.moments(values.float().numpy()), rtol=1e-5, atol=1e-6
    )


def test_a_scale_divides_first():
    assert reduced(torch.tensor([8.0, -4.0]), torch.tensor(4.0)).values[0, 4] == 2


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float32, (3, 4, 5), elements=st.sampled_from([0.0, -0.0, 1.0, -1.0, np.nan])))
def test_live_units_equal_the_oracle(array):
    for axis in (1, 2):
        np.testing.assert_array_equal(
            live_counts(Units(torch.from_numpy(array), axis)).numpy(), oracle.live_counts(array, axis)
        )


def test_gates_decide_what_is_alive():
    values = torch.tensor([[-1.0, 1.0, 0.0, -20.0]])
    assert live_counts(Units(values, 1), "relu").tolist() == [0, 1, 0, 0]
    assert live_counts(Units(values, 1), "gelu").tolist() == [1, 1, 0, 0]
    assert live_counts(Units(torch.tensor([[1e-7, 1.0]]), 1), "smooth").tolist() == [0, 1]


@pytest.mark.parametrize("gate", ["gelu", "silu", "mish", "relu", "smooth", ""])
def test_a_units_extremes_tell_what_all_its_positions_would(gate):
    """Oracle: the gate at every position."""
    values = torch.randn(6, 9, 5, 5, generator=torch.Generator().manual_seed(0)) * 4
    values[:, 0], values[:, 1], values[:, 2] = -30.0, 0.0, values[:, 2].abs()
    after = {
        "gelu": torch.nn.functional.gelu,
        "silu": torch.nn.functional.silu,
        "mish": torch.nn.functional.mish,
    }
    gated = torch.relu(values) if gate == "relu" else after.get(gate, lambda x: x)(values)
    bound = 0.0 if gate in ("relu", "") else 1e-5
    want = (gated.abs() > bound).flatten(2).any(2).sum(0)
    assert live_counts(Units(values, 1), gate).tolist() == want.tolist()


@settings(max_examples=100, deadline=None)
@given(st.integers(WHOLE + 1, 1 << 26))
def test_a_large_tensor_is_counted_evenly(count):
    stride = stride_of(count)
    assert np.gcd(stride, count) == 1
    assert len(range(0, count, stride)) >= SAMPLE


@pytest.mark.parametrize(
    "shape", [(32, 64, 32, 32), (16, 3, 224, 224), (8, 197, 768), (128, 100, 300), (30, 70, 33, 26)]
)
def test_usual_shapes_are_counted_in_a_sample_of_bounded_size(shape):
    count = int(np.prod(shape))
    assert len(range(0, count, stride_of(count))) <= 2 * WHOLE


def test_a_sample_of_a_large_tensor_is_close_and_its_moments_are_exact():
    generator = torch.Generator().manual_seed(0)
    values = torch.relu(torch.randn(32, 64, 32, 32, generator=generator)) * torch.rand(
        64, 1, 1, generator=generator
    )
    got = reduced(values)
    want = oracle.moments(values.numpy())
    np.testing.assert_allclose(got.values[0, :6], want[:6], rtol=1e-4)  # two million squares in float32
    assert got.values[0, 7] == 0
    share = 0.5 / SAMPLE**0.5
    assert abs(got.values[0, 6] - want[6]) < 4 * share
    full = oracle.histogram(values.numpy())
    assert got.counts[0].sum() < 2 * WHOLE < full.sum()
    np.testing.assert_allclose(got.counts[0] / got.counts[0].sum(), full / full.sum(), atol=4 * share)


def test_one_value_that_is_not_finite_is_found_in_a_large_tensor():
    values = torch.zeros(1 << 20)
    values[12_345] = float("nan")
    got = reduced(values)
    assert (got.values[0, 7], got.counts[0, -1], got.values[0, 0]) == (1, 1, 1 << 20)


def test_memory_that_is_channels_last_is_reduced_alike():
    values = torch.randn(4, 8, 96, 96, generator=torch.Generator().manual_seed(0))
    last = values.to(memory_format=torch.channels_last)
    np.testing.assert_allclose(reduced(last).values[0, :6], reduced(values).values[0, :6], rtol=1e-5)


def test_the_rank_equals_the_oracle():
    values = torch.randn(20, 6, 3, 3, generator=torch.Generator().manual_seed(0))
    got = float(participation_ratio(gram(Units(values, 1).mean)))
    assert got == pytest.approx(oracle.participation_ratio(values.numpy(), 1), rel=1e-4)
