"""Small models, and what of a training run must not change."""

import random

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class NormDrop(nn.Module):
    """BatchNorm and Dropout, an in-place ReLU, a functional one, a reused and a never executed layer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(4, 6, 3)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(6, 3)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        x = self.act(self.norm(self.conv(x)))
        x = functional.relu(self.conv2(x))
        return self.fc(self.act(self.drop(x.mean((2, 3)))))


class ClosedForm(nn.Module):
    """conv → mean over positions → linear: Grad-CAM is ReLU(Σ W·A) / (h·w)."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 5, 3)
        self.fc = nn.Linear(5, 3)

    def forward(self, x):
        return self.fc(self.conv(x).mean((2, 3)))


def data(n=12, side=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 1, side, side, generator=generator), torch.arange(n) % 3


def fingerprint(model, optimizer, losses):
    """Everything that training leaves behind, as a list of arrays to compare bit by bit."""
    tensors = [*model.state_dict().values()]
    for state in optimizer.state_dict()["state"].values():
        tensors += [torch.as_tensor(value) for value in state.values()]
    arrays = [tensor.detach().cpu().numpy().copy() for tensor in tensors]
    arrays += [torch.get_rng_state().numpy(), np.random.get_state()[1].copy()]
    arrays += [np.array([np.random.random(), random.random(), float(torch.rand(()))]), np.array(losses)]
    arrays += [np.array([module.training for module in model.modules()])]
    arrays += [np.array([parameter.requires_grad for parameter in model.parameters()])]
    return arrays


def seed_all(seed=0):
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def count_hooks(model):
    """All hooks of all modules and parameters."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    modules = sum(len(getattr(module, kind)) for module in model.modules() for kind in kinds)
    return modules + sum(len(p._post_accumulate_grad_hooks or ()) for p in model.parameters())
