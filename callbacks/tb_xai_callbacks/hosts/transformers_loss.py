# SPDX-License-Identifier: Apache-2.0
"""The loss of a Hugging Face Trainer's optimiser step, of which its callbacks are told nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tb_xai_callbacks.hosts.torch_session import plain_loss


class StepLoss(NamedTuple):
    """The loss of an optimiser step, detached, and that of its last batch with its graph; None where not."""

    value: Any
    graph: Any


class LossTap:
    """Adds up the losses of the batches of one optimiser step, without waiting for the device.

    With a trainer, its own `compute_loss` and `training_step` are listened to, by shadowing them on the
    instance; without one, the loss that the model returns.

    Args:
        trainer: the Trainer, or None.
        model: its model.
        wanted: whether the graph of the loss will be read.
        failed: called when the training step raises, before its error goes on.
    """

    def __init__(
        self, trainer: Any, model: nn.Module, wanted: Callable[[], bool], failed: Callable[[], None]
    ) -> None:
        self._trainer = trainer
        self._model = model
        self._wanted = wanted
        self._failed = failed
        self._losses: list[Any] = []
        self._summed = True
        self._graph: Any = None
        self._shadowed: dict[str, Any] = {}
        self._hook: Any = None
        if trainer is None:
            self._hook = model.register_forward_hook(self._returned, with_kwargs=True)
        else:
            self._shadow("compute_loss", self._computed)
            self._shadow("training_step", self._stepped)

    def take(self) -> StepLoss:
        """The loss of the step that just ended; starts anew."""
        losses, graph = self._losses, self._graph
        self._losses, self._graph = [], None
        if not losses:
            return StepLoss(None, graph)
        with torch.no_grad():
            total = sum(losses[1:], start=losses[0])
            return StepLoss(total if self._summed else total / len(losses), graph)

    def close(self) -> None:
        """Stop listening; what the user's instance shadowed itself is put back."""
        if self._hook is not None:
            self._hook.remove()
        for name, own in self._shadowed.items():
            if own is None:
                vars(self._trainer).pop(name, None)
            else:
                setattr(self._trainer, name, own)
        self._shadowed = {}
        self._losses, self._graph = [], None

    # ---- within

    def _shadow(self, name: str, listener: Callable[..., Any]) -> None:
        original = getattr(self._trainer, name)
        self._shadowed[name] = vars(self._trainer).get(name)
        setattr(self._trainer, name, lambda *args, **kwargs: listener(original, *args, **kwargs))

    def _computed(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if torch.is_grad_enabled() and self._model.training:
            self._keep(result[0] if isinstance(result, tuple) else result)
        return result

    def _stepped(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            loss = original(*args, **kwargs)
        except BaseException:
            self._failed()
            raise
        value = plain_loss(loss)  # already divided, so that the batches of a step add up
        if value is not None:
            self._losses.append(value)
        return loss

    def _returned(self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], output: Any) -> None:
        if not (module.training and torch.is_grad_enabled()):
            return
        loss = output.get("loss") if isinstance(output, Mapping) else None
        value = plain_loss(loss)
        if value is not None:
            self._losses.append(value)
            self._summed = kwargs.get("num_items_in_batch") is not None
            self._keep(loss)

    def _keep(self, loss: Any) -> None:
        self._graph = loss if isinstance(loss, Tensor) and self._wanted() else None
