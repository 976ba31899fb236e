# SPDX-License-Identifier: Apache-2.0
"""The host for Lightning: `Trainer(callbacks=[ExplainCallback()])` and nothing else to configure."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from tb_xai_callbacks.backends.torch.observer import TorchObserver
from tb_xai_callbacks.backends.torch.untouched import forked_rng
from tb_xai_callbacks.console import LOGGER
from tb_xai_callbacks.hosts.torch_session import (
    Start,
    check_layer_names,
    learning_rates,
    numpy_of,
    plain_loss,
    why,
)
from tb_xai_callbacks.options import Options
from tb_xai_callbacks.probe.choice import check_regions, probe_from
from tb_xai_callbacks.probe.samples import ProbeSet, arrays_of, map_arrays
from tb_xai_callbacks.recorder import Recorder

__all__ = ["ExplainCallback"]

#: A probe is chosen from this many times as many samples, so that its classes can be balanced …
CHOICE = 8
#: … but never from more batches than this: reading them takes training's time.
MOST_BATCHES = 16
#: Keys under which a batch that is a dict has its labels.
LABEL_KEYS = ("labels", "label", "targets", "target", "y")
#: Keys under which such a batch has its inputs, where the model does not take keywords.
INPUT_KEYS = ("x", "image", "images", "pixel_values", "input", "inputs")


class ExplainCallback(Callback):
    """Logs what the module learns while it is fitted. Training is bit-identical to a run without it.

    Args:
        log_dir: the run's directory; None: that of the trainer's TensorBoard logger, or of the trainer.
        probe: `(inputs, labels)` or inputs; None: chosen from the validation data, else the training data.
        **options: see `options.Options`.

    Raises:
        TypeError: for an unknown option.
        ValueError: for an option that cannot be; from `fit`, if `target_layers` names no layer.
    """

    def __init__(
        self, log_dir: str | os.PathLike[str] | None = None, *, probe: Any = None, **options: Any
    ) -> None:
        super().__init__()
        self._log_dir = log_dir
        self._probe = probe
        self._options = Options.create(**options)
        if self._options.regions is not None:
            check_regions(None if probe is None else split_batch(probe)[0], self._options.regions)
        self._recorder: Recorder | None = None
        self._observer: TorchObserver | None = None
        self._problems: tuple[str, ...] = ()
        self._step = 0

    def __getstate__(self) -> dict[str, Any]:
        """A copy, or what another process gets, has not started."""
        return {**self.__dict__, "_recorder": None, "_observer": None}

    # ---- what Lightning calls

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose the probe, log the state before training."""
        self._close(failed=True)  # an earlier `fit` that was cut off
        if not trainer.is_global_zero:
            return
        check_layer_names(pl_module, self._options)
        try:
            with forked_rng(pl_module):  # reading data draws random numbers
                probe = self._choose(trainer)
            self._begin(trainer, pl_module, probe)
        except _WrongLayer:
            raise
        except Exception as error:
            if self._options.strict:
                raise
            self._problems = (f"{why(error)}; the first training batch is the probe instead",)
            LOGGER.warning("probe: %s", self._problems[0])

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Where there was no probe to be had, the first batch is one."""
        if not self._problems or self._recorder is not None:
            return
        try:
            inputs, labels = split_batch(batch)
            probe = probe_from(inputs, labels, self._options, given=False)
            self._begin(trainer, pl_module, probe)
        except Exception as error:  # noqa: BLE001 — the second and last attempt
            LOGGER.warning("nothing is logged, training goes on: %s", why(error))
        self._problems = ()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """A batch is over; with accumulated gradients not every one is an optimiser step."""
        if self._recorder is None or trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        scalars, loss = None, plain_loss(outputs)
        if self._recorder.due_next():  # the step just done was observed
            scalars = {"loss": loss, **learning_rates(trainer.optimizers)}
            if self._observer is not None:
                with self._recorder.guard("loss"):
                    self._observer.note_loss(outputs.get("loss") if isinstance(outputs, Mapping) else outputs)
        self._recorder.after_step(self._step, scalars, loss)
        self._recorder.tell()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the last state and close the file."""
        self._close(failed=False)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Training failed: write what there is."""
        self._close(failed=True)

    # ---- within

    def _begin(self, trainer: Trainer, module: LightningModule, probe: ProbeSet) -> None:
        if type(module).forward is LightningModule.forward:
            raise ValueError("the module has no forward(), so the probe cannot run through it; define one")
        start = Start(module, trainer.optimizers, self._directory(trainer), "lightning", self._options)
        observer = start.observer(probe)
        try:
            recorder = start.recorder(observer, probe, self._problems)
        except ValueError as error:
            raise _WrongLayer(str(error)) from None
        self._observer, self._recorder = observer, recorder
        self._step = trainer.global_step
        recorder.start(self._step)

    def _directory(self, trainer: Trainer) -> str | os.PathLike[str]:
        directories = [getattr(logger, "log_dir", None) for logger in trainer.loggers]
        found = [directory for directory in directories if directory]
        return self._log_dir or (found[0] if found else trainer.log_dir or trainer.default_root_dir)

    def _choose(self, trainer: Trainer) -> ProbeSet:
        options = self._options
        if self._probe is not None:
            return probe_from(*split_batch(self._probe), options)
        loader = _probe_loader(trainer)
        inputs, labels = _read(loader, CHOICE * options.num_samples)
        return probe_from(inputs, labels, options, class_names=_class_names(loader), given=False)

    def _close(self, failed: bool) -> None:
        recorder, self._recorder = self._recorder, None
        observer, self._observer = self._observer, None
        try:
            if recorder is not None:
                recorder.finish(self._step, failed)
                if not failed:
                    recorder.tell()
        finally:
            if observer is not None:
                observer.close()


class _WrongLayer(ValueError):
    """`target_layers` names no layer: the one error that is raised."""


def _probe_loader(trainer: Trainer) -> Any:
    """The first validation loader, or else the training one."""
    for loaders in (trainer.val_dataloaders, trainer.train_dataloader):
        if isinstance(loaders, Mapping):
            loaders = list(loaders.values())
        if isinstance(loaders, (list, tuple)):
            loaders = loaders[0] if loaders else None
        if loaders is not None:
            return loaders
    raise ValueError("there is neither validation nor training data to choose a probe from; give probe=")


def _fresh(loader: Any) -> Any:
    """A loader of our own over the same samples: no workers started, no iterator of the user's consumed.

    Raises:
        ValueError: if the samples come only once, so that reading them would take them from training.
    """
    if not isinstance(loader, DataLoader):
        return loader
    dataset = loader.dataset
    batches: dict[str, Any] = {"batch_size": loader.batch_size or 16, "collate_fn": loader.collate_fn}
    if loader.batch_size is None and loader.batch_sampler is None:
        batches = {"batch_size": None}  # its samples are batches
    if not isinstance(dataset, IterableDataset):
        order = np.random.default_rng(0).permutation(len(dataset)).tolist()  # type: ignore[arg-type]
        return DataLoader(dataset, sampler=order, **batches)
    if isinstance(dataset, Iterator):
        raise ValueError("the data can be read only once")
    return DataLoader(dataset, **batches)


def _class_names(loader: Any) -> Any:
    """`classes` of the dataset, also of one that subsets were taken of; None if it has none."""
    dataset = getattr(loader, "dataset", None)
    while dataset is not None and not hasattr(dataset, "classes"):
        dataset = getattr(dataset, "dataset", None)
    return getattr(dataset, "classes", None)


def _read(loader: Any, most: int) -> tuple[Any, Any]:
    """(inputs, labels or None) as numpy, of the first batches: `most` samples or a batch more."""
    read: list[tuple[Any, Any]] = []
    size = 0
    for batch in islice(iter(_fresh(loader)), MOST_BATCHES):
        read.append(split_batch(batch))
        size += len(arrays_of(read[-1][0])[0])
        if size >= most:
            break
    if not read:
        raise ValueError("the data loader yields no batch to choose a probe from; give probe=")
    labels = None if read[0][1] is None else np.concatenate([y for _, y in read])
    return _joined([x for x, _ in read]), labels


def _joined(parts: list[Any]) -> Any:
    """Batches of the same structure → one: concatenated array by array."""
    columns = list(zip(*(arrays_of(part) for part in parts), strict=True))
    joined = iter([np.concatenate(column) for column in columns])
    return map_arrays(parts[0], lambda _: next(joined))


def split_batch(batch: Any) -> tuple[Any, Any]:
    """A batch → (inputs, labels or None) as numpy: (x, y), (x, …, y), (x,), x, or a dict with labels."""
    if isinstance(batch, Mapping):
        label = next((key for key in LABEL_KEYS if isinstance(batch.get(key), (Tensor, np.ndarray))), None)
        rest = {key: value for key, value in batch.items() if key != label and isinstance(value, Tensor)}
        only = next((key for key in INPUT_KEYS if key in rest), None)
        inputs: Any = rest[only] if only and len(rest) == 1 else rest
        return numpy_of(inputs), None if label is None else numpy_of(batch[label])
    if isinstance(batch, (tuple, list)) and len(batch) > 1:
        inputs = batch[0] if len(batch) == 2 else tuple(batch[:-1])
        labels = batch[-1]
        return numpy_of(inputs), numpy_of(labels) if isinstance(labels, (Tensor, np.ndarray)) else None
    return numpy_of(batch[0] if isinstance(batch, (tuple, list)) else batch), None
