"""Training with and without us ends bit-identical, and nothing of ours stays behind."""

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch_models import NormDrop, count_hooks, data, fingerprint, seed_all

from tb_xai_callbacks.torch import watch

EVERY_STEP = {
    "log_every_n_steps": 1,
    "explain_every_n_steps": 3,
    "max_overhead": None,
    "strict": True,
}


def train(log_dir=None, steps=50, probe=True, autocast=False, scaler=None, with_optimizer=True, model=None):
    seed_all()
    model = NormDrop() if model is None else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    x, y = data()
    explain = None
    if log_dir is not None:
        explain = watch(
            model,
            optimizer if with_optimizer else None,
            log_dir=log_dir,
            probe=(x.clone(), y) if probe else None,
            **EVERY_STEP,
        )
    losses = []
    for step in range(steps):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = functional.cross_entropy(model(x + np.random.random() * torch.rand(())), y)
        optimizer.zero_grad()
        if scaler is None:
            loss.backward()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        losses.append(float(loss.detach()))
        if step % 10 == 9:  # validation in between
            model.eval()
            with torch.no_grad():
                model(x)
            model.train()
        if explain is not None:
            explain.step(loss=loss)
    if explain is not None:
        explain.close()
    assert count_hooks(model) == 0
    return fingerprint(model, optimizer, losses)


def same(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("given_probe", [True, False])
@pytest.mark.parametrize("with_optimizer", [True, False])
def test_fifty_steps_are_bit_identical(tmp_path, given_probe, with_optimizer):
    same(train(), train(tmp_path, probe=given_probe, with_optimizer=with_optimizer))


def test_autocast_training_is_bit_identical(tmp_path):
    same(train(autocast=True, steps=20), train(tmp_path, autocast=True, steps=20))


def test_scaled_training_is_bit_identical(tmp_path):
    def scaler():
        return torch.amp.GradScaler("cpu", init_scale=1024.0)

    original = torch.amp.GradScaler.scale
    same(train(scaler=scaler(), steps=20), train(tmp_path, scaler=scaler(), steps=20))
    assert torch.amp.GradScaler.scale is original


def test_accumulated_gradients_are_kept(tmp_path):
    seed_all()
    model, (x, y) = NormDrop(), data()
    functional.cross_entropy(model(x), y).backward()
    before = [copy.deepcopy(p.grad) for p in model.parameters()]
    with watch(model, log_dir=tmp_path, probe=(x, y), **EVERY_STEP) as explain:
        explain.snapshot()
    for parameter, grad in zip(model.parameters(), before, strict=True):
        assert (parameter.grad is None) == (grad is None)
        assert grad is None or torch.equal(parameter.grad, grad)


def test_flags_of_single_modules_and_frozen_parameters_are_restored(tmp_path):
    model, (x, y) = NormDrop(), data()
    model.norm.eval()
    model.conv.weight.requires_grad_(False)
    with watch(model, log_dir=tmp_path, probe=(x, y), **EVERY_STEP) as explain:
        explain.snapshot()
    assert not model.norm.training
    assert model.training
    assert not model.conv.weight.requires_grad
    assert model.conv.bias.requires_grad


def test_an_exception_in_the_loop_passes_and_leaves_no_hook(tmp_path):
    model, (x, y) = NormDrop(), data()
    with pytest.raises(RuntimeError), watch(model, log_dir=tmp_path, probe=(x, y), **EVERY_STEP):
        model(x[:, :, :2, :2])
    assert count_hooks(model) == 0


def test_buffers_that_a_module_replaces_in_eval_are_put_back(tmp_path):
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 2)
            self.register_buffer("calls", torch.zeros(()))
            self.register_buffer("total", torch.zeros(()))

        def forward(self, x):
            self.calls = self.calls + 1
            self.total += 1
            return self.fc(x)

    model = Counting()
    with watch(model, log_dir=tmp_path, probe=torch.randn(3, 4), **EVERY_STEP) as explain:
        model(torch.randn(3, 4))
        explain.snapshot()
    assert (float(model.calls), float(model.total)) == (1, 1)


def test_a_model_that_draws_random_numbers_even_in_eval_draws_its_own(tmp_path):
    class Drawing(nn.Linear):
        def forward(self, x):
            return super().forward(x) + torch.rand(()) + np.random.random() + random.random()

    model, x = Drawing(4, 2), torch.randn(3, 4)
    seed_all()
    want = [torch.rand(()).item(), np.random.random(), random.random()]
    seed_all()
    with watch(model, log_dir=tmp_path, probe=x, **EVERY_STEP) as explain:
        explain.snapshot()
    assert [torch.rand(()).item(), np.random.random(), random.random()] == want
