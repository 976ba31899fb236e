# SPDX-License-Identifier: Apache-2.0
"""Keras drives the loop: one callback for `fit`, on the TensorFlow, the torch and the JAX backend.

from tb_xai_callbacks.keras import ExplainCallback
model.fit(x, y, callbacks=[ExplainCallback("logs/a", validation_data=(x_val, y_val))])
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from tb_xai_callbacks.backends.keras.engines.engine import BACKENDS, engine_for, unsupported, untouched
from tb_xai_callbacks.backends.keras.forward import build, is_built
from tb_xai_callbacks.backends.keras.observer import NO_PROBE, KerasObserver
from tb_xai_callbacks.console import LOGGER, sentence
from tb_xai_callbacks.hosts.keras_data import given_inputs, read_samples, regions_read, truth_of
from tb_xai_callbacks.options import Options
from tb_xai_callbacks.probe.choice import check_regions, probe_from
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.recorder import Recorder
from tb_xai_callbacks.run.guard import Guard

__all__ = ["ExplainCallback"]


class ExplainCallback(keras.callbacks.Callback):
    """Logs what the model learns while `fit` runs. Training itself is bit-identical to a run without it.

    Activations, gradients and explanations are taken on the probe. Weight gradients are those of the
    training batch on the torch backend, of the probe elsewhere. The logged loss is Keras's own: the mean
    over the epoch so far.

    Args:
        log_dir: the run's directory.
        validation_data: where the probe is chosen from: (x, y) arrays, a tf.data.Dataset, a PyDataset, a
            torch DataLoader, or any iterable of batches. Keras does not show callbacks that of `fit`.
        probe: the same, under the name the other hosts use.
        **options: see `options.Options`.

    Raises:
        TypeError: for an unknown option.
        ValueError: for an option that cannot be; from `fit`, if `target_layers` names no layer.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        *,
        validation_data: Any = None,
        probe: Any = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if validation_data is not None and probe is not None:
            raise ValueError("validation_data and probe mean the same here; give one of them")
        self._log_dir = log_dir
        self._data = validation_data if validation_data is not None else probe
        self._options = Options.create(**options)
        if self._options.regions is not None:
            check_regions(given_inputs(self._data), self._options.regions)
        self._recorder: Recorder | None = None
        self._probe: ProbeSet | None = None
        self._truth: Any = None
        self._no_probe = NO_PROBE
        self._guard = Guard(self._options.strict, lambda name, reason: None)
        self._steps = 0
        self._iterations: tuple[int, int] | None = None
        self._mean_loss = (0, 0.0)
        self._waiting = False

    # ---- what Keras calls

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Choose the probe, log the state before training."""
        if self._recorder is not None:
            # An exception ended the last `fit` before Keras could say so.
            self._recorder.finish_at_exit()
            self._recorder = None
        observer = None
        with self._guard("ExplainCallback"):
            observer = self._prepare()
        if observer is not None:
            self._start(observer)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """The model holds its variables now, on every backend; see `_steps_done`."""
        self._iterations = None
        if keras.backend.backend() == "jax" and _counts_batches(self.model):
            self._iterations = (self._steps_done(), 0)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """An optimiser step is done (several, with steps_per_execution)."""
        self._steps += 1
        if self._iterations is not None:
            self._iterations = (self._iterations[0], batch + 1)
        if self._waiting:
            self._waiting = False
            self._start_late()
        elif self._recorder is not None:
            with self._guard("ExplainCallback"):
                scalars = self._scalars(logs or {}) if self._recorder.due_next() else None
                self._recorder.after_step(self._steps_done(), scalars, self._batch_loss(batch, logs or {}))
            self._recorder.tell()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Validation metrics come once an epoch."""
        if self._recorder is not None:
            with self._guard("ExplainCallback"):
                found = {name: value for name, value in (logs or {}).items() if name.startswith("val_")}
                numbers = {name: float(value) for name, value in found.items() if _is_number(value)}
                self._recorder.log_scalars(self._steps_done(), numbers)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Log the last state and close the file."""
        self._waiting = False
        if self._recorder is not None:
            recorder, self._recorder = self._recorder, None
            with self._guard("ExplainCallback"):
                recorder.finish(self._steps_done())
            recorder.tell()

    # ---- starting

    def _prepare(self) -> KerasObserver | None:
        """The model on the probe; None if it cannot be observed, or only once a step has built it."""
        backend = keras.backend.backend()
        if backend not in BACKENDS:
            LOGGER.warning("nothing is logged, training goes on: %s", unsupported(backend))
            return None
        with untouched(engine_for(backend), self.model, list(self.model._flatten_layers())):
            self._choose_probe()
        self._waiting = not self._is_built()
        return None if self._waiting else self._observer()

    def _choose_probe(self) -> None:
        if self._data is None or self._probe is not None:
            return
        options = self._options
        try:
            inputs, labels = read_samples(self._data, options.num_samples, _loss_name(self.model))
            if options.regions is not None:
                options = replace(options, regions=regions_read(self._data, options))
            self._probe = probe_from(inputs, labels, options)
            self._truth = truth_of(self._probe, labels)
        except Exception as error:  # noqa: BLE001 — their data loader may do anything
            self._without_probe("cannot be used as a probe", error)

    def _without_probe(self, problem: str, error: Exception) -> None:
        """Go on with the weights alone."""
        if self._options.strict:
            raise error
        self._probe = None
        self._no_probe = f"validation_data {problem} ({sentence(error)}), so only weights are logged"

    def _is_built(self) -> bool:
        """Build a model that knows its weights only once it has seen data, if the probe lets us."""
        if is_built(self.model):
            return True
        if self._probe is None:
            return False
        try:
            build(self.model, self._probe.inputs)
        except Exception:  # noqa: BLE001 — the first training step builds it then
            LOGGER.debug("the probe could not build the model", exc_info=True)
        return is_built(self.model)

    def _start(self, observer: KerasObserver) -> None:
        # Not guarded: a wrong layer name is the user's to correct, and training has not begun.
        recorder = Recorder(observer, self._probe, log_dir=self._log_dir, host="keras", options=self._options)
        with self._guard("ExplainCallback"):
            self._explain_gaps(recorder, observer)
            recorder.start(self._steps_done())
            self._recorder = recorder

    def _start_late(self) -> None:
        observer = None
        with self._guard("ExplainCallback"):
            observer = self._observer()
        if observer is not None:
            self._start(observer)
        if self._recorder is not None:
            self._recorder.notice(
                "info", "start", "the first step built the model; what was before is not known"
            )

    def _observer(self) -> KerasObserver:
        """The model on the probe; if it cannot run on that, without it."""
        options = self._options
        observer = KerasObserver(
            self.model,
            self._probe,
            self._truth,
            output=options.output,
            signals=options.signals,
            no_probe=self._no_probe,
        )
        try:
            observer.layout()
        except Exception as error:  # noqa: BLE001 — their model on their data
            self._without_probe("does not fit the model", error)
            return KerasObserver(
                self.model, None, output=options.output, signals=options.signals, no_probe=self._no_probe
            )
        return observer

    def _explain_gaps(self, recorder: Recorder, observer: KerasObserver) -> None:
        """Say which signals there cannot be, and why."""
        reason = observer.gradient_reason
        remedy = "give validation_data=(x_val, y_val) and compile the model with its loss"
        if self._probe is None:
            recorder.journal.signal("activations", "off", self._no_probe, remedy)
            if "explanations" not in self._options.signals:
                recorder.notice("warning", "probe", self._no_probe)
        if reason and not observer.engine.has_training_gradients:
            recorder.journal.signal("gradients", "off", reason, remedy)
        if reason and self._probe is not None and "gradients" in self._options.signals:
            recorder.notice("warning", "gradients", f"off: {reason}; {remedy}")

    # ---- small facts

    def _steps_done(self) -> int:
        """Optimiser steps, which go on counting in a second `fit`; batches where there is no optimiser.

        On JAX the step that was made is counted: asking the model brings its state back from the trainer,
        which costs as much as a small step.
        """
        if self._iterations is not None:
            return sum(self._iterations)
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is None:
            return self._steps
        return int(keras.ops.convert_to_numpy(optimizer.iterations))

    def _batch_loss(self, batch: int, logs: dict[str, Any]) -> float | None:
        """This batch's own loss, out of Keras's mean over the epoch so far."""
        if not _is_number(logs.get("loss")):
            return None
        mean, number = float(logs["loss"]), batch + 1
        before, old = self._mean_loss if self._mean_loss[0] < number else (0, 0.0)
        self._mean_loss = (number, mean)
        return (mean * number - old * before) / (number - before)

    def _scalars(self, logs: dict[str, Any]) -> dict[str, float]:
        """Keras's running means over the epoch, and the learning rate."""
        values = {name: float(value) for name, value in logs.items() if _is_number(value)}
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None:
            values["learning_rate"] = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        return values


def _is_number(value: Any) -> bool:
    if value is None:
        return False
    array = np.asarray(value)
    return array.ndim == 0 and array.dtype.kind in "fiub"


def _counts_batches(model: Any) -> bool:
    """Whether every batch is a step of the optimizer: none is left out or added to the next."""
    optimizer = getattr(model, "optimizer", None)
    every = not getattr(optimizer, "gradient_accumulation_steps", None)
    own = type(model).train_step is not keras.Model.train_step
    return optimizer is not None and every and not own and not hasattr(optimizer, "inner_optimizer")


def _loss_name(model: Any) -> str:
    loss = getattr(model, "loss", None)
    return str(getattr(loss, "name", None) or getattr(loss, "__name__", None) or loss or "")
