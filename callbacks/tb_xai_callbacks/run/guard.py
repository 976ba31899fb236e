# SPDX-License-Identifier: Apache-2.0
"""The error policy: no error of ours reaches the training loop.

An error of a signal is caught once, that signal is switched off, one warning is logged, and the tab shows
it. In strict mode (tests) it raises instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tb_xai_callbacks.console import LOGGER, sentence
from tb_xai_callbacks.run.status import Status


class Guard:
    """Runs what may fail so that it cannot hurt; the status remembers what is off.

    Args:
        status: told what is switched off.
        strict: raise instead of catching.
    """

    def __init__(self, status: Status, strict: bool) -> None:
        self.status = status
        self.strict = strict

    @contextmanager
    def __call__(self, *names: str) -> Iterator[None]:
        """Run a signal's code: an Exception switches off what is named. KeyboardInterrupt passes."""
        try:
            yield
        except Exception as error:
            if self.strict:
                raise
            LOGGER.debug("%s failed", names, exc_info=True)
            self.status.failed(names, sentence(error))
