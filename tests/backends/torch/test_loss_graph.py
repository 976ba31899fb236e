# SPDX-License-Identifier: Apache-2.0
"""What a loss is, read from real autograd graphs, against what it is."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tb_xai_callbacks.backends.torch.loss_graph import read_loss
from tb_xai_callbacks.measure.outcome import data_loss

B, C = 8, 5
pytestmark = pytest.mark.filterwarnings("ignore:Using a target size", "ignore:reduction. 'mean' divides")


LINEAR, SINGLE = nn.Linear(6, C), nn.Linear(6, 1)
X = torch.randn(B, 6)
Y = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2])
ONEHOT = functional.one_hot(Y, C).float()
SOFT = torch.rand(B, C).softmax(1)
T = torch.rand(B)
T1 = T[:, None]

#: Models: what their output is made by.
MODELS = {
    "logits": lambda: LINEAR(X),
    "softmax": lambda: LINEAR(X).softmax(1),
    "log_softmax": lambda: LINEAR(X).log_softmax(1),
    "softmax over samples": lambda: LINEAR(X).softmax(0),
    "log_softmax over samples": lambda: LINEAR(X).log_softmax(0),
    "relu": lambda: LINEAR(X).relu(),
    "tanh, reshaped": lambda: LINEAR(X).tanh().view(B, C, 1).squeeze(2),
    "single": lambda: SINGLE(X),
    "single, flat": lambda: SINGLE(X).squeeze(1),
    "sigmoid": lambda: SINGLE(X).sigmoid(),
    "sigmoid, flat": lambda: SINGLE(X).sigmoid().squeeze(1),
}

ce, nll, mse = functional.cross_entropy, functional.nll_loss, functional.mse_loss
bce, bce_logits = functional.binary_cross_entropy, functional.binary_cross_entropy_with_logits
kl = functional.kl_div

#: name: (model, loss of the output, (loss, reduction, head, link))
GRAPHS = {
    "cross-entropy": ("logits", lambda o: ce(o, Y), ("cross_entropy", "mean", "linear", "log_softmax")),
    "its sum": (
        "logits", lambda o: ce(o, Y, reduction="sum"),
        ("cross_entropy", "sum", "linear", "log_softmax"),
    ),
    "class weights": (
        "logits", lambda o: ce(o, Y, weight=torch.ones(C)),
        ("cross_entropy", "mean", "linear", "log_softmax"),
    ),
    "label smoothing": (
        "logits", lambda o: ce(o, Y, label_smoothing=0.1),
        ("cross_entropy", "mean", "linear", "log_softmax"),
    ),
    "smoothed sum": (
        "logits", lambda o: ce(o, Y, label_smoothing=0.1, reduction="sum"),
        ("cross_entropy", "sum", "linear", "log_softmax"),
    ),
    "soft targets": ("logits", lambda o: ce(o, SOFT), ("cross_entropy", "mean", "linear", "log_softmax")),
    "sum of soft targets": (
        "logits", lambda o: ce(o, SOFT, reduction="sum"),
        ("cross_entropy", "sum", "linear", "log_softmax"),
    ),
    "kl": (
        "logits", lambda o: kl(o.log_softmax(1), SOFT, reduction="batchmean"),
        ("other", "mean", "linear", "log_softmax"),
    ),
    "by hand": (
        "logits", lambda o: -(ONEHOT * o.log_softmax(1)).sum(1).mean(),
        ("cross_entropy", "mean", "linear", "log_softmax"),
    ),
    "cross-entropy of relu": ("relu", lambda o: ce(o, Y), ("cross_entropy", "mean", "relu", "log_softmax")),
    "cross-entropy of moved tanh": (
        "tanh, reshaped", lambda o: ce(o, Y),
        ("cross_entropy", "mean", "tanh", "log_softmax"),
    ),
    "softmax twice, in the model": (
        "softmax", lambda o: ce(o, Y),
        ("cross_entropy", "mean", "softmax", "log_softmax"),
    ),
    "softmax twice, outside": (
        "logits", lambda o: ce(o.softmax(1), Y),
        ("cross_entropy", "mean", "linear", "softmax+log_softmax"),
    ),
    "log-softmax and nll": ("log_softmax", lambda o: nll(o, Y), ("nll", "mean", "log_softmax", "")),
    "nll of a logarithm": ("softmax", lambda o: nll(o.log(), Y), ("nll", "mean", "softmax", "log")),
    "nll of softmax and log": (
        "logits", lambda o: nll(o.softmax(1).log(), Y),
        ("nll", "mean", "linear", "softmax+log"),
    ),
    "nll of raw logits": ("logits", lambda o: nll(o, Y), ("nll", "mean", "linear", "")),
    "nll of probabilities": ("softmax", lambda o: nll(o, Y), ("nll", "mean", "softmax", "")),
    "log by hand, with an epsilon": (
        "softmax", lambda o: -(ONEHOT * (o + 1e-7).log()).sum(1).mean(),
        ("nll", "mean", "softmax", "log"),
    ),
    "log of the right one": (
        "softmax", lambda o: -o[torch.arange(B), Y].log().mean(),
        ("nll", "mean", "softmax", "log"),
    ),
    "softmax over samples": (
        "softmax over samples", lambda o: nll(o.log(), Y),
        ("nll", "mean", "softmax_over_batch", "log"),
    ),
    "log-softmax over samples": (
        "log_softmax over samples", lambda o: nll(o, Y),
        ("nll", "mean", "log_softmax_over_batch", ""),
    ),
    "bce": ("sigmoid", lambda o: bce(o, T1), ("bce", "mean", "sigmoid", "")),
    "bce, flat": ("sigmoid, flat", lambda o: bce(o, T), ("bce", "mean", "sigmoid", "")),
    "bce, squeezed in the loss": ("sigmoid", lambda o: bce(o.squeeze(1), T), ("bce", "mean", "sigmoid", "")),
    "bce of a sigmoid in the loss": (
        "single", lambda o: bce(o.sigmoid(), T1),
        ("bce", "mean", "linear", "sigmoid"),
    ),
    "bce with logits": ("single", lambda o: bce_logits(o, T1), ("bce_logits", "mean", "linear", "")),
    "bce with logits of a sigmoid": (
        "sigmoid", lambda o: bce_logits(o, T1),
        ("bce_logits", "mean", "sigmoid", ""),
    ),
    "bce, summed": (
        "single", lambda o: bce_logits(o, T1, reduction="sum"),
        ("bce_logits", "sum", "linear", ""),
    ),
    "mse": ("single", lambda o: mse(o, T1), ("mse", "mean", "linear", "")),
    "mse, summed": ("single", lambda o: mse(o, T1, reduction="sum"), ("mse", "sum", "linear", "")),
    "mse by hand": ("single", lambda o: ((o - T1) ** 2).mean(), ("mse", "mean", "linear", "")),
    "mse by hand, reversed": ("single", lambda o: (T1 - o).pow(2).mean(), ("mse", "mean", "linear", "")),
    "mse by product": ("single", lambda o: ((o - T1) * (o - T1)).mean(), ("mse", "mean", "linear", "")),
    "mse by hand, summed": ("single", lambda o: ((o - T1) ** 2).sum(), ("mse", "sum", "linear", "")),
    "mse by hand, sum over n": ("single", lambda o: ((o - T1) ** 2).sum() / B, ("mse", "mean", "linear", "")),
    "l1": ("single", lambda o: functional.l1_loss(o, T1), ("l1", "mean", "linear", "")),
    "l1 by hand": ("single", lambda o: (o - T1).abs().mean(), ("l1", "mean", "linear", "")),
    "huber": ("single", lambda o: functional.huber_loss(o, T1), ("huber", "mean", "linear", "")),
    "smooth l1": ("single", lambda o: functional.smooth_l1_loss(o, T1), ("huber", "mean", "linear", "")),
    "root of the mse, by hand": (
        "single", lambda o: ((o - T1) ** 2).mean().sqrt(),
        ("other", "mean", "linear", ""),
    ),
    "mean output": ("single", lambda o: o.mean(), ("other", "mean", "linear", "")),
}  # fmt: skip


def read(model, loss):
    output = MODELS[model]()
    return read_loss(loss(output).grad_fn, output.grad_fn, tuple(output.shape)), output


@pytest.mark.parametrize("name", GRAPHS)
def test_a_loss_is_read_from_its_graph(name):
    model, loss, wanted = GRAPHS[name]
    facts, _ = read(model, loss)
    assert (facts.loss, facts.reduction, facts.head, facts.link) == wanted
    assert (facts.broadcast_shape, facts.batch) == ((), B)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, (_, _, (loss, reduction, _, _)) in GRAPHS.items()
        if reduction == "mean" and loss != "other" and not {"smoothing", "soft", "kl"} & set(name.split())
    ],
)
def test_what_was_read_gives_the_very_loss_again(name):
    model, loss, _ = GRAPHS[name]
    facts, output = read(model, loss)
    truth = Y if output.shape[-1] == C else T
    found = data_loss(output.detach().numpy(), truth.numpy(), facts)
    assert found == pytest.approx(float(loss(output).detach()), rel=1e-4)


@pytest.mark.parametrize(
    ("model", "loss"),
    [
        ("sigmoid", lambda o: -(T1 * o.log() + (1 - T1) * (1 - o).log()).mean()),
        ("single", lambda o: -(T1 * o.sigmoid().log() + (1 - T1) * (1 - o.sigmoid()).log()).mean()),
        ("single", lambda o: (functional.softplus(o) - T1 * o).mean()),
        ("single", lambda o: mse(o, T1).sqrt()),
    ],
    ids=["bce by hand", "sigmoid and bce by hand", "bce by softplus", "root of mse_loss"],
)
def test_a_loss_by_hand_is_read_as_what_it_is_or_not_at_all(model, loss):
    facts, output = read(model, loss)
    found = data_loss(output.detach().numpy(), T.numpy(), facts)
    assert np.isnan(found) or found == pytest.approx(float(loss(output).detach()), rel=1e-4)


# ---- shapes that do not match


COMPARISONS = {
    "mse_loss": mse,
    "l1_loss": functional.l1_loss,
    "huber_loss": functional.huber_loss,
    "smooth_l1_loss": functional.smooth_l1_loss,
    "by hand": lambda o, t: ((o - t) ** 2).mean(),
    "by hand, reversed": lambda o, t: (t - o).abs().mean(),
    "summed": lambda o, t: ((o - t) ** 2).sum(),
}


@pytest.mark.parametrize("compare", COMPARISONS)
@pytest.mark.parametrize(
    ("model", "target"), [("single", T), ("single, flat", T1)], ids=["[B,1]-[B]", "[B]-[B,1]"]
)
def test_outputs_and_targets_that_are_broadcast_are_noticed(model, target, compare):
    facts, _ = read(model, lambda o: COMPARISONS[compare](o, target))
    assert facts.broadcast_shape == (B, B)


@pytest.mark.parametrize("compare", COMPARISONS)
@pytest.mark.parametrize(("model", "target"), [("single", T1), ("single, flat", T)], ids=["[B,1]", "[B]"])
def test_outputs_and_targets_that_match_are_no_broadcast(model, target, compare):
    facts, _ = read(model, lambda o: COMPARISONS[compare](o, target))
    assert facts.broadcast_shape == ()


PAIRS = torch.eye(B)


@pytest.mark.parametrize(
    ("model", "loss"),
    [
        ("logits", lambda o: ce(o @ o.T, torch.arange(B))),
        ("logits", lambda o: ((o @ o.T - PAIRS) ** 2).mean()),
        ("logits", lambda o: mse(torch.cdist(o, o), PAIRS)),
        ("single", lambda o: functional.softplus(o.T - o).mean()),
        pytest.param("single", lambda o: ((o - o.T) - (T1 - T)).pow(2).mean()),
    ],
    ids=["contrastive", "similarities", "distances", "ranking", "differences"],
)
def test_a_loss_over_all_pairs_on_purpose_is_no_false_alarm(model, loss):
    assert read(model, loss)[0].broadcast_shape == ()


def test_a_batch_of_one_is_never_a_broadcast():
    output = SINGLE(X[:1])
    assert read_loss(mse(output, T[:1]).grad_fn, output.grad_fn, (1, 1)).broadcast_shape == ()


# ---- what stands around a loss


def penalty(model):
    return 1e-3 * sum((p**2).sum() for p in model.parameters())


@pytest.mark.parametrize(
    ("model", "loss", "wanted"),
    [
        ("logits", lambda o: ce(o, Y) + penalty(LINEAR), ("cross_entropy", "mean", "log_softmax")),
        ("logits", lambda o: penalty(LINEAR) + ce(o, Y), ("cross_entropy", "mean", "log_softmax")),
        ("logits", lambda o: ce(o, Y) / 4, ("cross_entropy", "mean", "log_softmax")),
        ("logits", lambda o: ce(o, Y) * 0.25, ("cross_entropy", "mean", "log_softmax")),
        pytest.param(
            "logits",
            lambda o: ce(o, Y, reduction="sum") / B,
            ("cross_entropy", "mean", "log_softmax"),
        ),
        ("single", lambda o: mse(o, T1) + penalty(SINGLE), ("mse", "mean", "")),
        ("single", lambda o: penalty(LINEAR) + mse(o, T1), ("mse", "mean", "")),
    ],
    ids=["penalty", "penalty first", "accumulation", "a weight", "sum over n", "mse", "penalty of others"],
)
def test_penalties_weights_and_accumulation_do_not_hide_the_loss(model, loss, wanted):
    facts, _ = read(model, loss)
    assert (facts.loss, facts.reduction, facts.link) == wanted


def test_two_losses_of_one_output_are_read_as_one():
    facts, output = read("logits", lambda o: 0.3 * ce(o, Y) + 0.7 * ce(o, Y.flip(0)))
    assert facts.loss == "cross_entropy"
    assert set(facts.link.split("+")) == {"log_softmax"}
    assert data_loss(output.detach().numpy(), Y.numpy(), facts) == pytest.approx(
        float(ce(output, Y).detach())
    )


def test_the_graph_still_tells_after_the_backward_pass():
    output = MODELS["softmax"]()
    loss = ce(output, Y)
    before = read_loss(loss.grad_fn, output.grad_fn, (B, C))
    loss.backward()
    assert read_loss(loss.grad_fn, output.grad_fn, (B, C)) == before


def test_the_model_below_the_output_is_not_looked_at():
    deep = nn.Sequential(nn.Linear(6, 6), nn.LogSoftmax(1), nn.Linear(6, 6), nn.Sigmoid(), nn.Linear(6, C))
    output = deep(X)
    facts = read_loss(mse(output, SOFT).grad_fn, output.grad_fn, (B, C))
    assert (facts.loss, facts.head, facts.link) == ("mse", "linear", "")


def test_losses_over_positions_and_images_are_read():
    positions, image = nn.Linear(6, C)(torch.randn(B, 3, 6)), nn.Conv2d(1, C, 1)(torch.randn(B, 1, 4, 4))
    flat = ce(positions.reshape(-1, C), torch.zeros(B * 3, dtype=torch.long))
    dense = ce(image, torch.zeros(B, 4, 4, dtype=torch.long))
    for loss, output in ((flat, positions), (dense, image)):
        facts = read_loss(loss.grad_fn, output.grad_fn, tuple(output.shape))
        assert (facts.loss, facts.head, facts.link) == ("cross_entropy", "linear", "log_softmax")


@pytest.mark.parametrize("detached", ["a loss of something else", "an output without a graph"])
def test_a_loss_that_does_not_come_from_the_output_tells_nothing(detached):
    output = LINEAR(X)
    loss = ce(nn.Linear(6, C)(X), Y)
    node = output.grad_fn if detached == "a loss of something else" else None
    facts = read_loss(loss.grad_fn, node, (B, C))
    assert (facts.loss, facts.reduction, facts.link) == ("", "", "")
    assert facts.head == ("linear" if node is not None else "")


def test_a_very_deep_loss_is_given_up_on_and_not_searched_for_ever():
    output = LINEAR(X)
    loss = output
    for _ in range(3000):
        loss = loss + 1
    assert read_loss(loss.sum().grad_fn, output.grad_fn, (B, C)).loss == ""
