# SPDX-License-Identifier: Apache-2.0
"""The host for plain PyTorch loops: `watch(model, optimizer, log_dir=…)`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from tb_xai_callbacks.backends.torch.observer import TorchObserver
from tb_xai_callbacks.console import LOGGER
from tb_xai_callbacks.hosts.torch_session import (
    Start,
    check_layer_names,
    is_main_process,
    learning_rates,
    numpy_of,
    plain_loss,
    split_settings,
    why,
)
from tb_xai_callbacks.options import Options
from tb_xai_callbacks.probe.choice import check_regions, probe_from
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.recorder import Recorder

__all__ = ["Watch", "watch"]


class Watch:
    """A watched training loop; `watch` makes it.

    Use it as a context manager, or call `close` when training is over.
    """

    def __init__(self, start: Start, probe: Any) -> None:
        self._start = start
        self._step = 0
        self._closed = not is_main_process()
        self._recorder: Recorder | None = None
        self._observer: TorchObserver | None = None
        self._waiting: Any = None
        self._problems: tuple[str, ...] = ()
        check_layer_names(start.model, start.options)
        if probe is None:
            inputs, labels = None, None
        else:
            inputs, labels = probe if isinstance(probe, (tuple, list)) and len(probe) == 2 else (probe, None)
        if start.options.regions is not None:
            check_regions(None if inputs is None else numpy_of(inputs), start.options.regions)
        if self._closed:
            return
        if inputs is None:
            self._wait()
        else:
            self._begin_or_wait(self._choose(inputs, labels))

    # ---- what users call

    def step(self, loss: Any = None) -> None:
        """One optimiser step is done; `loss` (a number or 0-d tensor) is logged with it."""
        if self._closed:
            return
        self._step += 1
        if self._recorder is not None and self._observer is not None:
            value = plain_loss(loss)
            wanted = self._recorder.due_next()  # the step just done was observed
            if wanted:
                with self._recorder.guard("loss"):
                    self._observer.note_loss(loss)
            self._recorder.after_step(self._step, self._scalars(value) if wanted else None, value)
            self._recorder.tell()

    def snapshot(self) -> None:
        """Log every signal now, whatever the schedule says."""
        if self._recorder is not None and not self._closed:
            self._recorder.snapshot_all(self._step)

    def close(self, failed: bool = False) -> None:
        """Training is over: log the last state and remove every hook. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._stop_waiting()
        try:
            if self._recorder is not None:
                self._recorder.finish(self._step, failed)
                if not failed:
                    self._recorder.tell()
        finally:
            if self._observer is not None:
                self._observer.close()

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(failed=kind is not None)

    # ---- within

    def _choose(self, inputs: Any, labels: Any, given: bool = True) -> ProbeSet:
        truth = None if labels is None else numpy_of(labels)
        return probe_from(numpy_of(inputs), truth, self._start.options, given=given)

    def _begin_or_wait(self, probe: ProbeSet) -> None:
        """Begin with the probe that was given; if the model cannot take it, with the first batch."""
        try:
            observer = self._start.observer(probe)
        except Exception as error:
            if self._start.options.strict:
                raise
            self._problems = (f"{why(error)}; the first training batch is the probe instead",)
            LOGGER.warning("probe: %s", self._problems[0])
            self._wait()
            return
        self._begin(observer, probe)

    def _begin(self, observer: TorchObserver, probe: ProbeSet) -> None:
        recorder = self._start.recorder(observer, probe, self._problems)
        self._observer, self._recorder = observer, recorder
        recorder.start(self._step)

    def _wait(self) -> None:
        self._waiting = self._start.model.register_forward_pre_hook(self._first_batch, with_kwargs=True)

    def _first_batch(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """The first training batch is the probe, before the model has learned from it."""
        if not (module.training and torch.is_grad_enabled()):
            return
        self._stop_waiting()
        try:
            samples, settings = split_settings(kwargs)
            inputs = samples if not args else (args[0] if len(args) == 1 else args)
            probe = self._choose(inputs, None, given=False)
            self._begin(self._start.observer(probe, settings if samples else kwargs), probe)
        except Exception as error:
            if self._start.options.strict:
                raise
            LOGGER.warning("nothing is logged, training goes on: %s", why(error))

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.remove()
            self._waiting = None

    def _scalars(self, loss: Any) -> dict[str, Any]:
        return {"loss": loss, **learning_rates(self._start.optimizers)}


def watch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    *,
    log_dir: str | os.PathLike[str],
    probe: Any = None,
    loss_fn: Callable[[Any, Any], Tensor] | None = None,
    **options: Any,
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
        loss_fn: reserved for diagnosis; not needed for anything that is logged.
        **options: see `Options`.

    Raises:
        TypeError: for an unknown option.
        ValueError: for an option or layer name that cannot be, or an empty probe. Nothing later raises.
    """
    del loss_fn
    optimizers = () if optimizer is None else (optimizer,)
    return Watch(Start(model, optimizers, log_dir, "torch", Options.create(**options)), probe)
