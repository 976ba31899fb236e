# SPDX-License-Identifier: Apache-2.0
"""Where records go: an event file of our own, written on a background thread behind a bounded queue."""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any

from tensorboard.compat.proto import event_pb2

from tb_xai_callbacks.console import LOGGER, sentence
from tb_xai_plugin.format.metadata import CHILD_RUN
from tb_xai_plugin.format.record_file import framed
from tb_xai_plugin.format.summary import record_summary

#: Makes the records of one step; runs on the sink's thread, so it may wait for a device.
MakeRecords = Callable[[], Iterable[Any]]

_FILES = count()


class EventFileSink:
    """Writes records to `<log_dir>/xai/events.out.tfevents.…`.

    `put` hands work to a background thread. When `capacity` items wait, it waits up to `patience_s` and
    then drops the item and counts it: training is slowed a little rather than stopped.

    Args:
        log_dir: the run's directory; its child run `xai` is ours alone.
        on_failure: told once, with a sentence, when writing is no longer possible.
        first_step: where this session starts. TensorBoard's Python loader hides what a restarted run
            writes at steps that it has seen before, unless the session says that it starts there.

    Raises:
        OSError: if the directory or the file cannot be made.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        on_failure: Callable[[str], None],
        first_step: int = 0,
        capacity: int = 64,
        patience_s: float = 1.0,
    ) -> None:
        directory = Path(log_dir) / CHILD_RUN
        directory.mkdir(parents=True, exist_ok=True)
        stamp = f"{time.time():.6f}".zfill(17)
        name = f"events.out.tfevents.{stamp}.{socket.gethostname()}.{os.getpid()}.{next(_FILES)}"
        self.path = directory / name
        self.dropped = 0
        self.failed = False
        self.error: Exception | None = None
        self._on_failure = on_failure
        self._patience_s = patience_s
        self._file = open(self.path, "wb")  # noqa: SIM115 — closed by the thread
        self._queue: queue.Queue[tuple[int, float, MakeRecords] | None] = queue.Queue(capacity)
        self._write_event(event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2"))
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write_event(event_pb2.Event(wall_time=time.time(), step=first_step, session_log=start))
        self._file.flush()
        self._thread = threading.Thread(target=self._run, name="tb-xai-sink", daemon=True)
        self._thread.start()

    def put(self, step: int, make: MakeRecords) -> None:
        """Queue the records that `make` returns, for `step`."""
        if self.failed:
            return
        try:
            self._queue.put((step, time.time(), make), timeout=self._patience_s)
        except queue.Full:
            self.dropped += 1

    def flush(self) -> None:
        """Wait until everything queued so far is on disk."""
        if self._thread.is_alive():
            done = threading.Event()

            def reached() -> Iterable[Any]:
                try:
                    self._file.flush()
                finally:
                    done.set()
                return ()

            self._queue.put((-1, 0.0, reached))
            done.wait(timeout=60)

    def close(self) -> None:
        """Write what is queued, close the file. May be called twice."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(timeout=60)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            self._write(*item)
        self._finish()

    def _write(self, step: int, wall_time: float, make: MakeRecords) -> None:
        try:
            for record in make():
                if not self.failed:
                    event = event_pb2.Event(wall_time=wall_time, step=step, summary=record_summary(record))
                    self._write_event(event)
            if self._queue.empty() and not self.failed:
                self._file.flush()
        except Exception as error:  # noqa: BLE001 — the thread must live on: its queue is training's
            self._fail(error)

    def _write_event(self, event: event_pb2.Event) -> None:
        self._file.write(framed(event.SerializeToString()))

    def _fail(self, error: Exception) -> None:
        self.error = self.error or error
        self.failed = self.failed or isinstance(error, OSError)
        LOGGER.warning("could not write to %s: %s", self.path, sentence(error))
        self._on_failure(f"could not write to {self.path}: {sentence(error)}")

    def _finish(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            self._fail(error)
