# SPDX-License-Identifier: Apache-2.0
"""What the competitors' tools save of a training run, gathered with hooks: the input of `anchors.RULES`.

Everything is kept as the tools keep it: whole tensors of single steps, no windows.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.diagnosis.development_set import Script

#: Steps between two saves. smdebug's stock configurations say 500, which is more than our runs have.
SAVE_INTERVAL = 10
ACTIVATIONS = (nn.ReLU, nn.Sigmoid, nn.Tanh)


class Watched:
    """One run as it is seen from outside; `on_step` is called after every optimiser step.

    Attributes:
        inputs, labels: of the last training batch.
        activations: (module, pre-activation, activation) of every activation module in the last forward.
        weights, gradients: of every trainable matrix [out, in, …], by parameter name.
        before: `weights` at the save before, empty at the first.
        losses: of every step; `epoch_losses` and `val_losses` are means of epochs.
    """

    def __init__(self, script: Script, on_step: Callable[[Watched], None]) -> None:
        self.script = script
        self.steps_per_epoch = max(1, len(script.data.train_x) // script.batch_size)
        self.inputs = torch.zeros(0)
        self.activations: list[tuple[nn.Module, Tensor, Tensor]] = []
        self.weights: dict[str, Tensor] = {}
        self.before: dict[str, Tensor] = {}
        self.gradients: dict[str, Tensor] = {}
        self.unchanged: dict[str, int] = {}
        self.weight_means: list[dict[str, float]] = []
        self.losses: list[float] = []
        self.epoch_losses: list[float] = []
        self.val_losses: list[float] = []
        self._on_step = on_step
        self._hooks: list[Any] = []

    @property
    def step(self) -> int:
        """Optimiser steps done."""
        return len(self.losses)

    @property
    def learning_rate(self) -> float:
        """Of the first parameter group."""
        return float(self.script.optimizer.param_groups[0]["lr"])

    @property
    def saves(self) -> bool:
        """Tools that save at intervals save at this step."""
        return self.step % SAVE_INTERVAL == 1

    @property
    def ends_epoch(self) -> bool:
        """An epoch ends with this step."""
        return self.step % self.steps_per_epoch == 0

    @property
    def is_last_epoch(self) -> bool:
        """No whole epoch follows this one."""
        return self.step + self.steps_per_epoch > self.script.steps

    # ---- the loop's side

    def __enter__(self) -> Watched:
        self.weights = self._matrices()
        self._hooks.append(self.script.model.register_forward_pre_hook(self._keep_inputs))
        for module in self.script.model.modules():
            if isinstance(module, ACTIVATIONS):
                self._hooks.append(module.register_forward_hook(self._keep_activation))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()

    def step_done(self, loss: Tensor) -> None:
        """Gather what the rules need at this step, then ask them."""
        self.losses.append(float(loss))
        if self.saves or self.ends_epoch:
            named = self.script.model.named_parameters()
            self.gradients = {n: p.grad for n, p in named if p.ndim > 1 and p.grad is not None}
            self._save_weights()
        if self.ends_epoch:
            self._end_epoch()
        self._on_step(self)

    def _save_weights(self) -> None:
        if self.saves:
            self.before, self.weights = self.weights, self._matrices()
            for name, weight in self.weights.items():
                same = torch.allclose(weight, self.before[name], rtol=1e-5, atol=1e-8)
                self.unchanged[name] = self.unchanged.get(name, 0) + 1 if same else 0
        if self.ends_epoch:
            matrices = self._matrices()
            self.weight_means.append({name: float(weight.mean()) for name, weight in matrices.items()})

    def _end_epoch(self) -> None:
        script = self.script
        last = self.losses[-self.steps_per_epoch :]
        self.epoch_losses.append(sum(last) / len(last))
        script.model.eval()
        with torch.no_grad():
            val_loss = script.loss(script.model(script.data.val_x), script.data.val_y)
        script.model.train()
        self.val_losses.append(float(val_loss))

    def _matrices(self) -> dict[str, Tensor]:
        """Copies of the matrices that are meant to be trained."""
        return {
            name: parameter.detach().clone()
            for name, parameter in self.script.model.named_parameters()
            if parameter.ndim > 1 and parameter.requires_grad
        }

    # ---- hooks

    def _keep_inputs(self, module: nn.Module, args: tuple[Tensor, ...]) -> None:
        if module.training:
            self.inputs = args[0]
            self.activations.clear()

    def _keep_activation(self, module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        if module.training:
            self.activations.append((module, args[0].detach(), output.detach()))


class Facade:
    """What the loop is handed: `step(loss=…)`."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def __enter__(self) -> Facade:
        self._watched.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        self._watched.__exit__(*details)

    def step(self, loss: Tensor) -> None:
        """One optimiser step is done."""
        self._watched.step_done(loss.detach())
