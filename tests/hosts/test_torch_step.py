"""What an armed training step brings, and that it is that step's."""

import numpy as np
import pytest
import torch
from reductions import EVERYTHING, resolved
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from torch_models import NormDrop, count_hooks, data, seed_all

from tb_xai_callbacks.backends.torch.observer import TorchObserver
from tb_xai_callbacks.measure import statistics as oracle


def observed(model, optimizer, step, probe=None):
    """Reductions by signal of one armed call of `step`."""
    probe = data()[0].numpy() if probe is None else probe
    observer = TorchObserver(model, probe, [optimizer] if optimizer else [])
    observer.layout()
    observer.arm(EVERYTHING)
    step()
    found = resolved(observer.collect())
    rows = [layer.name for layer in observer.layout().table.layers]
    observer.close()
    assert count_hooks(model) == 0
    return found, rows


def ordinary(model, optimizer, x, y, scaler=None):
    def step():
        loss = functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def test_activations_gradients_and_weights_equal_what_plain_hooks_see():
    seed_all()
    model, (x, y) = NormDrop(), data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    outputs, gradients = {}, {}

    def keep(name):
        def hook(module, args, output):
            outputs[name] = output.detach().clone()
            output.register_hook(lambda gradient: gradients.__setitem__(name, gradient.clone()))

        return hook

    names = ("conv", "norm", "conv2", "fc")
    before = [p.detach().clone() for p in model.parameters()]
    observer = TorchObserver(model, x.numpy(), [optimizer])
    observer.layout()
    handles = [getattr(model, name).register_forward_hook(keep(name)) for name in names]
    observer.arm(EVERYTHING)
    ordinary(model, optimizer, x, y)()
    found = resolved(observer.collect())
    for handle in handles:
        handle.remove()
    rows = [layer.name for layer in observer.layout().table.layers]
    for name in names:
        row = rows.index(name)
        for signal, arrays in (("activation", outputs), ("gradient", gradients)):
            want = oracle.moments(arrays[name].numpy())
            columns = [0, 1, 2, 3, 4, 5, 7] if name == "conv2" and signal == "activation" else range(8)
            np.testing.assert_allclose(
                found[signal].values[row, columns], want[columns], rtol=1e-4, atol=1e-7
            )
            np.testing.assert_array_equal(found[signal].counts[row], oracle.histogram(arrays[name].numpy()))
    for row, (parameter, old) in enumerate(zip(model.parameters(), before, strict=True)):
        np.testing.assert_array_equal(found["weight"].counts[row], oracle.histogram(old.numpy()))
        if parameter.grad is not None:
            want = oracle.moments(parameter.grad.numpy())
            np.testing.assert_allclose(found["weight_gradient"].values[row], want, rtol=1e-4, atol=1e-7)
            ratio = float((parameter.detach() - old).norm() / old.norm()) if old.any() else np.nan
            np.testing.assert_allclose(found["weight"].values[row, 8], ratio, rtol=1e-4)
    assert np.isnan(found["weight_gradient"].values[-1]).all()  # `unused` has none
    assert found["activation"].num_samples == found["gradient"].num_samples == len(x)
    assert {part.source for part in found.values()} == {"training batch"}


def test_a_functional_relu_decides_what_is_zero_and_dead():
    model, (x, y) = NormDrop(), data()
    with torch.no_grad():
        model.conv2.bias[:2] = -100.0
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    found, rows = observed(model, optimizer, ordinary(model, optimizer, x, y))
    row = rows.index("conv2")
    with torch.no_grad():
        model.train()
        after = functional.relu(model.conv2(model.act(model.norm(model.conv(x))))).numpy()
    values = found["activation"].values[row]
    np.testing.assert_allclose(values[6], (after == 0).mean(), atol=1e-6)
    assert values[8] == pytest.approx(2 / 6)
    assert values[3] < -50  # the other columns are of the raw output
    start = sum(n for n in (4, 4))
    np.testing.assert_array_equal(found["activation"].live[start : start + 6], oracle.live_counts(after, 1))


def test_nonfinite_values_are_counted():
    model = nn.Sequential(nn.Linear(4, 3))
    x = torch.ones(5, 4)
    x[0, 0], x[1, 0] = float("nan"), float("inf")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step():
        model(x).sum().backward()
        optimizer.step()

    found, _ = observed(model, optimizer, step, np.zeros((2, 4), np.float32))
    assert found["activation"].values[0, 7] == 6
    assert np.isfinite(found["activation"].values[0, :7]).all()
    assert found["weight_gradient"].values[0, 7] == 3  # of the first input's weights


