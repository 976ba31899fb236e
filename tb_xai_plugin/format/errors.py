# SPDX-License-Identifier: Apache-2.0
"""What a log or a question about it can be refused for."""


class SchemaError(ValueError):
    """Bytes that are not a record this version can read; the message says what to do."""


class UnknownNameError(KeyError):
    """A run, tag, layer, signal or method that is not there; the message lists what is."""

    def __str__(self) -> str:
        return str(self.args[0])
