# SPDX-License-Identifier: Apache-2.0
"""What the torch hosts share: a session that watches a module."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tb_xai_callbacks.backends.torch.call import to_numpy
from tb_xai_callbacks.backends.torch.observer import TorchObserver
from tb_xai_callbacks.console import nearest
from tb_xai_callbacks.hosts.session import Session, Watched
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.probe.trees import map_arrays
from tb_xai_callbacks.settings import Settings

#: Parameter groups whose learning rates are logged.
MOST_GROUPS = 32
#: From the arguments and keywords of a call to a probe, and to what else such a call is given.
ChooseOfCall = Callable[[tuple[Any, ...], Mapping[str, Any]], "tuple[ProbeSet, Any]"]


class TorchSession(Session):
    """A watched module.

    Args:
        model: the user's module, possibly wrapped or compiled.
        optimizers: for update ratios and learning rates; may be empty.
        log_dir: the run's directory.
        host: who drives the loop.
        settings: the user's options.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizers: Sequence[torch.optim.Optimizer],
        log_dir: str | os.PathLike[str],
        host: str,
        settings: Settings,
    ) -> None:
        super().__init__(settings, log_dir, host)
        self.model = model
        self.optimizers = optimizers
        self._batch_hook: Any = None

    def watch(self, probe: ProbeSet | None, call: Any = None) -> Watched:
        """See `Session.watch`; `call` are keywords that every call is given besides the samples."""
        if probe is None:
            raise ValueError("there is no probe")
        observer = TorchObserver(self.model, probe.inputs, self.optimizers, self.settings.output, call)
        try:
            observer.layout()
        except BaseException:
            observer.close()
            raise
        return observer, *_usable_labels(probe, observer.num_outputs)

    def begin_with_first_call(self, choose: ChooseOfCall) -> None:
        """Begin with the first training batch: the probe is what the module is called with."""

        def first_call(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
            if not (module.training and torch.is_grad_enabled()):
                return
            self._stop_waiting()
            self.begin_late(lambda: choose(args, kwargs))

        self._batch_hook = self.model.register_forward_pre_hook(first_call, with_kwargs=True)

    def close(self, failed: bool = False) -> None:
        """See `Session.close`."""
        self._stop_waiting()
        super().close(failed)

    def rates(self) -> dict[str, Any]:
        """Learning rates as they are now."""
        return learning_rates(self.optimizers)

    def plain(self, loss: Any) -> Any:
        """See `Session.plain`; also of a mapping's `loss`, and the mean of a tensor that is none."""
        return plain_loss(loss)

    def graph(self, loss: Any) -> Any:
        """See `Session.graph`."""
        return loss.get("loss") if isinstance(loss, Mapping) else loss

    def _stop_waiting(self) -> None:
        if self._batch_hook is not None:
            self._batch_hook.remove()
            self._batch_hook = None


def _usable_labels(probe: ProbeSet, num_outputs: int) -> tuple[ProbeSet, tuple[str, ...]]:
    """The probe without labels that the model has no output for, and what to say about it."""
    if probe.labels is None or not num_outputs or probe.labels.max(initial=0) < max(num_outputs, 2):
        return probe, ()
    largest = int(probe.labels.max())
    if num_outputs == 1:
        return probe.with_values(), ()
    problem = f"the labels go up to {largest} but the model has {num_outputs} outputs, so they are ignored"
    return probe.without_labels(), (problem,)


def check_layer_names(model: nn.Module, settings: Settings) -> None:
    """A layer that does not exist is known before any dry run.

    Raises:
        ValueError: for a name that is no module of the model, listing the nearest.
    """
    wanted = settings.target_layers
    if wanted == "auto":
        return
    known = [name.replace("_orig_mod.", "") for name, _ in model.named_modules() if name]
    prefix = ("module.",) if known and known[0] == "module" else ()
    for name in [wanted] if isinstance(wanted, str) else wanted:
        if name not in known and not any(before + name in known for before in prefix):
            raise ValueError(
                f"target_layers: the model has no layer {name!r}; nearest: {nearest(name, known)}"
            )


def numpy_of(value: Any) -> Any:
    """Tensors, also nested in dicts, tuples or lists → numpy; anything else becomes an array."""
    return map_arrays(value, lambda x: to_numpy(x) if isinstance(x, Tensor) else np.asarray(x))


def split_settings(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keywords of a call → (those with samples, those that are settings: flags, None, numbers)."""
    samples = {name: value for name, value in arguments.items() if _has_samples(value)}
    return samples, {name: value for name, value in arguments.items() if name not in samples}


def _has_samples(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return bool(value) and all(_has_samples(item) for item in value)
    return isinstance(value, (Tensor, np.ndarray)) and value.ndim > 0


def is_main_process() -> bool:
    """Whether this process is the one that logs: rank 0, or not distributed."""
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    return not distributed or torch.distributed.get_rank() == 0


def learning_rates(optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Any]:
    """Learning rates as they are now: `learning_rate` of the first group, `learning_rate/1` of the next."""
    groups = [group for optimizer in optimizers for group in optimizer.param_groups][:MOST_GROUPS]
    rates = [group.get("lr") for group in groups]
    return {
        f"learning_rate/{number}" if number else "learning_rate": (
            rate.detach().clone() if isinstance(rate, Tensor) else rate
        )
        for number, rate in enumerate(rates)
    }


def plain_loss(loss: Any) -> Any:
    """A loss as a detached 0-d tensor or number, without waiting for the device; None if it is neither."""
    if isinstance(loss, Mapping):
        loss = loss.get("loss")
    if isinstance(loss, Tensor):
        return loss.detach() if loss.dim() == 0 else loss.detach().float().mean()
    return loss if isinstance(loss, (int, float)) else None
