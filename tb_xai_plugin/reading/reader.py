# SPDX-License-Identifier: Apache-2.0
"""Tags -> records: the one reader of the plugin and of `open_log`, whatever holds the events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol

from google.protobuf.message import DecodeError

from tb_xai_plugin.format import codec, kinds, metadata
from tb_xai_plugin.format.errors import SchemaError, UnknownNameError
from tb_xai_plugin.format.kinds import Kind
from tb_xai_plugin.format.kinds.kind import R
from tb_xai_plugin.format.records import Record
from tb_xai_plugin.reading.cache import Cache


@dataclass(frozen=True)
class Tag:
    """A time series of one kind of record; `last_step` and `last_wall_time` tell when it has grown."""

    run: str
    tag: str
    kind: str
    method: str = ""
    layer: str = ""
    signal: str = ""
    version: int = 1
    media: bool = False
    last_step: int = 0
    last_wall_time: float = 0.0


@dataclass(frozen=True)
class Entry:
    """Where one record is: `content` is its bytes, or what the source loads them by (blobs are lazy).

    None where a reader has let go of the bytes: it asks the source again.
    """

    step: int
    wall_time: float
    content: bytes | str | None


@dataclass(frozen=True)
class Row(Generic[R]):
    """One decoded record with its step and time (seconds since 1970)."""

    step: int
    wall_time: float
    record: R


class Source(Protocol):
    """What the reader reads from: TensorBoard's DataProvider, or event files."""

    def tags(self, run: str | None) -> list[Tag]:
        """Our tags of one run, or of all runs; a tag with foreign metadata has kind ''."""

    def entries(self, tag: Tag) -> Sequence[Entry]:
        """The stored records of a tag in stored order."""

    def load(self, entry: Entry) -> bytes | None:
        """The bytes of a lazily read entry; None if they are gone by now."""


def parse_tag(run: str, tag: str, content: bytes, **more: Any) -> Tag:
    """A `Tag` from the tag's plugin content; kind '' where that is not ours."""
    try:
        data = metadata.parse_plugin_data(content)
    except DecodeError:
        return Tag(run, tag, kind="", **more)
    return Tag(run, tag, data.kind, data.method, data.layer, data.signal, data.version, **more)


@dataclass(frozen=True)
class _Stored:
    """The entries of a tag in stored order, and how many bytes their contents have or had."""

    entries: list[Entry]
    content_bytes: int


