# SPDX-License-Identifier: Apache-2.0
"""Arrays <-> bytes, and the error for bytes that are not what they should be."""

from __future__ import annotations

from typing import Any

import numpy as np


class SchemaError(ValueError):
    """Bytes that are not a record this version can read; the message says what to do."""


def float_bytes(values: Any) -> bytes:
    """Any array → float32, little-endian, row-major."""
    return np.ascontiguousarray(values, dtype="<f4").tobytes()


def array_of(data: bytes, dtype: str, shape: Any, what: str) -> np.ndarray:
    """Bytes of `dtype` → float32 array of `shape`. Raises SchemaError if there are too few or too many."""
    shape = tuple(shape)
    expected = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if len(data) != expected:
        raise SchemaError(f"{what}: expected {expected} bytes for shape {shape}, got {len(data)}")
    return np.frombuffer(data, dtype=dtype).reshape(shape).astype(np.float32)
