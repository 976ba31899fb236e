# SPDX-License-Identifier: Apache-2.0
"""Keras on TensorFlow: one gradient tape that watches layer outputs, not only variables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from tb_xai_callbacks.backends.keras.engines.engine import Engine, Forward, Outcome, Pull


class TensorFlowEngine(Engine):
    """See `keras_engine.Engine`."""

    name = "tensorflow"
    has_training_gradients = False

    def version(self) -> str:
        """TensorFlow's version."""
        return f"tensorflow {tf.__version__}"

    def run(self, forward: Forward) -> Any:
        """Run `forward` without a tape."""
        return forward(lambda tensor: tensor)

    def differentiate(self, forward: Forward, variables: Sequence[Any]) -> tuple[Outcome, Pull]:
        """Run `forward` under a tape; only what is watched is recorded, so earlier layers cost nothing."""
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            for variable in variables:
                tape.watch(variable.value)

            def watch(tensor: Any) -> Any:
                if tensor.dtype.is_floating:
                    tape.watch(tensor)
                return tensor

            outcome = forward(watch)

        def pull(target: Any, sources: Sequence[Any], cotangent: np.ndarray | None) -> list[Any]:
            seed = None if cotangent is None else tf.cast(tf.constant(cotangent), target.dtype)
            gradients = tape.gradient(target, list(sources), output_gradients=seed)
            # An embedding's gradient comes as the rows it touched.
            return [None if gradient is None else tf.convert_to_tensor(gradient) for gradient in gradients]

        return outcome, pull

    @contextmanager
    def untouched(self, layers: Sequence[Any]) -> Iterator[None]:
        """Put back the RNG that seeds stateful random ops in eager mode."""
        # Private, but tf.random.set_seed, the public way, only resets it.
        generator = getattr(_eager_context(), "_rng", None)
        state = generator.getstate() if generator is not None else None
        try:
            yield
        finally:
            if generator is not None:
                generator.setstate(state)


def _eager_context() -> Any:
    from tensorflow.python.eager import context

    return context.context()
