# SPDX-License-Identifier: Apache-2.0
"""The host for Lightning: `Trainer(callbacks=[ExplainCallback()])` and nothing else to configure."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from tb_xai_callbacks.backends.torch.untouched import forked_rng
from tb_xai_callbacks.hosts.batches import first_batches
from tb_xai_callbacks.hosts.torch_session import TorchSession, check_layer_names, numpy_of
from tb_xai_callbacks.options import Options, OptionsDict
from tb_xai_callbacks.probe.choice import check_regions, probe_from
from tb_xai_callbacks.probe.samples import ProbeSet

if TYPE_CHECKING:
    from typing_extensions import Unpack

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
        self,
        log_dir: str | os.PathLike[str] | None = None,
        *,
        probe: Any = None,
        **options: Unpack[OptionsDict],
    ) -> None:
        super().__init__()
        self._log_dir = log_dir
        self._probe = probe
        self._options = Options.create(**options)
        if self._options.regions is not None:
            check_regions(None if probe is None else split_batch(probe)[0], self._options.regions)
        self._session: TorchSession | None = None

    def __getstate__(self) -> dict[str, Any]:
        """A copy, or what another process gets, has not started."""
        return {**self.__dict__, "_session": None}

    # ---- what Lightning calls

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose the probe, log the state before training."""
        self._close(failed=True)  # an earlier `fit` that was cut off
        if not trainer.is_global_zero:
            return
        check_layer_names(pl_module, self._options)
        directory = self._directory(trainer)
        self._session = TorchSession(pl_module, trainer.optimizers, directory, "lightning", self._options)

        def choose() -> ProbeSet:
            _check_forward(pl_module)
            with forked_rng(pl_module):  # reading data draws random numbers
                return self._choose(trainer)

        self._session.begin(choose, trainer.global_step, _total_steps(trainer))

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Where there was no probe to be had, the first batch is one."""
        if self._session is not None and self._session.is_waiting:

            def choose() -> tuple[ProbeSet, None]:
                _check_forward(pl_module)
                return probe_from(*split_batch(batch), self._options, given=False), None

            self._session.begin_late(choose, trainer.global_step)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """A batch is over; with accumulated gradients not every one is an optimiser step."""
        if self._session is not None:
            self._session.after_step(trainer.global_step, outputs, self._session.rates)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the last state and close the file."""
        self._close(failed=False)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Training failed: write what there is."""
        self._close(failed=True)

    # ---- within

    def _directory(self, trainer: Trainer) -> str | os.PathLike[str]:
        directories = [getattr(logger, "log_dir", None) for logger in trainer.loggers]
        found = [directory for directory in directories if directory]
        return self._log_dir or (found[0] if found else trainer.log_dir or trainer.default_root_dir)

    def _choose(self, trainer: Trainer) -> ProbeSet:
        options = self._options
        if self._probe is not None:
            return probe_from(*split_batch(self._probe), options)
        loader = _probe_loader(trainer)
        inputs, labels = first_batches(
            _fresh(loader), split_batch, CHOICE * options.num_samples, MOST_BATCHES
        )
        return probe_from(inputs, labels, options, class_names=_class_names(loader), given=False)

    def _close(self, failed: bool) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close(failed)


def _total_steps(trainer: Trainer) -> int | None:
    """Optimiser steps of the whole fit; None where that is not known."""
    try:
        steps = trainer.estimated_stepping_batches
    except Exception:  # noqa: BLE001 — it asks the user's loaders for their length
        return None
    return int(steps) if 0 < steps < float("inf") else None


def _check_forward(module: LightningModule) -> None:
    if type(module).forward is LightningModule.forward:
        raise ValueError("the module has no forward(), so the probe cannot run through it; define one")


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
