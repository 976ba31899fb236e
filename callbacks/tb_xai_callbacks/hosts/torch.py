# SPDX-License-Identifier: Apache-2.0
"""The host for plain PyTorch loops: `watch(model, optimizer, log_dir=…)`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tb_xai_callbacks.hosts.torch_session import (
    TorchSession,
    check_layer_names,
    is_main_process,
    numpy_of,
    split_settings,
)
from tb_xai_callbacks.options import Options, OptionsDict
from tb_xai_callbacks.probe.choice import check_regions, probe_from
from tb_xai_callbacks.probe.samples import ProbeSet

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Watch", "watch"]


class Watch:
    """A watched training loop; `watch` makes it.

    Use it as a context manager, or call `close` when training is over.
    """

    def __init__(self, session: TorchSession, probe: Any) -> None:
        self._session = session
        self._step = 0
        self._closed = not is_main_process()
        settings = session.settings
        check_layer_names(session.model, settings)
        inputs, labels = probe if isinstance(probe, (tuple, list)) and len(probe) == 2 else (probe, None)
        if settings.regions is not None:
            check_regions(None if inputs is None else numpy_of(inputs), settings.regions)
        if self._closed:
            return
        chosen = None if inputs is None else self._chosen(inputs, labels)
        if chosen is None or not session.begin(lambda: chosen):
            session.begin_with_first_call(self._chosen_of_call)

    def step(self, loss: Any = None) -> None:
        """One optimiser step is done; `loss` (a number or 0-d tensor) is logged with it."""
        if not self._closed:
            self._step += 1
            self._session.after_step(self._step, loss, self._session.rates)

    def snapshot(self) -> None:
        """Log every signal now, whatever the schedule says."""
        self._session.snapshot()

    def close(self, failed: bool = False) -> None:
        """Training is over: log the last state and remove every hook. May be called twice."""
        self._closed = True
        self._session.close(failed)

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(failed=kind is not None)

    def _chosen(self, inputs: Any, labels: Any, given: bool = True) -> ProbeSet:
        truth = None if labels is None else numpy_of(labels)
        return probe_from(numpy_of(inputs), truth, self._session.settings, given=given)

    def _chosen_of_call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[ProbeSet, Any]:
        samples, settings = split_settings(kwargs)
        inputs = samples if not args else (args[0] if len(args) == 1 else args)
        return self._chosen(inputs, None, given=False), settings if samples else kwargs


def watch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    *,
    log_dir: str | os.PathLike[str],
    probe: Any = None,
    **options: Unpack[OptionsDict],
) -> Watch:
    """Log what `model` learns while it learns.

    ```python
    with watch(model, optimizer, log_dir="runs/a", probe=(images, labels)) as explain:
        for x, y in loader:
            ...
            explain.step(loss=loss)
    ```

    Args:
        model: the module that is trained; wrapped in DistributedDataParallel or compiled is fine.
        optimizer: without it there are no update ratios.
        log_dir: the run's directory; records go to its child run `xai`.
        probe: `(inputs, labels)` or inputs; by default the first training batch.
        **options: see `Options`.

    Raises:
        TypeError: for an unknown option.
        ValueError: for an option or layer name that cannot be, or an empty probe. Nothing later raises.
    """
    optimizers = () if optimizer is None else (optimizer,)
    return Watch(TorchSession(model, optimizers, log_dir, "torch", Options.create(**options)), probe)
