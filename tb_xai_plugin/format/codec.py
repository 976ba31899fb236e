# SPDX-License-Identifier: Apache-2.0
"""Record <-> bytes: `encode` and `decode` for every kind, each with the newest version in its place."""

from __future__ import annotations

from typing import Any, overload

from google.protobuf.message import DecodeError

from tb_xai_plugin.format.errors import SchemaError
from tb_xai_plugin.format.kinds import BY_NAME, Kind, kind_of
from tb_xai_plugin.format.kinds.kind import R
from tb_xai_plugin.format.metadata import SCHEMA_VERSION
from tb_xai_plugin.format.records import Record

__all__ = ["decode", "encode", "for_browser"]


def encode(record: Record) -> bytes:
    """Any record → the bytes that go to disk."""
    message = kind_of(record).to_message(record)
    message.version = SCHEMA_VERSION
    data: bytes = message.SerializeToString(deterministic=True)
    return data


@overload
def decode(kind: Kind[R], data: bytes) -> R: ...
@overload
def decode(kind: str, data: bytes) -> Record: ...
def decode(kind: Kind[Any] | str, data: bytes) -> Any:
    """Stored bytes of a record of `kind`, or of the kind of that name → the record.

    Raises:
        SchemaError: for an unknown kind, damaged bytes, or a newer schema version.
    """
    if isinstance(kind, str):
        if kind not in BY_NAME:
            raise SchemaError(f"unknown kind of record {kind!r}; known: {', '.join(BY_NAME)}")
        kind = BY_NAME[kind]
    try:
        message = kind.message.FromString(data)
    except DecodeError as error:
        raise SchemaError(f"{kind.name}: {len(data)} bytes that are no such record: {error}") from error
    if message.version > SCHEMA_VERSION:
        raise SchemaError(
            f"{kind.name} was written by schema version {message.version}; this tb-xai-plugin reads up to "
            f"{SCHEMA_VERSION}. Upgrade it: pip install -U tb-xai-plugin"
        )
    try:
        return kind.from_message(message)
    except SchemaError:
        raise
    except (ValueError, ArithmeticError) as error:
        # Fields that do not fit one another: lists of other lengths, a shape that no array can have.
        raise SchemaError(f"{kind.name}: {error}") from error


def for_browser(kind: str, data: bytes) -> bytes:
    """Stored bytes of a record of `kind` → the bytes that are served: the same, but never packed.

    What is damaged stays as it is: the browser says so.
    """
    described = BY_NAME.get(kind)
    if described is None or described.serve is None:
        return data
    try:
        message = described.message.FromString(data)
        if not described.serve(message):
            return data
    except (DecodeError, ValueError, ArithmeticError):
        return data
    served: bytes = message.SerializeToString(deterministic=True)
    return served
