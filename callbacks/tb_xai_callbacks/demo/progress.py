# SPDX-License-Identifier: Apache-2.0
"""A progress bar with the time left: one line that is redrawn on a terminal, ten lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TextIO

WIDTH = 30


class Progress:
    """Counts `total` ticks.

    Args:
        title: stands before the bar.
        total: ticks to come.
        stream: where to write; standard error by default.
    """

    def __init__(self, title: str, total: int, stream: TextIO | None = None) -> None:
        self.title = title
        self.total = total
        self.done = 0
        self.stream = stream or sys.stderr
        self.started = time.monotonic()
        self._shown = ""

    def tick(self) -> None:
        """One more is done."""
        self.done += 1
        tenth = max(self.total // (100 if self.stream.isatty() else 10), 1)
        if self.done % tenth == 0 or self.done == self.total:
            self._draw()

    def line(self) -> str:
        """The bar as text: title, bar, percentage, seconds left."""
        share = self.done / self.total
        filled = round(share * WIDTH)
        elapsed = time.monotonic() - self.started
        left = elapsed / share - elapsed if share else 0.0
        rest = f"{left:3.0f} s left" if self.done < self.total else f"{elapsed:3.0f} s     "
        return f"{self.title:<22}{'█' * filled}{'░' * (WIDTH - filled)} {share:4.0%}  {rest}"

    def _draw(self) -> None:
        if self.stream.isatty():
            self.stream.write("\r" + self.line() + ("\n" if self.done == self.total else ""))
        else:
            self.stream.write(self.line() + "\n")
        self.stream.flush()
