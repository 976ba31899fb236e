# SPDX-License-Identifier: Apache-2.0
"""Diagnosis of a log that is on disk: its records go through the rules in the order of their steps."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from tb_xai_plugin.format.kinds import KINDS, LAYER_STATS, LOSS_TRACE
from tb_xai_plugin.format.records import Findings
from tb_xai_plugin.reading.reader import Entry, Reader, Tag
from tb_xai_plugin.rules import Diagnosis, Rule

#: Kinds that rules look at → their place among the records of one step.
ORDER = {kind.name: kind.replayed for kind in KINDS if kind.replayed}
#: Steps at which the recorder looked, or might have: those with losses or statistics.
LOOKED = (LOSS_TRACE.name, LAYER_STATS.name)


def replayed(reader: Reader, run: str, rules: Sequence[Rule]) -> Findings:
    """The findings of a run: the rules look at the same steps as they did while it was recorded."""
    diagnosis = Diagnosis(rules)
    tags = [tag for tag in reader.tags(run) if tag.kind in ORDER]
    looks = sorted(_looks(reader, tags))
    last = looks[-1] if looks else -1
    waiting = iter(looks)
    look = next(waiting, None)
    for step, tag, entry in _events(reader, tags):
        while look is not None and step > look:
            _look(diagnosis, look, look == last)
            look = next(waiting, None)
        if diagnosis.evidence.wants(tag.tag, step) and (record := reader.record(tag, entry)) is not None:
            diagnosis.add(step, record)
    while look is not None:
        _look(diagnosis, look, look == last)
        look = next(waiting, None)
    return diagnosis.findings()


def _look(diagnosis: Diagnosis, step: int, last: bool) -> None:
    if last or diagnosis.due(step):
        diagnosis.look(step)


def _looks(reader: Reader, tags: Sequence[Tag]) -> set[int]:
    return {entry.step for tag in tags if tag.kind in LOOKED for entry in reader.entries(tag)}


def _events(reader: Reader, tags: Sequence[Tag]) -> Iterator[tuple[int, Tag, Entry]]:
    """All entries in ascending steps, not decoded."""
    streams = [
        [(entry.step, ORDER[tag.kind], number, tag, entry) for entry in reader.entries(tag)]
        for number, tag in enumerate(tags)
    ]
    for step, _, _, tag, entry in heapq.merge(*streams, key=lambda item: item[:3]):
        yield step, tag, entry
