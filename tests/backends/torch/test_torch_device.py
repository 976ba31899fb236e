# SPDX-License-Identifier: Apache-2.0
"""Off the CPU a step looks at no value: the meta device has none, and raises where one is asked for.

That is what waits on CUDA: `.item()`, a condition, a size that depends on data, a copy to the host. Where
there is such a device, `make bench` measures it with torch's sync debug mode.
"""

import numpy as np
import pytest
import torch
from reductions import EVERYTHING
from torch import Tensor, nn
from torch.nn import functional

from tb_xai_callbacks.backends.torch import reduce as torch_reduce
from tb_xai_callbacks.backends.torch.observer import TorchObserver


class Net(nn.Module):
    """Every gate that units are judged by: none, functional ReLU, a smooth module, a smooth function."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.blocks = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in range(blocks))
        self.mix, self.gelu = nn.Linear(8, 16), nn.GELU()
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.stem(x)))
        for block in self.blocks:
            x = functional.silu(block(x))
        x = self.gelu(self.mix(x.flatten(2).transpose(1, 2)))
        return self.head(self.attention(x, x, x)[0].mean(1))


def observed_on_meta(blocks: int, monkeypatch: pytest.MonkeyPatch, scaled: bool = False) -> list[torch.Size]:
    """One observed step on the meta device; the shapes that are copied to the host when it is over."""
    model = Net(blocks).train()
    observer = TorchObserver(model, np.zeros((4, 1, 8, 8), np.float32))
    observer.layout()
    model.to("meta")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    observer.optimizers = [optimizer]
    observer.arm(EVERYTHING)
    if scaled:
        observer._step._note_scale(torch.ones((), device="meta"))
    inputs, labels = torch.empty(4, 1, 8, 8, device="meta"), torch.empty(4, device="meta", dtype=torch.long)
    loss = functional.cross_entropy(model(inputs), labels)
    loss.backward()
    optimizer.step()
    observer.note_loss(loss)
    assert observer._step.errors == {}
    copied: list[torch.Size] = []

    def to_host(parts, join=torch.stack):
        assert all(part.device.type == "meta" for part in parts)
        if parts:
            copied.append(join(list(parts)).shape)
        return lambda: np.zeros(0)

    monkeypatch.setattr(torch_reduce, "to_host", to_host)
    assert observer.collect()
    return copied


@pytest.mark.parametrize("scaled", [False, True])
def test_a_step_looks_at_no_value_and_copies_once_for_all_layers(scaled, monkeypatch):
    few, many = observed_on_meta(1, monkeypatch, scaled), observed_on_meta(9, monkeypatch, scaled)
    assert len(few) == len(many) <= 11  # of four signals moments and counts, of some live units and extras
    assert sum(shape.numel() for shape in many) > sum(shape.numel() for shape in few)


def test_the_meta_device_does_raise(monkeypatch):
    def looking(self):
        return self.total != 0 if bool((self.total != 0).all()) else self.total == 0

    monkeypatch.setattr("tb_xai_callbacks.backends.torch.units.Units.non_zero", looking)
    with pytest.raises(AssertionError):
        observed_on_meta(1, monkeypatch)
