# SPDX-License-Identifier: Apache-2.0
"""The host for plain PyTorch loops: `watch(model, optimizer, log_dir=…)`."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from tb_xai_callbacks.backends.torch import TorchObserver
from tb_xai_callbacks.guard import LOGGER, sentence
from tb_xai_callbacks.options import Options, nearest
from tb_xai_callbacks.probe_set import ProbeSet, choose_probe, map_arrays
from tb_xai_callbacks.recorder import Recorder


def to_numpy(value: Any) -> Any:
    """Tensors, also nested in dicts, tuples or lists → numpy; anything else is left to numpy."""
    return map_arrays(value, lambda x: x.detach().cpu().numpy() if isinstance(x, Tensor) else x)


def is_main_process() -> bool:
    """Whether this process is the one that logs: rank 0, or not distributed."""
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    return not distributed or torch.distributed.get_rank() == 0


class Watch:
    """A watched training loop; `watch` makes it.

    Use it as a context manager, or call `close` when training is over.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer | None,
        log_dir: str | os.PathLike[str],
        probe: Any,
        options: Options,
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._log_dir = log_dir
        self._options = options
        self._step = 0
        self._closed = False
        self._recorder: Recorder | None = None
        self._observer: TorchObserver | None = None
        self._waiting: Any = None
        if not is_main_process():
            self._closed = True
        elif probe is None:
            _check_names(model, options)
            self._waiting = model.register_forward_pre_hook(self._first_batch, with_kwargs=True)
        else:
            inputs, labels = probe if isinstance(probe, (tuple, list)) and len(probe) == 2 else (probe, None)
            self._begin(self._choose(to_numpy(inputs), to_numpy(labels)))

    # ---- what users call

    def step(self, loss: Any = None) -> None:
        """One optimiser step is done; `loss` (a number or 0-d tensor) is logged with it."""
        if self._closed:
            return
        self._step += 1
        if self._recorder is not None:
            self._recorder.after_step(self._step, self._scalars(loss))

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
        if self._recorder is not None:
            self._recorder.finish(self._step, failed)
        if self._observer is not None:
            self._observer.close()

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(failed=kind is not None)

    # ---- within

    def _choose(self, inputs: Any, labels: Any) -> ProbeSet:
        return choose_probe(inputs, labels, self._options.num_samples, self._options.class_names)

    def _begin(self, probe: ProbeSet) -> None:
        observer = TorchObserver(self._model, probe.inputs, self._optimizer, self._options.output)
        self._observer = observer
        try:
            self._recorder = Recorder(
                observer, probe, log_dir=self._log_dir, host="torch", options=self._options
            )
        except BaseException:
            observer.close()
            raise
        self._recorder.start(0)

    def _first_batch(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        """The first training batch is the probe, before the model has seen it."""
        if not (module.training and torch.is_grad_enabled()):
            return
        self._stop_waiting()
        try:
            inputs = dict(kwargs) if not args else (args[0] if len(args) == 1 else tuple(args))
            self._begin(self._choose(to_numpy(inputs), None))
        except Exception as error:
            if self._options.strict:
                raise
            LOGGER.warning("nothing is logged, training goes on: %s", sentence(error))

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.remove()
            self._waiting = None

    def _scalars(self, loss: Any) -> dict[str, Any]:
        if isinstance(loss, Tensor):
            loss = loss.detach().mean() if loss.numel() > 1 else loss.detach()
        return {"loss": loss, **learning_rates(self._optimizer)}


def learning_rates(optimizer: torch.optim.Optimizer | None) -> dict[str, Any]:
    """`learning_rate` of the first parameter group, `learning_rate_1` … of up to seven further ones."""
    groups = optimizer.param_groups[:8] if optimizer is not None else []
    rates = [group.get("lr") for group in groups]
    return {
        "learning_rate" + (f"_{index}" if index else ""): rate.detach() if isinstance(rate, Tensor) else rate
        for index, rate in enumerate(rates)
    }


def _check_names(model: nn.Module, options: Options) -> None:
    """Without a probe there is no dry run yet, but a layer that does not exist is known already."""
    if options.target_layers == "auto":
        return
    known = [name for name, _ in model.named_modules() if name]
    wanted = options.target_layers
    for name in [wanted] if isinstance(wanted, str) else wanted:
        if name not in known:
            raise ValueError(
                f"target_layers: the model has no layer {name!r}; nearest: {nearest(name, known)}"
            )


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
    return Watch(model, optimizer, log_dir, probe, Options.create(**options))
