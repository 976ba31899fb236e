# SPDX-License-Identifier: Apache-2.0
"""The probe: balanced, seeded, hashed, checked."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tb_xai_callbacks.measure.axes import input_kind
from tb_xai_callbacks.probe.samples import balanced, choose_probe, images_png
from tb_xai_callbacks.probe.trees import arrays_of


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(1, 20), st.integers(0, 3))
def test_no_class_is_preferred(labels, num_samples, seed):
    labels = np.array(labels)
    chosen = balanced(labels, num_samples, seed)
    assert len(set(chosen.tolist())) == len(chosen) == min(num_samples, len(labels))
    taken = np.bincount(labels[chosen], minlength=5)
    present = np.bincount(labels, minlength=5)
    exhausted = taken == present
    most = taken.max()
    # a class has at least one fewer than the most frequent one only if it has no more samples
    assert ((taken >= most - 1) | exhausted).all()
    np.testing.assert_array_equal(balanced(labels, num_samples, seed), chosen)


def test_the_same_samples_have_the_same_hash():
    x = np.random.default_rng(0).random((40, 1, 8, 8)).astype(np.float32)
    y = np.arange(40) % 10
    assert choose_probe(x, y).hash == choose_probe(x, y).hash
    assert choose_probe(x, y).hash != choose_probe(x + 1, y).hash
    assert choose_probe(x, y).hash != choose_probe(x, y, seed=1).hash


def test_labels_one_hot_column_and_values():
    x = np.zeros((4, 3), np.float32)
    np.testing.assert_array_equal(np.sort(choose_probe(x, np.eye(4)).labels), [0, 1, 2, 3])
    np.testing.assert_array_equal(
        np.sort(choose_probe(x, np.array([[1], [0], [1], [0]])).labels), [0, 0, 1, 1]
    )
    regression = choose_probe(x, np.array([0.5, 1.5, 2.5, 3.5]))
    assert regression.labels is None
    assert regression.targets is not None
    assert choose_probe(x).truth is None


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (np.zeros((0, 3)), None, "at least one sample"),
        (np.zeros((3, 2)), np.zeros(2, int), r"3 samples but labels of shape \(2,\)"),
        (np.zeros((2, 2)), np.array([0, -1]), "classes from 0, got -1"),
        (np.full((2, 2), np.nan), None, "every sample has NaN"),
        ({"a": np.zeros((2, 1)), "b": np.zeros((3, 1))}, None, r"different numbers of samples: \[2, 3\]"),
    ],
)
def test_bad_probes_get_a_sentence(inputs, labels, message):
    with pytest.raises(ValueError, match=message):
        choose_probe(inputs, labels)


def test_samples_with_nan_are_left_out_and_named():
    x = np.zeros((4, 3), np.float32)
    x[2, 1] = np.nan
    probe = choose_probe(x, np.arange(4))
    assert 2 not in probe.labels
    assert "1 of 4 probe samples" in probe.problems[0]
    assert probe.problems[0].endswith(": 2")


def test_nested_inputs_keep_their_structure():
    probe = choose_probe({"ids": np.arange(8).reshape(4, 2), "mask": np.ones((4, 2))}, num_samples=2)
    assert set(probe.inputs) == {"ids", "mask"}
    assert [len(a) for a in arrays_of(probe.inputs)] == [2, 2]
    assert probe.size == 2


@pytest.mark.parametrize(
    ("shape", "dtype", "kind"),
    [
        ((2, 1, 8, 8), "f4", "image"), ((2, 8, 8, 3), "f4", "image"), ((2, 28, 28), "f4", "image"),
        ((2, 9), "i8", "tokens"), ((2, 9), "f4", "tabular"), ((2, 100, 3), "f4", "series"),
        ((2, 16, 8, 8), "f4", "tensor"),
    ],
)  # fmt: skip
def test_kinds_of_input(shape, dtype, kind):
    assert input_kind(np.zeros(shape, dtype)) == kind


@pytest.mark.parametrize("shape", [(2, 1, 5, 6), (2, 3, 5, 6), (2, 5, 6, 3), (2, 5, 6)])
def test_pictures_share_one_brightness(shape):
    x = np.linspace(-3, 3, int(np.prod(shape))).reshape(shape)
    pictures = [np.asarray(Image.open(io.BytesIO(data))) for data in images_png(x)]
    assert all(picture.shape[:2] == (5, 6) for picture in pictures)
    assert min(p.min() for p in pictures) == 0
    assert max(p.max() for p in pictures) == 255
    assert pictures[0].max() < pictures[1].max()


def test_whole_numbers_are_kept():
    x = np.array([[[[0, 17], [200, 255]]]], float)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(images_png(x)[0]))), x[0, 0])
