# SPDX-License-Identifier: Apache-2.0
"""Keras drives the loop: one callback for `fit`, on the TensorFlow, the torch and the JAX backend.

from tb_xai_callbacks.keras import ExplainCallback
model.fit(x, y, callbacks=[ExplainCallback("logs/a", validation_data=(x_val, y_val))])
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from tb_xai_callbacks.backends.keras.engines.choose import BACKENDS, engine_for, unsupported
from tb_xai_callbacks.backends.keras.engines.engine import untouched
from tb_xai_callbacks.backends.keras.forward import build, is_built
from tb_xai_callbacks.backends.keras.observer import NO_PROBE, KerasObserver
from tb_xai_callbacks.console import LOGGER, sentence
from tb_xai_callbacks.hosts.keras_data import given_inputs, read_samples, regions_read, truth_of
from tb_xai_callbacks.hosts.session import Session, Watched
from tb_xai_callbacks.options import Options, OptionsDict
from tb_xai_callbacks.probe.choice import check_regions, probe_from
from tb_xai_callbacks.probe.samples import ProbeSet

if TYPE_CHECKING:
    from typing_extensions import Unpack

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
        **options: Unpack[OptionsDict],
    ) -> None:
        super().__init__()
        if validation_data is not None and probe is not None:
            raise ValueError("validation_data and probe mean the same here; give one of them")
        self._log_dir = log_dir
        self._data = validation_data if validation_data is not None else probe
        self._options = Options.create(**options)
        if self._options.regions is not None:
            check_regions(given_inputs(self._data), self._options.regions)
        self._session: KerasSession | None = None
        self._steps = 0
        self._iterations: tuple[int, int] | None = None
        self._mean_loss = (0, 0.0)

    # ---- what Keras calls

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Choose the probe, log the state before training."""
        if self._session is not None:  # an exception ended the last `fit` before Keras could say so
            self._session.abandon()
            self._session = None
        backend = keras.backend.backend()
        if backend not in BACKENDS:
            LOGGER.warning("nothing is logged, training goes on: %s", unsupported(backend))
            return
        self._session = KerasSession(self.model, self._data, self._log_dir, self._options)
        self._session.begin_or_wait(self._steps_done(), self._total_steps())

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
        session, logs = self._session, logs or {}
        if session is None:
            return
        if session.needs_a_step:
            session.begin_built(self._steps_done())
        elif session.is_on:
            session.after_step(self._steps_done(), self._batch_loss(batch, logs), lambda: self._scalars(logs))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Validation metrics come once an epoch."""
        if self._session is not None and self._session.is_on:
            found = {name: value for name, value in (logs or {}).items() if name.startswith("val_")}
            numbers = {name: float(value) for name, value in found.items() if _is_number(value)}
            self._session.log_scalars(self._steps_done(), numbers)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Log the last state and close the file."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    # ---- small facts

    def _total_steps(self) -> int | None:
        """Optimiser steps when this `fit` ends; None where the number of batches is not known."""
        epochs, steps = (self.params or {}).get("epochs"), (self.params or {}).get("steps")
        return self._steps_done() + epochs * steps if epochs and steps else None

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


class KerasSession(Session):
    """A watched Keras model. A probe that cannot be had leaves the weights to be watched.

    Args:
        model: the user's model.
        data: where the probe is chosen from, or None.
        log_dir: the run's directory.
        settings: the user's options.
    """

    def __init__(self, model: Any, data: Any, log_dir: str | os.PathLike[str], settings: Options) -> None:
        super().__init__(settings, log_dir, "keras")
        self.needs_a_step = False
        self._model = model
        self._data = data
        self._probe: ProbeSet | None = None
        self._truth: Any = None
        self._no_probe = NO_PROBE

    def begin_or_wait(self, step: int, total: int | None) -> None:
        """Watch the model, or, if only training can build it, wait for its first step."""
        self.total = total
        try:
            with untouched(
                engine_for(keras.backend.backend()), self._model, list(self._model._flatten_layers())
            ):
                self._choose_probe()
            self.needs_a_step = not self._is_built()
        except Exception as error:
            if self.settings.strict:
                raise
            LOGGER.warning("nothing is logged, training goes on: %s", sentence(error))
            return
        if not self.needs_a_step:
            self.begin(lambda: self._probe, step, self.total)

    def begin_built(self, step: int) -> None:
        """The first step has built the model."""
        self.needs_a_step = False
        self.begin(lambda: self._probe, step, self.total)
        self.notice("info", "start", "the first step built the model; what was before is not known")

    def watch(self, probe: ProbeSet | None, call: Any = None) -> Watched:
        """See `Session.watch`: the model on the probe; if it cannot run on that, without it."""
        output = self.settings.output
        observer = KerasObserver(self._model, probe, self._truth, output, self._no_probe)
        try:
            observer.layout()
        except Exception as error:  # noqa: BLE001 — their model on their data
            self._without_probe("does not fit the model", error)
            return KerasObserver(self._model, None, None, output, self._no_probe), None, self._problems()
        return observer, probe, () if probe is not None else self._problems()

    def _problems(self) -> tuple[str, ...]:
        """Where explanations were asked for, they tell it."""
        return () if self.settings.wants("explanations") else (self._no_probe,)

    def wait(self, problem: str) -> None:
        """See `Session.wait`: Keras' callbacks are shown no batch."""
        LOGGER.warning("nothing is logged, training goes on: %s", problem)

    def _choose_probe(self) -> None:
        if self._data is None:
            return
        settings = self.settings
        try:
            inputs, labels = read_samples(self._data, settings.num_samples, _loss_name(self._model))
            if settings.regions is not None:
                settings = replace(settings, regions=regions_read(self._data, settings))
            self._probe = probe_from(inputs, labels, settings)
            self._truth = truth_of(self._probe, labels)
        except Exception as error:  # noqa: BLE001 — their data loader may do anything
            self._without_probe("cannot be used as a probe", error)

    def _without_probe(self, problem: str, error: Exception) -> None:
        """Go on with the weights alone."""
        if self.settings.strict:
            raise error
        self._probe = None
        self._no_probe = f"validation_data {problem} ({sentence(error)}), so only weights are logged"

    def _is_built(self) -> bool:
        """Build a model that knows its weights only once it has seen data, if the probe lets us."""
        if is_built(self._model):
            return True
        if self._probe is None:
            return False
        try:
            build(self._model, self._probe.inputs)
        except Exception:  # noqa: BLE001 — the first training step builds it then
            LOGGER.debug("the probe could not build the model", exc_info=True)
        return is_built(self._model)


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
