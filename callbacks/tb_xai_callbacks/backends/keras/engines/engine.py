# SPDX-License-Identifier: Apache-2.0
"""What Keras leaves to its backend: differentiating an eager forward pass, and the backend's own RNG."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import keras
import numpy as np
from keras.src.backend.common import global_state
from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR

#: Marks a tensor as one to differentiate with respect to; the tensor it returns goes on in its place.
Watch = Callable[[Any], Any]


class Outcome(Protocol):
    """What a forward pass returns."""

    def targets(self) -> Sequence[Any]:
        """The tensors that can be differentiated, in the same order in every run; None for one not there."""
        ...


#: Runs the model, marking tensors on the way.
Forward = Callable[[Watch], Any]
#: (target, sources, cotangent or None for a scalar) -> the gradient at each source, None where none.
Pull = Callable[[Any, Sequence[Any], "np.ndarray | None"], list[Any]]


class Engine(Protocol):
    """A Keras backend as the observer needs it. `pull` may be called several times."""

    name: str
    #: Whether the training gradients can be read after a step.
    has_training_gradients: bool

    def version(self) -> str:
        """The framework and its version, e.g. "tensorflow 2.21.0"."""
        ...

    def run(self, forward: Forward) -> Any:
        """Run `forward` once with nothing recorded; whatever it returns."""
        ...

    def differentiate(self, forward: Forward, variables: Sequence[Any]) -> tuple[Any, Pull]:
        """Run `forward` once, recording; variables are Keras variables that can be sources as well."""
        ...

    def logits_of(self, tensor: Any) -> Any:
        """What a softmax or sigmoid was applied to, where Keras notes it on the tensor; else the tensor."""
        return noted_logits(tensor)

    def settle(self, model: Any) -> None:
        """Make sure that the model's variables hold their values as they are now; mostly they always do."""
        return None

    def variable_source(self, variable: Any) -> Any:
        """What stands for a Keras variable among the sources of a pull: the framework's own."""
        return variable.value

    def training_gradient(self, variable: Any) -> Any | None:
        """The gradient that the last training step left at the variable; None where it leaves none."""
        return None

    def untouched(self, layers: Sequence[Any]) -> AbstractContextManager[None]:
        """Put the framework's RNG and the layers' modes back when the block ends."""
        ...


def noted_logits(tensor: Any) -> Any:
    """What Keras noted on the result of a softmax or sigmoid; else the tensor itself."""
    return getattr(tensor, "_keras_logits", tensor)


def to_numpy(tensor: Any) -> np.ndarray:
    """A copy of a tensor or variable as numpy; float16 and bfloat16 become float32."""
    if isinstance(tensor, keras.Variable):
        tensor = tensor.value
    if str(keras.backend.standardize_dtype(tensor.dtype)) in ("float16", "bfloat16"):
        tensor = keras.ops.cast(tensor, "float32")
    array = keras.ops.convert_to_numpy(tensor)
    return array if array.flags.owndata and array.flags.writeable else np.array(array)


@contextmanager
def untouched(engine: Engine, model: Any, layers: Sequence[Any]) -> Iterator[None]:
    """Whatever the block does to RNGs, seeds, moving statistics and metrics is undone when it ends."""
    python, numpy_state = random.getstate(), np.random.get_state()
    generator = _global_seed_generator()
    state = [(variable, to_numpy(variable)) for variable in _state_variables(model, layers)]
    try:
        with engine.untouched(layers):
            yield
    finally:
        for variable, value in state:
            if not np.array_equal(to_numpy(variable), value, equal_nan=value.dtype.kind == "f"):
                variable.assign(value)
        global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, generator)
        random.setstate(python)
        np.random.set_state(numpy_state)


def _state_variables(model: Any, layers: Sequence[Any]) -> list[Any]:
    """Everything a forward pass could change: not the weights, but seeds, moving statistics, metrics."""
    found = {id(variable): variable for variable in getattr(model, "metrics_variables", ())}
    for layer in layers:
        seeds = [generator.state for generator in getattr(layer, "_seed_generators", ())]
        found.update({id(variable): variable for variable in [*layer._non_trainable_variables, *seeds]})
    generator = _global_seed_generator()
    if generator is not None:
        found[id(generator.state)] = generator.state
    return list(found.values())


def _global_seed_generator() -> Any | None:
    # The public way to it would create it, and draw from Python's RNG to do so.
    return global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)
