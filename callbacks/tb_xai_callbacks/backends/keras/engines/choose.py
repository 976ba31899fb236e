# SPDX-License-Identifier: Apache-2.0
"""Which engine a Keras backend has."""

from __future__ import annotations

from tb_xai_callbacks.backends.keras.engines.engine import Engine

#: The backends of Keras that have an engine.
BACKENDS = ("tensorflow", "torch", "jax")


def engine_for(backend: str) -> Engine:
    """The engine of a Keras backend.

    Raises:
        ValueError: for a backend that cannot be observed, saying which can.
    """
    if backend == "tensorflow":
        from tb_xai_callbacks.backends.keras.engines.tensorflow import TensorFlowEngine

        return TensorFlowEngine()
    if backend == "torch":
        from tb_xai_callbacks.backends.keras.engines.torch import TorchEngine

        return TorchEngine()
    if backend == "jax":
        from tb_xai_callbacks.backends.keras.engines.jax import JaxEngine

        return JaxEngine()
    raise ValueError(unsupported(backend))


def unsupported(backend: str) -> str:
    """A sentence about a Keras backend that is not in `BACKENDS`."""
    return (
        f"Keras runs on {backend}, which cannot be observed: it has no gradients; "
        "it can with KERAS_BACKEND=tensorflow, torch or jax"
    )