@pytest.mark.parametrize("with_optimizer", [True, False])
@pytest.mark.parametrize("fused", [False, True])
def test_gradients_are_unscaled(with_optimizer, fused):
    def run(scale):
        seed_all()
        model, (x, y) = NormDrop(), data()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)
        scaler = torch.amp.GradScaler("cpu", init_scale=float(scale), enabled=scale > 1)

        def step():
            scaler.scale(functional.cross_entropy(model(x), y)).backward()
            scaler.step(optimizer)
            scaler.update()

        return observed(model, optimizer if with_optimizer else None, step)[0]

    plain, scaled = run(1), run(4096)
    for signal in ("gradient", "weight_gradient"):
        np.testing.assert_allclose(
            scaled[signal].values[:, :6], plain[signal].values[:, :6], rtol=1e-3, atol=1e-7
        )


def test_closures_and_the_last_micro_batch():
    seed_all()
    model, (x, y) = NormDrop(), data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def closure():
        optimizer.zero_grad()
        for part in (slice(0, 8), slice(8, 12)):
            loss = functional.cross_entropy(model(x[part]), y[part])
            loss.backward()
        return loss

    found, _ = observed(model, optimizer, lambda: optimizer.step(closure))
    assert found["activation"].num_samples == 4
    for row, parameter in enumerate(p for p in model.parameters() if p.grad is not None):
        np.testing.assert_allclose(
            found["weight_gradient"].values[row, 5], parameter.grad.norm(), rtol=1e-4, atol=1e-8
        )
    assert np.nanmax(found["weight"].values[:, 8]) > 0


def test_validation_between_is_not_observed():
    model, (x, y) = NormDrop(), data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step():
        ordinary(model, optimizer, x, y)()
        model.eval()
        model(x[:5])
        with torch.no_grad():
            model.train()(x[:5])

    assert observed(model, optimizer, step)[0]["activation"].num_samples == 12


def test_the_last_batch_is_replayed_without_a_trace():
    seed_all()
    model, (x, y) = NormDrop(), data()
    observer = TorchObserver(model, x.numpy())
    observer.layout()
    assert observer.last_batch(EVERYTHING) == {}
    functional.cross_entropy(model(x), y).backward()
    model.eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    got = resolved(observer.last_batch(EVERYTHING))["activation"]
    assert (got.source, got.num_samples) == ("training batch", 12)
    row = [layer.name for layer in observer.layout().table.layers].index("norm")
    assert got.values[row, 1] == pytest.approx(0, abs=1e-5)  # by its own batch: training mode
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert not model.training
    observer.close()


def test_an_exception_in_the_forward_pass_leaves_no_hook():
    model, (x, _) = NormDrop(), data()
    observer = TorchObserver(model, x.numpy(), [torch.optim.SGD(model.parameters(), lr=0.1)])
    observer.layout()
    observer.arm(EVERYTHING)
    with pytest.raises(RuntimeError):
        model(torch.zeros(1, 2, 3, 3))
    observer.disarm()
    observer.close()
    assert count_hooks(model) == 0


def test_an_error_of_ours_in_a_hook_does_not_reach_the_forward_pass(monkeypatch):
    model, (x, _) = NormDrop(), data()
    observer = TorchObserver(model, x.numpy())
    observer.layout()
    monkeypatch.setattr("tb_xai_callbacks.backends.torch.taps.live_counts", lambda *_: 1 / 0)
    observer.arm(EVERYTHING)
    model(x)
    brought = observer.collect()
    with pytest.raises(ZeroDivisionError):
        brought["activation"]()
    assert resolved({"weight": brought["weight"]})
    observer.close()


def test_the_gradient_of_a_reused_layer_is_that_of_its_last_call():
    class Reused(nn.Module):
        def __init__(self):
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, x):
            return self.act(self.act(x * 2) * 3)

    model, x = Reused(), torch.ones(2, 3, requires_grad=True)
    found, _ = observed(model, None, lambda: model(x).sum().backward(), np.ones((2, 3), np.float32))
    assert found["activation"].values[0, 1] == 6
    assert found["gradient"].values[0, 1] == 1  # the first call's is 3


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointed_layers_have_the_statistics_of_plain_ones(reentrant):
    """Checkpointing runs layers again during the backward pass; that is no second call."""

    class Blocks(nn.Module):
        def __init__(self, checkpointed):
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh())
            self.second = nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU())
            self.head, self.checkpointed = nn.Linear(4 * 4, 3), checkpointed

        def forward(self, x):
            x = self.first(x)
            if self.checkpointed and self.training:
                x = checkpoint(self.second, x, use_reentrant=reentrant)
            else:
                x = self.second(x)
            return self.head(x.flatten(1))

    results = []
    for checkpointed in (False, True):
        seed_all()
        model = Blocks(checkpointed)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        results.append(observed(model, optimizer, ordinary(model, optimizer, *data()))[0])
    plain, again = results
    for signal in ("activation", "gradient", "weight_gradient"):
        assert np.isfinite(plain[signal].values[:, 0]).all()
        np.testing.assert_array_equal(again[signal].values, plain[signal].values, err_msg=signal)
        assert again[signal].num_samples == plain[signal].num_samples
