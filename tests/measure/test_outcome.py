# SPDX-License-Identifier: Apache-2.0
"""Losses and scores of outputs, against torch and against closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tb_xai_callbacks.measure.outcome import (
    LossFacts,
    as_values,
    base_loss,
    data_loss,
    entropy,
    missed_classes,
    outcome,
    predicted,
    softmax,
)

GENERATOR = np.random.default_rng(0)
N, C = 40, 5
LOGITS = GENERATOR.normal(0, 2, (N, C)).astype(np.float32)
CLASSES = GENERATOR.integers(0, C, N)
VALUES = GENERATOR.normal(1, 2, (N, 3)).astype(np.float32)
TRUTH = GENERATOR.normal(0, 2, (N, 3)).astype(np.float32)
ONE = GENERATOR.normal(0, 2, (N, 1)).astype(np.float32)
BITS = GENERATOR.integers(0, 2, N)
MANY_BITS = GENERATOR.integers(0, 2, (N, 3)).astype(np.float32)
PROBABILITY = 1 / (1 + np.exp(-ONE))


def t(array):
    return torch.from_numpy(np.asarray(array))


def onehot():
    return functional.one_hot(t(CLASSES), C).float()


def facts(loss, link="", head="linear"):
    return LossFacts(loss, "mean", head, link)


#: (facts, outputs, truth, what torch says)
CASES = {
    "cross-entropy": (facts("cross_entropy", "log_softmax"), LOGITS, CLASSES,
                      functional.cross_entropy(t(LOGITS), t(CLASSES))),
    "cross-entropy of probabilities": (
        facts("cross_entropy", "log_softmax", "softmax"), softmax(LOGITS, axis=-1), CLASSES,
        functional.cross_entropy(t(softmax(LOGITS, axis=-1)), t(CLASSES)),
    ),
    "softmax twice": (
        facts("cross_entropy", "softmax+log_softmax"), LOGITS, CLASSES,
        functional.cross_entropy(t(LOGITS).softmax(1), t(CLASSES)),
    ),
    "nll of log-probabilities": (
        facts("nll", head="log_softmax"), np.log(softmax(LOGITS, axis=-1)), CLASSES,
        functional.nll_loss(t(LOGITS).log_softmax(1), t(CLASSES)),
    ),
    "nll of the logarithm": (
        facts("nll", "log", "softmax"), softmax(LOGITS, axis=-1), CLASSES,
        functional.nll_loss(t(softmax(LOGITS, axis=-1)).log(), t(CLASSES)),
    ),
    "nll of raw logits": (facts("nll"), LOGITS, CLASSES, functional.nll_loss(t(LOGITS), t(CLASSES))),
    "kl of probabilities and one-hot rows": (
        facts("kl", head="softmax"), softmax(LOGITS, axis=-1), CLASSES,
        functional.kl_div(t(LOGITS).log_softmax(1), onehot(), reduction="batchmean"),
    ),
    "bce": (
        facts("bce", head="sigmoid"), PROBABILITY, BITS,
        functional.binary_cross_entropy(t(PROBABILITY)[:, 0], t(BITS).float()),
    ),
    "bce of a sigmoid in the loss": (
        facts("bce", "sigmoid"), ONE, BITS,
        functional.binary_cross_entropy(t(ONE).sigmoid()[:, 0], t(BITS).float()),
    ),
    "bce with logits": (
        facts("bce_logits"), ONE, BITS,
        functional.binary_cross_entropy_with_logits(t(ONE)[:, 0], t(BITS).float()),
    ),
    "bce with logits and several labels": (
        facts("bce_logits"), VALUES, MANY_BITS,
        functional.binary_cross_entropy_with_logits(t(VALUES), t(MANY_BITS)),
    ),
    "bce with logits against one-hot rows": (
        facts("bce_logits"), LOGITS, CLASSES,
        functional.binary_cross_entropy_with_logits(t(LOGITS), onehot()),
    ),
    "mse": (facts("mse"), VALUES, TRUTH, functional.mse_loss(t(VALUES), t(TRUTH))),
    "mse of one output": (facts("mse"), ONE, TRUTH[:, 0], functional.mse_loss(t(ONE)[:, 0], t(TRUTH)[:, 0])),
    "mse against one-hot rows": (facts("mse"), LOGITS, CLASSES, functional.mse_loss(t(LOGITS), onehot())),
    "l1": (facts("l1"), VALUES, TRUTH, functional.l1_loss(t(VALUES), t(TRUTH))),
    "huber": (facts("huber"), VALUES, TRUTH, functional.huber_loss(t(VALUES), t(TRUTH))),
    "smooth l1": (facts("huber"), VALUES, TRUTH, functional.smooth_l1_loss(t(VALUES), t(TRUTH))),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_loss_is_the_one_that_torch_computes(name):
    known, outputs, truth, wanted = CASES[name]
    assert data_loss(outputs, truth, known) == pytest.approx(float(wanted), rel=1e-5)


@pytest.mark.parametrize(
    ("known", "outputs", "truth"),
    [
        (facts("other"), VALUES, TRUTH),
        (facts(""), LOGITS, CLASSES),
        (facts("cross_entropy", "exp"), LOGITS, CLASSES),
        (facts("cross_entropy", "log_softmax"), LOGITS[:, :3], CLASSES),
        (facts("cross_entropy", "log_softmax"), LOGITS, TRUTH),
        (facts("mse"), VALUES, TRUTH[:, :2]),
        (facts("mse"), LOGITS[:, :3], CLASSES),
    ],
    ids=["other", "unknown", "unknown link", "too few outputs", "values", "other shape", "too few columns"],
)
def test_a_loss_that_is_not_known_or_does_not_fit_is_nan(known, outputs, truth):
    assert np.isnan(data_loss(outputs, truth, known))


def best(loss, truth, columns, apply=lambda x: x):
    """The lowest mean loss of any constant outputs, found by descent in float64."""
    constant = torch.zeros(columns, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([constant], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        found = loss(apply(constant).expand(len(truth), columns), truth)
        found.backward()
        return found

    optimizer.step(closure)
    return float(closure().detach())


#: (facts, truth, outputs' columns, the best constant's loss by torch)
CONSTANTS = {
    "cross-entropy": (facts("cross_entropy", "log_softmax"), CLASSES, C,
                      best(functional.cross_entropy, t(CLASSES), C)),
    "nll": (facts("nll", "log"), CLASSES, C,
            best(lambda x, y: functional.nll_loss(x.log_softmax(1), y), t(CLASSES), C)),
    "kl": (facts("kl"), CLASSES, C, best(lambda x, y: functional.kl_div(
        x.log_softmax(1), functional.one_hot(y, C).double(), reduction="batchmean"), t(CLASSES), C)),
    "bce": (facts("bce"), BITS, 1,
            best(functional.binary_cross_entropy, t(BITS).double()[:, None], 1, torch.sigmoid)),
    "bce with logits": (facts("bce_logits"), MANY_BITS, 3,
                        best(functional.binary_cross_entropy_with_logits, t(MANY_BITS).double(), 3)),
    "bce with logits, one-hot": (facts("bce_logits"), CLASSES, C,
                                 best(functional.binary_cross_entropy_with_logits, onehot().double(), C)),
    "mse": (facts("mse"), TRUTH, 3, best(functional.mse_loss, t(TRUTH).double(), 3)),
    "l1": (facts("l1"), TRUTH, 3, float(np.abs(TRUTH - np.median(TRUTH, axis=0)).mean())),
}  # fmt: skip


@pytest.mark.parametrize("name", CONSTANTS)
def test_the_base_is_the_loss_of_the_best_constant(name):
    known, truth, columns, wanted = CONSTANTS[name]
    assert base_loss(truth, columns, known) == pytest.approx(wanted, rel=1e-4)


def test_the_base_of_a_huber_loss_is_that_of_the_median_and_close_to_the_best():
    optimum = best(functional.huber_loss, t(TRUTH).double(), 3)
    found = base_loss(TRUTH, 3, facts("huber"))
    assert optimum <= found <= 1.02 * optimum


@pytest.mark.parametrize(
    ("known", "truth", "columns", "wanted"),
    [
        (facts("cross_entropy"), np.arange(10).repeat(3), 10, np.log(10)),
        (facts("cross_entropy"), np.zeros(8, np.int64), 4, 0.0),
        (facts("bce"), np.array([0, 1, 1, 1]), 1, -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))),
        (facts("mse"), np.array([1.0, 3.0]), 1, 1.0),
        (facts("l1"), np.array([0.0, 1.0, 8.0]), 1, 8 / 3),
        (facts("mse"), np.array([[0.0, 0.0], [2.0, 4.0]]), 2, 2.5),
        (facts("huber"), np.array([0.0, 0.0, 0.5]), 1, 0.125 / 3),
    ],
)
def test_bases_in_closed_form(known, truth, columns, wanted):
    assert base_loss(truth, columns, known) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("known", "truth", "columns"),
    [
        (facts("other"), TRUTH, 3),
        (facts("bce"), np.array([-1.0, 1.0]), 1),
        (facts("mse"), TRUTH, 2),
        (facts("mse"), CLASSES, 2),
        (facts("cross_entropy"), TRUTH, 3),
    ],
    ids=["unknown", "targets that are no probabilities", "other shape", "too few columns", "values"],
)
def test_a_base_that_is_not_known_is_nan(known, truth, columns):
    assert np.isnan(base_loss(truth, columns, known))


@given(st.lists(st.integers(0, 4), min_size=2, max_size=30))
def test_no_constant_is_better_than_the_base(labels):
    truth = np.array(labels)
    base = base_loss(truth, 5, facts("cross_entropy", "log_softmax"))
    for row in (np.zeros(5), np.log(np.bincount(truth, minlength=5) + 1), LOGITS[0]):
        outputs = np.broadcast_to(row, (len(truth), 5))
        assert data_loss(outputs, truth, facts("cross_entropy", "log_softmax")) >= base - 1e-6


# ---- the parts


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [([5], 0), ([5, 5], np.log(2)), ([0, 5, 5, 0], np.log(2)), ([1] * 8, np.log(8)), ([], 0), ([0, 0], 0)],
)
def test_entropy_in_nats(counts, wanted):
    assert entropy(np.array(counts)) == pytest.approx(wanted)


def test_softmax_does_not_overflow():
    assert softmax(np.array([[1e4, 0.0], [-1e4, -1e4]]), axis=-1).tolist() == [[1, 0], [0.5, 0.5]]


def test_classes_become_one_hot_rows_only_where_there_are_columns_for_them():
    assert as_values(np.array([1, 0]), 2).tolist() == [[0, 1], [1, 0]]
    assert as_values(np.array([1, 0]), 1).tolist() == [[1], [0]]
    assert as_values(np.array([2, 0]), 2) is None
    assert as_values(np.array([[0.5], [1]]), 1).tolist() == [[0.5], [1]]


@pytest.mark.parametrize(
    ("outputs", "known", "wanted"),
    [
        ([[1, 2], [3, 0]], facts("cross_entropy"), [1, 0]),
        ([[np.nan, -5], [np.nan, np.nan]], facts("cross_entropy"), [1, 0]),
        ([[-0.1], [0.1]], facts("bce_logits"), [0, 1]),
        ([[0.4], [0.6]], facts("bce", head="sigmoid"), [0, 1]),
        ([[0.4], [0.6]], facts("mse", head="sigmoid"), [0, 1]),
    ],
)
def test_what_is_predicted(outputs, known, wanted):
    assert predicted(np.array(outputs), known).tolist() == wanted


def test_classes_of_which_no_sample_is_recognised_are_missed():
    outputs = np.eye(4)[[0, 0, 1, 0, 3]]
    known = facts("cross_entropy")
    assert missed_classes(outputs, np.array([0, 0, 1, 2, 2]), known) == {"missed_classes": 1}
    assert missed_classes(outputs, np.array([1, 1, 0, 2, 2]), known) == {"missed_classes": 3}
    assert missed_classes(outputs, np.array([0, 0, 1, 0, 3]), known) == {"missed_classes": 0}


def test_a_check_up_of_classes():
    outputs = np.array([[2.0, 0], [2, 0], [0, 2], [2, 0]])
    truth = np.array([0, 0, 1, 1])
    found = outcome(outputs, truth, facts("cross_entropy", "log_softmax"), classes=True)
    assert found["accuracy"] == 0.75
    assert found["prediction_entropy"] == pytest.approx(entropy([3, 1]))
    assert found["loss"] == pytest.approx(float(functional.cross_entropy(t(outputs), t(truth))))
    assert found["output_std"] == pytest.approx(outputs.std(axis=0).max())
    assert found["output_scale"] == pytest.approx(np.sqrt((outputs**2).mean()))
    assert (found["output_low"], found["output_high"]) == (0, 2)


def test_a_check_up_of_values():
    found = outcome(TRUTH + 1, TRUTH, facts("mse"), classes=False)
    spread = ((TRUTH - TRUTH.mean(axis=0)) ** 2).sum()
    assert found["r2"] == pytest.approx(1 - TRUTH.size / spread, rel=1e-4)
    assert found["loss"] == pytest.approx(1, rel=1e-4)
    assert "accuracy" not in found


def test_a_check_up_without_answers_tells_of_the_outputs_only():
    assert set(outcome(VALUES, None, facts("mse"), classes=False)) == {
        "output_std", "output_scale", "output_low", "output_high",
    }  # fmt: skip


def test_outputs_that_are_not_finite_make_figures_that_are_not():
    found = outcome(
        np.full((4, 2), np.nan), np.array([0, 1, 0, 1]), facts("cross_entropy", "log_softmax"), True
    )
    assert np.isnan(found["output_std"])
    assert np.isnan(found["loss"])
