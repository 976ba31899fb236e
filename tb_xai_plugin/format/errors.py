# SPDX-License-Identifier: Apache-2.0
"""What a log or a question about it can be refused for, and the sentence that names what is there."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


class SchemaError(ValueError):
    """Bytes that are not a record this version can read; the message says what to do."""


class UnknownNameError(KeyError):
    """A run, tag, layer, signal or method that is not there; the message lists what is."""

    def __str__(self) -> str:
        return str(self.args[0])


def no_such(what: str, name: str, there: Sequence[str], none: str = "none was logged") -> str:
    """A sentence on a name that is not there: it lists the nearest of those that are, or says `none`."""
    if not there:
        return f"no {what} {name!r}: {none}"
    near = difflib.get_close_matches(name, there, n=5, cutoff=0.4) or list(there)[:10]
    label = "nearest" if len(near) < len(there) else "there are"
    return f"no {what} {name!r}; {label}: {', '.join(near)}"
