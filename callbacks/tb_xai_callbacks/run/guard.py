# SPDX-License-Identifier: Apache-2.0
"""The error policy: no error of ours reaches the training loop.

An error in a probe is caught once, that probe is switched off, one warning is logged, and the tab shows
it. In strict mode (tests) it raises instead.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOGGER = logging.getLogger("tb_xai")

#: Called with the name of the probe that failed and one sentence.
OnFailure = Callable[[str, str], None]


def sentence(error: BaseException) -> str:
    """An exception in one line: its type and the first line of its text."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


class Guard:
    """Runs probes so that they cannot hurt, and remembers which ones are off.

    Args:
        strict: raise instead of catching.
        on_failure: told about each probe that is switched off.
    """

    def __init__(self, strict: bool, on_failure: OnFailure) -> None:
        self.strict = strict
        self.on_failure = on_failure
        self.off: dict[str, str] = {}

    def is_off(self, name: str) -> bool:
        """Whether the probe failed before."""
        return name in self.off

    def switch_off(self, name: str, reason: str) -> None:
        """Switch a probe off, with one warning."""
        if name in self.off:
            return
        self.off[name] = reason
        LOGGER.warning("%s switched off, training goes on: %s", name, reason)
        self.on_failure(name, reason)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Run a probe's code: an Exception switches the probe off. KeyboardInterrupt passes."""
        try:
            yield
        except Exception as error:
            if self.strict:
                raise
            LOGGER.debug("%s failed", name, exc_info=True)
            self.switch_off(name, sentence(error))
