# SPDX-License-Identifier: Apache-2.0
"""What goes to the user's console: one logger, errors in one line, names that were meant."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Sequence

LOGGER = logging.getLogger("tb_xai")


def sentence(error: BaseException) -> str:
    """An exception in one line: its type and the first line of its text."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def reason_of(error: BaseException) -> str:
    """Why something cannot be, in one line: our own ValueErrors speak for themselves."""
    return str(error) if isinstance(error, ValueError) else sentence(error)


def nearest(name: str, known: Sequence[str], count: int = 5) -> str:
    """The known names most like `name`, as a list for an error message."""
    close = difflib.get_close_matches(name, known, n=count, cutoff=0.3) or list(known)[:count]
    return ", ".join(repr(candidate) for candidate in close) or "none"
