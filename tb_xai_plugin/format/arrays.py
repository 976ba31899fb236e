# SPDX-License-Identifier: Apache-2.0
"""Arrays and plain fields of a message <-> bytes and values."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from tb_xai_plugin.format.errors import SchemaError


def float_bytes(values: Any) -> bytes:
    """Any array → float32, little-endian, row-major."""
    return np.ascontiguousarray(values, dtype="<f4").tobytes()


def packed_halves(plain: bytes) -> bytes:
    """Bytes of float16 values → a zlib stream, about two thirds as long for maps.

    Low and high bytes stand apart, since signs and exponents repeat and the last digits do not.
    """
    return zlib.compress(np.frombuffer(plain, np.uint8).reshape(-1, 2).T.tobytes(), 6)


def unpacked_halves(stream: bytes, count: int, what: str) -> bytes:
    """The inverse, for `count` values. Raises SchemaError for a damaged stream, or one of another length."""
    try:
        stream = zlib.decompressobj().decompress(stream, 2 * count + 1)  # a bound: it may be a bomb
    except zlib.error as error:
        raise SchemaError(f"{what}: a damaged stream: {error}") from error
    if len(stream) != 2 * count:
        raise SchemaError(f"{what}: expected {2 * count} bytes in the stream, got {len(stream)} or more")
    return np.frombuffer(stream, np.uint8).reshape(2, -1).T.tobytes()


def array_of(data: bytes, dtype: str, shape: Any, what: str) -> np.ndarray:
    """Bytes of `dtype` → float32 array of `shape`. Raises SchemaError if there are too few or too many."""
    shape = tuple(shape)
    expected = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if len(data) != expected:
        raise SchemaError(f"{what}: expected {expected} bytes for shape {shape}, got {len(data)}")
    return np.frombuffer(data, dtype=dtype).reshape(shape).astype(np.float32)


def plain_fields(message: Any) -> dict[str, Any]:
    """The fields of a message that are single values, but for the version."""
    return {
        field.name: getattr(message, field.name)
        for field in message.DESCRIPTOR.fields
        if not field.is_repeated and field.name != "version"
    }
