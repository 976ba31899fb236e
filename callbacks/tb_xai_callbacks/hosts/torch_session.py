# SPDX-License-Identifier: Apache-2.0
"""What the torch hosts share: from a model and a probe to a recorder, whatever is wrong with the probe."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tb_xai_callbacks.backends.torch.call import to_numpy
from tb_xai_callbacks.backends.torch.observer import COMPILED, TorchObserver
from tb_xai_callbacks.console import sentence
from tb_xai_callbacks.options import Options, nearest
from tb_xai_callbacks.probe.samples import ProbeSet, map_arrays
from tb_xai_callbacks.recorder import Recorder

#: Parameter groups whose learning rates are logged.
MOST_GROUPS = 32


@dataclass(frozen=True)
class Start:
    """What is watched and where it is logged, before there is a probe."""

    model: nn.Module
    optimizers: Sequence[torch.optim.Optimizer]
    log_dir: str | os.PathLike[str]
    host: str
    options: Options

    def observer(self, probe: ProbeSet, settings: Mapping[str, Any] | None = None) -> TorchObserver:
        """An observer that ran the probe once.

        Raises:
            ValueError: if the model does not run on the probe.
        """
        observer = TorchObserver(self.model, probe.inputs, self.optimizers, self.options.output, settings)
        return _or_closed(observer, observer.layout, observer)

    def recorder(self, observer: TorchObserver, probe: ProbeSet, problems: Sequence[str] = ()) -> Recorder:
        """The recorder, told about everything that will be missing.

        Raises:
            ValueError: if `target_layers` names a layer that is not there.
        """
        probe, found = _usable_labels(probe, observer.num_outputs)

        def make() -> Recorder:
            return Recorder(observer, probe, log_dir=self.log_dir, host=self.host, options=self.options)

        recorder: Recorder = _or_closed(observer, make)
        for problem in [*problems, *found]:
            recorder.notice("warning", "probe", problem)
        if not observer.observes_training:
            recorder.journal.signal("gradients", "off", COMPILED, "train eagerly to see gradients")
            recorder.notice("info", "training statistics", COMPILED)
        return recorder


def _or_closed(observer: TorchObserver, make: Callable[[], Any], result: Any = None) -> Any:
    """What `make` returns, or `result`; the observer leaves no hook behind if it raises."""
    try:
        made = make()
    except BaseException:
        observer.close()
        raise
    return made if result is None else result


def _usable_labels(probe: ProbeSet, num_outputs: int) -> tuple[ProbeSet, tuple[str, ...]]:
    """The probe without labels that the model has no output for, and what to say about it."""
    if probe.labels is None or not num_outputs or probe.labels.max(initial=0) < max(num_outputs, 2):
        return probe, ()
    largest = int(probe.labels.max())
    if num_outputs == 1:
        return probe.with_values(), ()
    problem = f"the labels go up to {largest} but the model has {num_outputs} outputs, so they are ignored"
    return probe.without_labels(), (problem,)


def check_layer_names(model: nn.Module, options: Options) -> None:
    """A layer that does not exist is known before any dry run.

    Raises:
        ValueError: for a name that is no module of the model, listing the nearest.
    """
    wanted = options.target_layers
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


def why(error: BaseException) -> str:
    """An error in one line; ours speak for themselves."""
    return str(error) if isinstance(error, ValueError) else sentence(error)
