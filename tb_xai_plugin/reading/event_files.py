# SPDX-License-Identifier: Apache-2.0
"""Event files as a source of the reader: every record, unsampled, without a TensorBoard process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorboard.compat.proto import event_pb2, summary_pb2

from tb_xai_plugin.format.metadata import MEDIA, SMALL
from tb_xai_plugin.format.record_file import DamagedError, records
from tb_xai_plugin.reading.reader import Entry, Tag, parse_tag

#: The recorder's first record is ours, so a file is known by its first events.
_EVENTS_PEEKED = 50


@dataclass
class _Loaded:
    """What the event files of one run hold of ours."""

    tags: dict[str, Tag] = field(default_factory=dict)
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class EventFileSource:
    """All runs below a directory. A run's files are read when it is first asked for, and then kept.

    Args:
        log_dir: what one would give to `tensorboard --logdir`.
        skip: tags that begin so are not read.

    Raises:
        FileNotFoundError: if there is no such directory.
    """

    def __init__(self, log_dir: str | os.PathLike[str], skip: Sequence[str] = ()) -> None:
        self._skip = tuple(word.encode() for word in skip)
        root = Path(log_dir).expanduser()
        if not root.is_dir():
            raise FileNotFoundError(
                f"no log directory {str(root)!r}; expected what `tensorboard --logdir` gets"
            )
        self._files = {
            run: files for run, files in _event_files(root).items() if any(_is_ours(path) for path in files)
        }
        self._runs: dict[str, _Loaded] = {}

    def run_names(self) -> list[str]:
        """The runs with our data, named as TensorBoard names them."""
        return sorted(self._files)

    def problems(self, run: str) -> list[str]:
        """Damage found in the files of a run, one sentence each."""
        return self._run(run).problems

    def tags(self, run: str | None) -> list[Tag]:
        """Our tags of one run, or of all runs."""
        runs = self._files if run is None else [run] if run in self._files else []
        return [tag for name in runs for tag in self._run(name).tags.values()]

    def entries(self, tag: Tag) -> Sequence[Entry]:
        """The stored records of a tag in stored order."""
        return self._run(tag.run).entries[tag.tag]

    def load(self, entry: Entry) -> bytes | None:
        """Unused: every entry already has its bytes."""
        raise TypeError(f"{entry} is not of an event file")

    def _run(self, run: str) -> _Loaded:
        if run not in self._runs:
            loaded = _Loaded()
            for path in self._files[run]:
                for event in _events(path, loaded.problems, self._skip):
                    for value in event.summary.value:
                        _add(loaded, run, event, value)
            for name, tag in loaded.tags.items():
                loaded.tags[name] = _dated(tag, loaded.entries[name])
            self._runs[run] = loaded
        return self._runs[run]


def _dated(tag: Tag, entries: Sequence[Entry]) -> Tag:
    """The tag with its newest step and time."""
    return replace(
        tag,
        last_step=max(tag.last_step, *(entry.step for entry in entries)),
        last_wall_time=max(tag.last_wall_time, *(entry.wall_time for entry in entries)),
    )


def _event_files(root: Path) -> dict[str, list[Path]]:
    """Run → its event files, oldest first; TensorBoard calls the root '.'."""
    runs: dict[str, list[Path]] = {}
    for directory, _, names in os.walk(root, followlinks=True):
        files = sorted(Path(directory) / name for name in names if "tfevents" in name)
        if files:
            runs[Path(directory).relative_to(root).as_posix()] = files
    return runs


def _is_ours(path: Path) -> bool:
    # Other writers' files may be large: reading all of one to find nothing would take minutes.
    peeked = islice(_events(path, []), _EVENTS_PEEKED)
    return any(_plugin_name(value) for event in peeked for value in event.summary.value)


def _plugin_name(value: summary_pb2.Summary.Value) -> str:
    name = value.metadata.plugin_data.plugin_name
    return name if name in (SMALL, MEDIA) else ""


def _events(path: Path, problems: list[str], skip: Sequence[bytes] = ()) -> Iterator[event_pb2.Event]:
    """The events of a file up to its end or its first damaged record, as TensorBoard reads it."""
    try:
        for data in records(path, skip):
            yield event_pb2.Event.FromString(data)
    except (DamagedError, DecodeError) as error:
        problems.append(f"{path.name} is cut off or damaged; what follows is not read: {error}")


def _add(loaded: _Loaded, run: str, event: event_pb2.Event, value: summary_pb2.Summary.Value) -> None:
    tag = loaded.tags.get(value.tag)
    if tag is None:
        if not (name := _plugin_name(value)):
            return
        tag = parse_tag(run, value.tag, value.metadata.plugin_data.content, media=name == MEDIA)
    if not value.tensor.string_val:
        loaded.problems.append(f"tag {value.tag!r}, step {event.step}: an event without bytes")
        return
    loaded.tags.setdefault(value.tag, tag)
    entry = Entry(event.step, event.wall_time, value.tensor.string_val[0])
    loaded.entries.setdefault(value.tag, []).append(entry)
