# SPDX-License-Identifier: Apache-2.0
"""TFRecord files: the records of an event file, without TensorFlow and without what is not asked for.

`records` reads what `framed` writes.

A record is its length (8 bytes, little-endian), a checksum of that, its bytes, a checksum of those.
Lengths are always checked. The bytes are where google-crc32c is installed (the extra `fast`); TensorBoard's
own checksum in Python takes 0.4 s a MB, and a damaged record does not parse anyway. Writing without it is as
slow, so the recorder's extras bring it.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

try:
    import google_crc32c as native
except ImportError:
    native = None

HEADER = struct.Struct("<QI")
CHECKSUM = struct.Struct("<I")
#: Where in a record its tag is looked for: wall time, step and two lengths come before it.
HEAD = 64
#: Added to a rotated checksum, so that one of bytes that hold one differs (TFRecord's "mask").
MASK = 0xA282EAD8


class DamagedError(ValueError):
    """A file that ends within a record, or whose bytes are not what was written."""


def framed(data: bytes) -> bytes:
    """A record as it stands in a file."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, CHECKSUM.pack(checksum(length)), data, CHECKSUM.pack(checksum(data))))


def checksum(data: bytes) -> int:
    """The masked CRC-32C of bytes."""
    return _masked(native.value(data)) if native is not None else int(masked_crc32c(data))


def records(path: Path, skip: Sequence[bytes] = ()) -> Iterator[bytes]:
    """The records of a file in their order.

    Args:
        path: a TFRecord file.
        skip: records with one of these near their beginning are passed over unread.

    Raises:
        DamagedError: at the first record that is cut off or damaged.
    """
    if not path.stat().st_size:
        return
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        place = 0
        while place < len(data):
            start = place + HEADER.size
            end = start + _length(data[place:start], place)
            if end + CHECKSUM.size > len(data):
                raise DamagedError(f"it ends within a record, at byte {len(data)}")
            place = end + CHECKSUM.size
            head = data[start : min(start + HEAD, end)] if skip else b""
            if not any(word in head for word in skip):
                yield _checked(data[start:end], data[end:place], start)


def _length(header: bytes, place: int) -> int:
    if len(header) < HEADER.size:
        raise DamagedError(f"it ends within a record, at byte {place + len(header)}")
    length, expected = HEADER.unpack(header)
    if checksum(header[:8]) != expected:
        raise DamagedError(f"damaged at byte {place}")
    return int(length)


def _checked(data: bytes, end: bytes, place: int) -> bytes:
    if native is not None and checksum(data) != CHECKSUM.unpack(end)[0]:
        raise DamagedError(f"damaged after byte {place}")
    return data


def _masked(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF
