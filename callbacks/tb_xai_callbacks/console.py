# SPDX-License-Identifier: Apache-2.0
"""What goes to the user's console: one logger, and errors in one line."""

from __future__ import annotations

import logging

LOGGER = logging.getLogger("tb_xai")


def sentence(error: BaseException) -> str:
    """An exception in one line: its type and the first line of its text."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def reason_of(error: BaseException) -> str:
    """Why something cannot be, in one line: our own ValueErrors speak for themselves."""
    return str(error) if isinstance(error, ValueError) else sentence(error)