def current(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that hold now, in ascending steps: of every step the newest, none that a restart undid.

    A run that restarts writes smaller steps at a later time; TensorBoard's Python loader keeps old and new
    mixed, its Rust one drops the old. So an entry holds if no newer one has its step or a smaller one.
    """
    kept: list[Entry] = []
    for entry in sorted(entries, key=lambda e: e.wall_time):
        while kept and kept[-1].step >= entry.step:
            kept.pop()
        kept.append(entry)
    return kept


def restarts(entries: Iterable[Entry]) -> list[tuple[float, int]]:
    """When (seconds since 1970) the run went back, and to which step.

    The time is the middle of the gap, because other tags' records lie close to either end of it.
    """
    found: list[tuple[float, int]] = []
    previous: Entry | None = None
    for entry in sorted(entries, key=lambda e: e.wall_time):
        if previous and entry.step < previous.step:
            found.append(((previous.wall_time + entry.wall_time) / 2, entry.step))
        previous = entry
    return found


#: Small tags that every session of a run writes: a restart shows in them.
_CLOCKS = (kinds.SCALARS.tag(""), kinds.RUN_STATUS.tag())

#: Of one tag so many bytes stay as they were stored, the newest; older ones are read again when asked for.
_KEPT_CONTENTS = 8 << 20
#: A Python object per entry, with its numbers.
_ENTRY_BYTES = 200


class Reader:
    """Runs, tags and records of one source.

    Args:
        source: where the events are.
        cache: shared by the readers of successive requests.
        problems: shared likewise: run → sentences about what could not be read.
    """

    def __init__(
        self, source: Source, cache: Cache | None = None, problems: dict[str, dict[str, None]] | None = None
    ) -> None:
        self._source = source
        self.cache = Cache() if cache is None else cache
        self._read_again: dict[str, dict[tuple[int, float], bytes | str | None]] = {}
        self._problems = {} if problems is None else problems

    def tags_by_run(self) -> dict[str, list[Tag]]:
        """Every run that holds our data, with its tags."""
        runs: dict[str, list[Tag]] = {}
        for tag in self._source.tags(None):
            runs.setdefault(tag.run, []).append(tag)
        return runs

    def tags(self, run: str) -> list[Tag]:
        """The readable tags of a run, sorted by name.

        Raises:
            UnknownNameError: if the run holds none of our data.
        """
        tags = self._source.tags(run)
        if not tags:
            there = sorted(self.tags_by_run())
            raise UnknownNameError(f"no run {run!r} with explanations; runs: {', '.join(there) or 'none'}")
        readable = [tag for tag in tags if not (problem := unreadable(tag)) or self._note(run, problem)]
        return sorted(readable, key=lambda tag: tag.tag)

    def all_tags(self, run: str) -> list[Tag]:
        """All tags of a run, also those that cannot be read."""
        return list(self._source.tags(run))

    def tag(self, run: str, name: str) -> Tag:
        """One readable tag of a run.

        Raises:
            UnknownNameError: if the run or the tag is not there.
            SchemaError: if a newer version wrote the tag.
        """
        for tag in self._source.tags(run):
            if tag.tag == name:
                if problem := unreadable(tag):
                    raise SchemaError(problem)
                return tag
        there = [tag.tag for tag in self.tags(run)]
        raise UnknownNameError(f"no tag {name!r} in run {run!r}; tags: {', '.join(there)}")

    def entries(self, tag: Tag) -> list[Entry]:
        """The entries of a tag that hold now, in ascending steps."""
        cuts = [cut for clock in _CLOCKS for cut in self._restarts(tag.run, clock)]
        entries = current(self._raw(tag))
        return [e for e in entries if not any(e.wall_time < when and e.step >= step for when, step in cuts)]

    def load(self, tag: Tag, entry: Entry) -> bytes | None:
        """The stored bytes of an entry; None if TensorBoard has dropped them since."""
        if isinstance(entry.content, bytes):
            return entry.content
        if entry.content is None:
            content = self._again(tag).get((entry.step, entry.wall_time))
            return content if isinstance(content, bytes) else None
        key = ("blob", tag.run, tag.tag, entry.step, entry.wall_time)
        return self.cache.get(key, lambda: _sized(self._source.load(entry)))

    def content_bytes(self, tag: Tag) -> int:
        """The size of all stored records of a tag, those included that no longer hold."""
        return self._stored(tag).content_bytes

    def rows(self, run: str, kind: Kind[R], *names: str) -> list[Row[R]]:
        """The decoded records of one tag in ascending steps; what cannot be decoded is left out and noted.

        Args:
            run: as TensorBoard names it.
            kind: of the records.
            *names: what the kind's tags are named by, e.g. a method and a layer.

        Raises:
            UnknownNameError, SchemaError: see `tag`.
        """
        return self._rows(kind, self.tag(run, kind.tag(*names)))

    def rows_or_none(self, run: str, kind: Kind[R], *names: str) -> list[Row[R]]:
        """As `rows`, but empty if the run has no such tag."""
        tag = self._find(run, kind, names)
        return [] if tag is None else self._rows(kind, tag)

    def rows_of_kind(self, run: str, kind: Kind[R]) -> list[Row[R]]:
        """The records of all tags of a kind in ascending steps."""
        tags = [tag for tag in self.tags(run) if tag.kind == kind.name]
        return sorted((row for tag in tags for row in self._rows(kind, tag)), key=lambda row: row.step)

    def latest(self, run: str, kind: Kind[R], *names: str) -> R | None:
        """The newest decodable record of one tag, or None."""
        tag = self._find(run, kind, names)
        if tag is None:
            return None
        decoded = (self.record(tag, entry) for entry in reversed(self.entries(tag)))
        return next((record for record in decoded if isinstance(record, kind.record)), None)

    def _find(self, run: str, kind: Kind[R], names: Sequence[str]) -> Tag | None:
        name = kind.tag(*names)
        tag = next((tag for tag in self.tags(run) if tag.tag == name), None)
        return tag if tag is not None and self._holds(tag, kind) else None

    def _holds(self, tag: Tag, kind: Kind[R]) -> bool:
        return tag.kind == kind.name or self._note(
            tag.run, f"tag {tag.tag!r} holds {tag.kind}, expected {kind.name}: left out"
        )

    def _rows(self, kind: Kind[R], tag: Tag) -> list[Row[R]]:
        if not self._holds(tag, kind):
            return []
        rows = ((entry, self.record(tag, entry)) for entry in self.entries(tag))
        return [
            Row(entry.step, entry.wall_time, record)
            for entry, record in rows
            if isinstance(record, kind.record)
        ]

    def problems(self, run: str) -> list[str]:
        """What could not be read of a run so far, one sentence each."""
        self.tags(run)
        return list(self._problems.get(run, ()))

    def note(self, run: str, sentence: str) -> None:
        """Remember a problem of a run; the same sentence once."""
        self._problems.setdefault(run, {}).setdefault(sentence)

    def _note(self, run: str, sentence: str) -> bool:
        self.note(run, sentence)
        return False

    def _restarts(self, run: str, clock: str) -> list[tuple[float, int]]:
        tags = [tag for tag in self._source.tags(run) if tag.tag == clock and not tag.media]
        return restarts(self._raw(tags[0])) if tags else []

    def _raw(self, tag: Tag) -> list[Entry]:
        return self._stored(tag).entries

    def _stored(self, tag: Tag) -> _Stored:
        def read() -> tuple[int, _Stored]:
            entries = list(self._source.entries(tag))
            stored = sum(len(entry.content or b"") for entry in entries)
            kept = entries if tag.media else _newest_contents(entries)
            size = min(stored, _KEPT_CONTENTS) + _ENTRY_BYTES * len(entries)
            return size, _Stored(kept, stored)

        return self.cache.get(("entries", tag.run, tag.tag), read, version=tag)

    def _again(self, tag: Tag) -> dict[tuple[int, float], bytes | str | None]:
        # For one request, which may want many: not kept, for it may be larger than everything else.
        if tag.tag not in self._read_again:
            entries = self._source.entries(tag)
            self._read_again[tag.tag] = {(e.step, e.wall_time): e.content for e in entries}
        return self._read_again[tag.tag]

    def record(self, tag: Tag, entry: Entry) -> Record | None:
        """The decoded record of an entry, kept; None, and a note, if it cannot be decoded."""

        def decode() -> tuple[int, Record | None]:
            data = self.load(tag, entry)
            return 4 * len(data or b"") + 64, self._decode(tag, entry, data)

        return self.cache.get(("record", tag.run, tag.tag, entry.step, entry.wall_time), decode)

    def decode(self, tag: Tag, entry: Entry) -> Record | None:
        """As `record`, for who keeps what it needs of it."""
        return self._decode(tag, entry, self.load(tag, entry))

    def _decode(self, tag: Tag, entry: Entry, data: bytes | None) -> Record | None:
        if data is None:
            return None
        try:
            return codec.decode(tag.kind, data)
        except SchemaError as error:
            self.note(tag.run, f"tag {tag.tag!r}, step {entry.step}: {error}")
            return None


def _newest_contents(entries: Sequence[Entry]) -> list[Entry]:
    """The entries in their order; the older ones without contents where all are more than are to stay."""
    kept, room = list(entries), _KEPT_CONTENTS
    for place in sorted(range(len(kept)), key=lambda place: kept[place].wall_time, reverse=True):
        room -= len(kept[place].content or b"")
        if room < 0:
            kept[place] = replace(kept[place], content=None)
    return kept


def unreadable(tag: Tag) -> str:
    """Why a tag cannot be read, in a sentence; '' if it can."""
    if tag.version > metadata.SCHEMA_VERSION:
        return (
            f"tag {tag.tag!r} was written by schema version {tag.version}; this plugin reads up to "
            f"{metadata.SCHEMA_VERSION}: upgrade tb-xai-plugin"
        )
    if tag.kind not in kinds.BY_NAME:
        return f"tag {tag.tag!r} holds {tag.kind or 'something'!r}, which is no kind of record we know"
    return ""


def _sized(data: bytes | None) -> tuple[int, bytes | None]:
    return len(data or b""), data
