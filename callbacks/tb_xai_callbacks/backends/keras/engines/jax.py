# SPDX-License-Identifier: Apache-2.0
"""Keras on JAX: a pass is run once as it is, and once more, traced, for each target that is differentiated.

JAX differentiates functions, not tensors. So zeros that depend on nothing are added at every marked tensor of
the second run, and the gradient with respect to those zeros is the gradient at the tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from keras.src import ops as keras_ops

from tb_xai_callbacks.backends.keras.engines.engine import Engine, Forward, Outcome, Pull


class JaxEngine(Engine):
    """See `keras_engine.Engine`."""

    name = "jax"
    has_training_gradients = False

    def __init__(self) -> None:
        self._run = _Run({})

    def version(self) -> str:
        """JAX's version."""
        return f"jax {jax.__version__}"

    def run(self, forward: Forward) -> Any:
        """Run `forward` once."""
        return self._once(forward)[1]

    def differentiate(self, forward: Forward, variables: Sequence[Any]) -> tuple[Outcome, Pull]:
        """Run `forward` now; it is run again at every pull, from the same seeds and moving statistics."""
        first, outcome = self._once(forward)
        places = {id(tensor): index for index, tensor in reversed(list(enumerate(first.points)))}
        trainable = {id(variable): variable for variable in variables}

        def pull(target: Any, sources: Sequence[Any], cotangent: np.ndarray | None) -> list[Any]:
            which = next(i for i, tensor in enumerate(outcome.targets()) if tensor is target)
            wanted = [_place(source, places, trainable) for source in sources]
            start = {key: value for key, value in wanted if value is not None}

            def function(free: Mapping[Any, Any]) -> Any:
                values = [(trainable[key[1]], value) for key, value in free.items() if key[0] == VARIABLE]
                return self._once(forward, free, values)[1].targets()[which]

            out, transpose = jax.vjp(function, start)
            seed = jnp.ones_like(out) if cotangent is None else jnp.asarray(cotangent, out.dtype)
            (found,) = transpose(seed)
            return [None if value is None else found[key] for key, value in wanted]

        return outcome, pull

    def logits_of(self, tensor: Any) -> Any:
        """The tensor before its softmax or sigmoid, where it went through one."""
        return self._run.logits.get(id(tensor), tensor)

    def variable_source(self, variable: Any) -> Any:
        """The Keras variable itself."""
        return variable

    def settle(self, model: Any) -> None:
        """Attach the weights to the model: between two steps of `fit` they are in the trainer's hands."""
        if hasattr(model, "jax_state_sync"):
            model.jax_state_sync()

    def untouched(self, layers: Sequence[Any]) -> AbstractContextManager[None]:
        """JAX has no RNG but the seeds that Keras keeps."""
        return nullcontext()

    def _once(
        self, forward: Forward, shifts: Mapping[Any, Any] | None = None, values: Sequence[Any] = ()
    ) -> tuple[_Run, Any]:
        """One run that changes no variable: what a traced run assigned would outlive its trace."""
        self._run = run = _Run(shifts or {})
        try:
            with keras.StatelessScope(values, collect_losses=True), run.noting_logits():
                return run, forward(run.watch)
        finally:
            self._run = _Run({})  # what it holds is as large as all activations


#: Kinds of keys: ("point", index) of a run's marked tensors, ("variable", id).
POINT, VARIABLE = "point", "variable"


def _place(source: Any, places: Mapping[int, int], trainable: Mapping[int, Any]) -> tuple[Any, Any]:
    """(key, the value that it is differentiated at), the value None if it cannot be."""
    if id(source) in trainable:
        return (VARIABLE, id(source)), source.value
    index = places.get(id(source))
    return (POINT, index), None if index is None else jnp.zeros_like(source)


class _Run:
    """One run of a forward pass: its marked tensors in order, what is added to them, the logits behind it.

    JAX's traced values take no attributes, so what Keras notes on a softmax's result is noted here.
    """

    def __init__(self, shifts: Mapping[Any, Any]) -> None:
        self.points: list[Any] = []
        self.logits: dict[int, Any] = {}
        self._shifts = shifts
        self._alive: list[Any] = []  # as long as they live, nothing else has their ids

    def watch(self, tensor: Any) -> Any:
        """Mark a tensor; whole numbers are left alone."""
        if not jnp.issubdtype(tensor.dtype, jnp.floating):
            return tensor
        shift = self._shifts.get((POINT, len(self.points)))
        watched = tensor if shift is None else tensor + shift
        self.points.append(watched)
        if id(tensor) in self.logits:
            self.logits[id(watched)] = self.logits[id(tensor)]
        return watched

    @contextmanager
    def noting_logits(self) -> Iterator[None]:
        """Keras's activations `softmax` and `sigmoid` find these functions in the module of operations."""
        before = {name: getattr(keras_ops, name) for name in ("softmax", "sigmoid")}
        try:
            for name, function in before.items():
                setattr(keras_ops, name, self._noted(function))
            yield
        finally:
            for name, function in before.items():
                setattr(keras_ops, name, function)

    def _noted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def noted(x: Any, *args: Any, **kwargs: Any) -> Any:
            if not isinstance(x, jax.Array):
                return function(x, *args, **kwargs)
            x = self.watch(x)
            output = function(x, *args, **kwargs)
            self.logits[id(output)] = x
            self._alive.append(output)
            return output

        return noted
