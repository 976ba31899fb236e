# SPDX-License-Identifier: Apache-2.0
"""The recipes of docs/, read from there: each on a small model that trains, against autograd by hand."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tb_xai_callbacks.torch import watch
from tb_xai_plugin import open_log

SECTION = (Path(__file__).parents[2] / "docs/recipes.md").read_text()
FUNCTIONS: dict = {}
exec(re.search(r"```python\n(.*?)```", SECTION, re.S).group(1), FUNCTIONS)
ROWS = re.findall(r"^\| ([a-z ]+) \| [^|]+ \| (?:`([^`]*)`)? ?\|$", SECTION, re.M)
OPTIONS = {task.strip(): eval(f"dict({options})", dict(FUNCTIONS)) for task, options in ROWS}

STEPS = 3


class Classifier(nn.Module):
    """Pictures [n 1 12 12] to [n outputs]."""

    def __init__(self, outputs):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.head = nn.Linear(24, outputs)

    def forward(self, x):
        return self.head(self.body(x))


class Several(Classifier):
    def forward(self, x):
        values = super().forward(x)
        return {"kind": values[:, :3], "angle": values[:, 3:]}


class Segmenter(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 2, 1))

    def forward(self, x):
        return self.net(x)


class Detector(nn.Module):
    """A single-shot head: at each of 6 × 6 places a box and the scores of two classes."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 6, 3, stride=2, padding=1), nn.ReLU())
        self.head = nn.Conv2d(6, 4 + 2, 3, padding=1)

    def forward(self, x):
        found = self.head(self.body(x))
        return {"boxes": found.flatten(2).transpose(1, 2), "size": found.new_tensor(x.shape[-2:])}


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.rnn, self.head = nn.Embedding(20, 8), nn.GRU(8, 8, batch_first=True), nn.Linear(8, 4)

    def forward(self, tokens):
        return self.head(self.rnn(self.embed(tokens))[0])


def cross_entropy(output, y):
    return functional.cross_entropy(output, y % output.shape[1])


#: task -> (model, loss of output and classes, whether the probe has the classes as labels)
TASKS = {
    "classification": (lambda: Classifier(3), cross_entropy, True),
    "two classes": (
        lambda: Classifier(1),
        lambda o, y: functional.binary_cross_entropy_with_logits(o[:, 0], (y % 2).float()),
        True,
    ),
    "regression": (lambda: Classifier(1), lambda o, y: functional.mse_loss(o[:, 0], y.float()), False),
    "regression of several values": (
        lambda: Classifier(4),
        lambda o, y: functional.mse_loss(o, y.float()[:, None].expand_as(o)),
        False,
    ),
    "several outputs": (
        lambda: Several(5),
        lambda o, y: cross_entropy(o["kind"], y) + o["angle"].square().mean(),
        False,
    ),
    "semantic segmentation": (
        Segmenter,
        lambda o, y: functional.cross_entropy(o, (y % 2)[:, None, None].expand(-1, 12, 12)),
        False,
    ),
    "detection": (Detector, lambda o, y: o["boxes"].square().mean(), False),
    "tagging of words": (
        Tagger,
        lambda o, y: functional.cross_entropy(o.transpose(1, 2), (y % 4)[:, None].expand(-1, 6)),
        False,
    ),
}


def test_every_recipe_has_a_model_here():
    assert set(OPTIONS) == set(TASKS)


def score_by_hand(task, model, start, labels):
    """The explained score, straight from the definition in the table."""
    output = model(start)
    options = OPTIONS[task]
    if isinstance(output, dict):
        output = output[options["output"]]
    if callable(options.get("targets")):
        return options["targets"](output)
    if task == "classification":
        return output[torch.arange(len(labels)), torch.as_tensor(labels)]
    return output[:, 0]


@pytest.mark.parametrize("task", TASKS)
def test_recipe(task, tmp_path):
    torch.manual_seed(0)
    make, loss_of, labelled = TASKS[task]
    words = task == "tagging of words"
    x = torch.randint(0, 20, (12, 6)) if words else torch.rand(12, 1, 12, 12)
    y = torch.arange(12) % (2 if task == "two classes" else 3)
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    methods = ("saliency", "input_x_gradient") if words else ("grad_cam", "saliency", "input_x_gradient")
    options = {"methods": methods, "max_overhead": None, "strict": True, "num_samples": 12, **OPTIONS[task]}
    with watch(model, optimizer, log_dir=tmp_path, probe=(x, y) if labelled else x, **options) as explain:
        for _ in range(STEPS):
            loss = loss_of(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            explain.step(loss=loss)
    (run,) = open_log(tmp_path).values()
    order = np.argsort(y.numpy(), kind="stable") if labelled else np.arange(12)
    check_last_maps(task, model.eval(), x[torch.as_tensor(order)], y.numpy()[order], run)


def check_last_maps(task, model, x, labels, run):
    if x.dtype.is_floating_point:
        start = x.clone().requires_grad_()
        score = score_by_hand(task, model, start, labels)
    else:
        start = model.embed(x).detach().requires_grad_()
        handle = model.embed.register_forward_hook(lambda *_: start)
        score = score_by_hand(task, model, x, labels)
        handle.remove()
    (slope,) = torch.autograd.grad(score.sum(), start)
    features = 1 if x.dtype.is_floating_point else 2
    product = (slope * start).sum(features).detach().numpy()
    found = run.attributions(method="input_x_gradient")
    assert found.steps[-1] == STEPS
    assert np.abs(product).max() > 0
    np.testing.assert_allclose(found.heat[-1], product, rtol=5e-3, atol=2e-3 * np.abs(product).max())
    if "grad_cam" in run.methods:
        assert np.isfinite(run.attributions(method="grad_cam").heat).all()
