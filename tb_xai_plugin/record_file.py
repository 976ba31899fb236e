# SPDX-License-Identifier: Apache-2.0
"""TFRecord files: the records of an event file, without TensorFlow and without what is not asked for.

`records` reads what `framed` writes.

A record is its length (8 bytes, little-endian), a checksum of that, its bytes, a checksum of those.
Lengths are always checked. The bytes are where google-crc32c is installed (the extra `fast`); TensorBoard's
own checksum in Python takes 0.4 s a MB, and a damaged record does not parse anyway. Writing without it is as
slow, so the recorder's extras bring it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

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
    with open(path, "rb") as file:
        while header := file.read(HEADER.size):
            length = _length(header, file)
            if skip:
                head = file.read(min(HEAD, length))
                if any(word in head for word in skip):
                    file.seek(length - len(head) + CHECKSUM.size, 1)
                    continue
                yield _checked(head + file.read(length - len(head)), length, file)
            else:
                yield _checked(file.read(length), length, file)


def _length(header: bytes, file: Any) -> int:
    if len(header) < HEADER.size:
        raise DamagedError(f"it ends within a record, at byte {file.tell()}")
    length, expected = HEADER.unpack(header)
    if checksum(header[:8]) != expected:
        raise DamagedError(f"damaged at byte {file.tell() - HEADER.size}")
    return int(length)


def _checked(data: bytes, length: int, file: Any) -> bytes:
    end = file.read(CHECKSUM.size)
    if len(data) < length or len(end) < CHECKSUM.size:
        raise DamagedError(f"it ends within a record, at byte {file.tell()}")
    if native is not None and checksum(data) != CHECKSUM.unpack(end)[0]:
        raise DamagedError(f"damaged before byte {file.tell()}")
    return data


def _masked(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF
