# SPDX-License-Identifier: Apache-2.0
"""The host for the Hugging Face Trainer: `ExplainCallback().attach(trainer)`, nothing else to configure."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn
from transformers import TrainerCallback

from tb_xai_callbacks.backends.torch.untouched import forked_rng
from tb_xai_callbacks.console import LOGGER
from tb_xai_callbacks.hosts.torch_session import TorchSession, check_layer_names, learning_rates, numpy_of
from tb_xai_callbacks.hosts.transformers_data import (
    CHOICE,
    make_probe,
    output_of,
    read_samples,
    split_batch,
    without_unused,
)
from tb_xai_callbacks.hosts.transformers_loss import LossTap, StepLoss
from tb_xai_callbacks.options import Options, OptionsDict
from tb_xai_callbacks.probe.choice import check_regions
from tb_xai_callbacks.probe.samples import ProbeSet

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["ExplainCallback"]

SHARDED = "the parameters are sharded over processes, which is not supported; nothing is logged"
COMPILED = "with torch_compile=True the trainer itself is needed: ExplainCallback().attach(trainer)"


class ExplainCallback(TrainerCallback):
    """Logs what a model learns in `Trainer.train`. Training is bit-identical to a run without it.

    `ExplainCallback().attach(trainer)`, or `Trainer(callbacks=[ExplainCallback()])`: a callback is not shown
    its trainer, so that without `attach` the probe comes from the training data, tokens have no strings
    unless the trainer has a `processing_class`, and the loss is the one that the model returns.

    Args:
        log_dir: the run's directory; None: that of the trainer's TensorBoard logs, else its `output_dir`.
        probe: a batch as the model takes it (a mapping, with labels), or `(inputs, labels)`; None: chosen
            from the evaluation data, else the training data.
        **options: see `options.Options`.

    Raises:
        TypeError: for an unknown option.
        ValueError: for an option that cannot be; from `attach` or `train`, if `target_layers` names no layer.
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
        if self._options.regions is not None and not isinstance(probe, Mapping):
            inputs = probe[0] if isinstance(probe, (tuple, list)) and len(probe) == 2 else probe
            check_regions(None if inputs is None else numpy_of(inputs), self._options.regions)
        self._trainer: Any = None
        self._forget()

    def _forget(self) -> None:
        self._session: TrainerSession | None = None
        self._losses: LossTap | None = None
        self._rates: dict[str, Any] = {}
        self._undo: list[Callable[[], None]] = []

    def __getstate__(self) -> dict[str, Any]:
        """A copy, or what another process gets, has neither started nor a trainer."""
        running = ("_trainer", "_session", "_losses", "_undo")
        return {name: value for name, value in self.__dict__.items() if name not in running}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._trainer = None
        self._forget()
        self.__dict__.update(state)

    def attach(self, trainer: Any) -> ExplainCallback:
        """Add this callback to a trainer and let it use the trainer's data, collator and loss.

        Raises:
            ValueError: if `target_layers` names no layer of its model.
        """
        if trainer.model is not None:
            check_layer_names(trainer.model, self._options)
        self._trainer = trainer
        if self not in trainer.callback_handler.callbacks:
            trainer.add_callback(self)
        return self

    # ---- what the trainer calls

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Choose the probe, log the state before training."""
        self._close(failed=True)  # an earlier `train` that was cut off
        model = kwargs.get("model")
        if model is None or not state.is_world_process_zero:
            return
        check_layer_names(model, self._options)
        problem = self._cannot(args)
        if problem:
            LOGGER.warning("%s", problem)
            return
        self._session = session = self._new_session(args, model, kwargs)

        def choose() -> ProbeSet:
            with forked_rng(model):  # reading data draws random numbers
                probe = self._choose(args, model, kwargs)
            self._take(session, model)
            return probe

        try:
            if not session.begin(choose, state.global_step, state.max_steps or None):
                session.begin_with_first_call(lambda _, batch: (self._of_batch(session, batch, kwargs), None))
        except BaseException:
            self._close(failed=True)
            raise
        self._losses = LossTap(self._trainer, model, session.is_observed, lambda: self._close(failed=True))
        self._undo.append(self._losses.close)

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The optimiser took its step; the schedule has not: these are the rates that were used."""
        if self._session is not None and self._session.is_observed():
            self._rates = learning_rates([unwrapped(kwargs.get("optimizer"))])

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """An optimiser step is over, whatever number of batches it had."""
        session, losses = self._session, self._losses
        if session is not None and losses is not None and state.global_step != session.step:
            session.after_step(state.global_step, losses.take(), lambda: self._rates)

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The trainer evaluated the model: its numbers are logged as validation."""
        metrics = kwargs.get("metrics") or {}
        numbers = {
            name: value
            for name, value in metrics.items()
            if isinstance(value, (int, float)) and not isinstance(value, bool) and not _is_timing(name)
        }
        if self._session is not None:
            self._session.log_scalars(state.global_step, numbers)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Log the last state and close the file."""
        best = getattr(state, "best_model_checkpoint", None)
        if self._session is not None and getattr(args, "load_best_model_at_end", False) and best:
            what = f"the last state is that of {Path(best).name}, which the trainer loaded at the end"
            self._session.notice("info", "best model", what)
        self._close(failed=False)

    # ---- within

    def _cannot(self, args: Any) -> str:
        """Why this run cannot be watched; "" if it can."""
        if getattr(args, "fsdp", None) or getattr(args, "deepspeed", None):
            return SHARDED
        return COMPILED if getattr(args, "torch_compile", False) and self._trainer is None else ""

    def _choose(self, args: Any, model: nn.Module, kwargs: Mapping[str, Any]) -> ProbeSet:
        trainer, names = self._trainer, list(getattr(args, "label_names", None) or ())
        names = names or list(getattr(trainer, "label_names", None) or ())
        if isinstance(self._probe, (tuple, list)) and len(self._probe) == 2:
            inputs, labels = numpy_of(self._probe[0]), self._probe[1]
            labels = None if labels is None else numpy_of(labels)
        elif self._probe is not None and not isinstance(self._probe, Mapping):
            inputs, labels = numpy_of(self._probe), None
        elif self._probe is not None:
            inputs, labels = split_batch(self._probe, model, names)
        else:
            inputs, labels = split_batch(self._read(args, model, names, kwargs), model, names)
        given = self._probe is not None
        return make_probe(inputs, labels, model, self._options, self._tokenizer(kwargs), given)

    def _read(self, args: Any, model: nn.Module, names: list[str], kwargs: Mapping[str, Any]) -> Any:
        """A batch of the evaluation data, else the training data, made by the trainer's own collator."""
        loaders = [kwargs.get("eval_dataloader"), kwargs.get("train_dataloader")]
        datasets = [getattr(loader, "dataset", None) for loader in loaders]
        collators = [getattr(loader, "collate_fn", None) for loader in loaders]
        if self._trainer is not None:
            datasets.insert(0, self._trainer.eval_dataset)
            collators.insert(0, self._trainer.data_collator)
        dataset = next((found for found in datasets if found is not None), None)
        collate = next((found for found in collators if found is not None), None)
        if collate is None:
            raise ValueError("the trainer has no data loader to choose a probe from; give probe=")
        samples = read_samples(dataset, CHOICE * self._options.num_samples)
        if getattr(args, "remove_unused_columns", True):
            samples = without_unused(samples, model, names)
        return collate(samples)

    def _tokenizer(self, kwargs: Mapping[str, Any]) -> Any:
        found = kwargs.get("processing_class") or kwargs.get("tokenizer")
        return getattr(found, "tokenizer", found)  # a processor has one

    def _new_session(self, args: Any, model: nn.Module, kwargs: Mapping[str, Any]) -> TrainerSession:
        watched = model if self._trainer is None else self._trainer.model_wrapped
        optimizers = [unwrapped(kwargs.get("optimizer"))]
        return TrainerSession(watched, optimizers, self._directory(args), "transformers", self._options)

    def _take(self, session: TrainerSession, model: nn.Module) -> None:
        """Which output is explained depends on the model."""
        output, stop_output = output_of(model, self._options)
        self._undo.append(stop_output)
        session.settings = replace(self._options, output=output)

    def _of_batch(
        self, session: TrainerSession, batch: Mapping[str, Any], kwargs: Mapping[str, Any]
    ) -> ProbeSet:
        """There was no probe to be had: the first training batch is one."""
        model = kwargs["model"]
        inputs, labels = split_batch(batch, model)
        probe = make_probe(inputs, labels, model, self._options, self._tokenizer(kwargs), given=False)
        self._take(session, model)
        return probe

    def _directory(self, args: Any) -> str | os.PathLike[str]:
        """Beside the scalars of the trainer's own TensorBoard callback, which began before this one."""
        if self._log_dir is not None:
            return self._log_dir
        callbacks = [] if self._trainer is None else self._trainer.callback_handler.callbacks
        for callback in callbacks:
            if type(callback).__name__ == "TensorBoardCallback":
                found = getattr(callback.tb_writer, "log_dir", None) or getattr(callback, "logging_dir", None)
                if found:
                    return str(found)
        given = os.environ.get("TENSORBOARD_LOGGING_DIR") or getattr(args, "logging_dir", None)
        return os.path.expanduser(given) if given else args.output_dir

    def _close(self, failed: bool) -> None:
        session, undo = self._session, self._undo
        self._forget()
        try:
            if session is not None:
                session.close(failed)
        finally:
            while undo:
                undo.pop()()


class TrainerSession(TorchSession):
    """A session whose loss is that of a `StepLoss`."""

    def plain(self, loss: StepLoss) -> Any:
        """See `Session.plain`."""
        return loss.value

    def graph(self, loss: StepLoss) -> Any:
        """See `Session.graph`."""
        return loss.graph


def unwrapped(optimizer: Any) -> Any:
    """The torch optimizer within accelerate's, which takes no hooks."""
    return getattr(optimizer, "optimizer", optimizer)


def _is_timing(name: str) -> bool:
    return name == "epoch" or name.endswith(("_runtime", "_per_second", "_preparation_time"))
