# SPDX-License-Identifier: Apache-2.0
"""Records on their way to the log: queued under their signal's guard, shown to every signal, written."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable, Mapping
from typing import Any

from tb_xai_callbacks.run.guard import Guard
from tb_xai_callbacks.run.run import MakeRecords
from tb_xai_callbacks.run.sink import EventFileSink
from tb_xai_callbacks.signals.signal import Signal
from tb_xai_plugin.format.records import Record, Scalars


class Writer:
    """The run's event file, and what goes into it.

    Args:
        log_dir: the run's directory.
        signals: those of the run, which all see what is written.
        guard: switches off whose records cannot be made.
    """

    def __init__(self, log_dir: str | os.PathLike[str], signals: Iterable[Signal], guard: Guard) -> None:
        self._log_dir = log_dir
        self._signals = tuple(signals)
        self._guard = guard
        self._sink: EventFileSink | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a file to write to."""
        return self._sink is not None

    @property
    def dropped(self) -> int:
        """Records that did not fit into the queue."""
        return self._sink.dropped if self._sink is not None else 0

    @property
    def error(self) -> Exception | None:
        """What went wrong while records were written, if anything."""
        return self._sink.error if self._sink is not None else None

    def open(self, step: int) -> None:
        """Begin the event file; `step` optimiser steps are done."""
        with self._guard(EVENT_FILE):
            self._sink = EventFileSink(self._log_dir, self._failed, step)
            atexit.register(self.close)  # the interpreter may end without a word to us

    def put(self, step: int, name: str, make: MakeRecords) -> None:
        """Queue records; what fails on the sink's thread switches off `name` only."""
        if self._sink is not None and not self._guard.status.is_off(name):
            self._sink.put(step, lambda: self._made(step, name, make))

    def put_scalars(self, step: int, values: Mapping[str, Any], group: str = "") -> None:
        """Queue numbers, if there are any; they may lie on the device still."""
        kept = dict(values)
        if kept:
            self.put(step, "scalars", lambda: [Scalars(_plain(kept), group)])

    def flush(self) -> None:
        """Wait until everything queued so far is on disk."""
        if self._sink is not None:
            self._sink.flush()

    def close(self) -> None:
        """Write what is queued and close the file."""
        if self._sink is not None:
            self._sink.close()
            atexit.unregister(self.close)

    def _made(self, step: int, name: str, make: MakeRecords) -> Iterable[Record]:
        """On the sink's thread."""
        with self._guard(name):
            records = list(make())
            if records:
                self._guard.status.captured(name, getattr(records[0], "source", ""))
            for signal in self._signals:
                if not self._guard.status.is_off(signal.name):
                    with self._guard(signal.name):
                        signal.saw(step, records)
            return records
        return ()

    def _failed(self, reason: str) -> None:
        self._guard.status.notice("error", EVENT_FILE, reason, told=True)


#: The name of the file among what can be off.
EVENT_FILE = "event file"


def _plain(values: Mapping[str, Any]) -> dict[str, float]:
    """0-d tensors and numbers → floats; on the sink's thread, because it may wait for the device."""
    return {name: float(value) for name, value in values.items() if value is not None}
