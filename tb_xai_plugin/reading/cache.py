# SPDX-License-Identifier: Apache-2.0
"""What the server keeps between requests, bounded in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

V = TypeVar("V")


class Cache:
    """What was read, so that a poll reads only what is new; least recently used goes first. Thread-safe.

    The default holds the statistics of two signals of 200 layers at 10 000 steps, and room for answers.
    """

    def __init__(self, max_bytes: int = 256 << 20) -> None:
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._bytes = 0
        self._kept: OrderedDict[Hashable, tuple[int, Hashable, Any]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], tuple[int, V]], version: Hashable = None) -> V:
        """The value at `key`, made by `make() -> (bytes, value)` if it is not here in this version.

        A key is always asked for with one type of value. While one thread makes a value, others that want it
        wait for it; those that want another do not. A value above the whole budget is not kept.
        """
        kept = self._find(key, version)
        if kept is not None:
            found: V = kept[2]
            return found
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            kept = self._find(key, version)
            if kept is not None:
                found = kept[2]
                return found
            try:
                size, value = make()
                self._keep(key, size, version, value)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value

    def peek(self, key: Hashable, of: type[V]) -> V | None:
        """The value at `key` of whatever version, or None: what a newer one can be made from."""
        with self._lock:
            kept = self._kept.get(key)
        return kept[2] if kept and isinstance(kept[2], of) else None

    @property
    def used_bytes(self) -> int:
        """The bytes of all that is kept, as `make` told them."""
        return self._bytes

    def _find(self, key: Hashable, version: Hashable) -> tuple[int, Hashable, Any] | None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept[1] != version:
                return None
            self._kept.move_to_end(key)
            return kept

    def _keep(self, key: Hashable, size: int, version: Hashable, value: Any) -> None:
        with self._lock:
            self._bytes -= self._kept.pop(key, (0, None, None))[0]
            if size > self.max_bytes:
                return
            self._bytes += size
            self._kept[key] = (size, version, value)
            while self._bytes > self.max_bytes:
                _, (dropped, _, _) = self._kept.popitem(last=False)
                self._bytes -= dropped
