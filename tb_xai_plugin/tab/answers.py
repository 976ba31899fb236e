# SPDX-License-Identifier: Apache-2.0
"""What the tab's data routes answer, from what TensorBoard's DataProvider holds.

`plugin.py` imports this with the first question: TensorBoard starts without it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from tensorboard import plugin_util
from tensorboard.plugins import base_plugin
from werkzeug import wrappers

from tb_xai_plugin.format import codec, kinds
from tb_xai_plugin.format import schema_pb2 as pb
from tb_xai_plugin.format.kinds.statistics import SOURCES
from tb_xai_plugin.format.metadata import SCHEMA_VERSION, display_name
from tb_xai_plugin.format.records import Descriptions
from tb_xai_plugin.reading import columns as series
from tb_xai_plugin.reading import own
from tb_xai_plugin.reading import statistics as stacks
from tb_xai_plugin.reading.cache import Cache
from tb_xai_plugin.reading.provider import ProviderSource
from tb_xai_plugin.reading.reader import Entry, Reader, Tag
from tb_xai_plugin.tab.http import Answer, message_answer, text, whole

_MOST_STEP = 2**63 - 1
_MOST_WIDTH = 2000
#: Signals whose rows have names instead of layers: how they are read, and what they are measured on.
_NAMED: dict[str, tuple[Callable[[Reader, str], stacks.NamedSeries], int]] = {
    kinds.SCALARS.series: (stacks.scalars, pb.SOURCE_UNSPECIFIED),
    kinds.HEAD_STATS.series: (stacks.heads, pb.PROBE),
}
#: Rows × columns of a series: three float32 each, so that an answer stays below 300 KB before compression.
#: With very many rows there are still so many columns.
_MOST_CELLS, _LEAST_WIDTH = 24_000, 60


class Answers:
    """One method per data route; keeps nothing but a cache of what it read."""

    def __init__(self, context: base_plugin.TBContext) -> None:
        self._provider = context.data_provider
        self._logdir = context.logdir or ""
        self._cache = Cache()
        self._problems: dict[str, dict[str, None]] = {}

    def runs(self, request: wrappers.Request) -> Answer:
        """`runs`."""
        reader = self._reader(request)
        runs = [_run(reader, run, tags) for run, tags in reader.tags_by_run().items()]
        runs.sort(key=lambda run: (-run["updated"], run["run"]))
        return Answer({"schema_version": SCHEMA_VERSION, "logdir": self._logdir, "runs": runs})

    def catalog(self, request: wrappers.Request) -> Answer:
        """`catalog`."""
        reader, run = self._reader(request), text(request, "run")
        compact = whole(request, "compact", 0, 0, 1)

        def make() -> Answer:
            found = {
                "run": run,
                "name": display_name(run),
                "tags": [_catalog_tag(tag, reader.entries(tag), bool(compact)) for tag in reader.tags(run)],
                "descriptions": _described(own.descriptions(reader, run)),
                "problems": reader.problems(run),  # last, because the others may find some
            }
            # With thousands of steps TensorBoard's own conversion takes longer than all the rest.
            return Answer(json.dumps(found, allow_nan=False).encode())

        return self._until_news(reader, run, ("catalog", compact), make, tuple(reader.problems(run)))

    def records(self, request: wrappers.Request) -> Answer:
        """`records`."""
        reader = self._reader(request)
        tag = reader.tag(text(request, "run"), text(request, "tag"))
        begin = whole(request, "begin", 0, 0, _MOST_STEP)
        end = whole(request, "end", _MOST_STEP, 0, _MOST_STEP)
        limit = whole(request, "limit", 64, 1, 256)
        newest = whole(request, "newest", 0, 0, 1)
        kept = reader.entries(tag)
        chosen = [entry for entry in kept if begin <= entry.step <= end]
        chosen = chosen[-limit:] if newest else chosen[:limit]
        loaded = ((entry, reader.load(tag, entry)) for entry in chosen)
        frames = [
            pb.Frame(step=entry.step, wall_time=entry.wall_time, record=codec.for_browser(tag.kind, data))
            for entry, data in loaded
            if data is not None
        ]
        return message_answer(pb.Frames(frames=frames, kept=len(kept)))

    def series(self, request: wrappers.Request) -> Answer:
        """`series`."""
        reader, run, signal = self._reader(request), text(request, "run"), text(request, "signal")
        width = whole(request, "width", 400, 1, _MOST_WIDTH)
        column = "" if signal in _NAMED else text(request, "column")

        def make() -> Answer:
            return self._make_series(reader, run, signal, column, width)

        return self._until_news(reader, run, ("series", signal, column, width), make)

    def _make_series(self, reader: Reader, run: str, signal: str, column: str, width: int) -> Answer:
        if signal in _NAMED:
            read, source = _NAMED[signal]
            named = read(reader, run)
            return message_answer(_series(named, width, np.zeros(len(named.steps), np.int64), source))
        stats = stacks.layer_stats(reader, run, signal, only=column)
        values = stats.column(column) if len(stats.steps) else stats.values[:, :, 0:0].reshape(0, 0)
        named = stacks.NamedSeries(stats.steps, stats.layers, values)
        source = SOURCES.get(stats.source, pb.SOURCE_UNSPECIFIED)
        return message_answer(_series(named, width, stats.num_samples, source))

    def histograms(self, request: wrappers.Request) -> Answer:
        """`histograms`."""
        reader, run, name = self._reader(request), text(request, "run"), text(request, "name")
        width, signal = whole(request, "width", 400, 1, _MOST_WIDTH), text(request, "signal")

        def make() -> Answer:
            return self._make_histograms(reader, run, signal, name, width)

        return self._until_news(reader, run, ("histograms", signal, name, width), make)

    def _make_histograms(self, reader: Reader, run: str, signal: str, name: str, width: int) -> Answer:
        found = stacks.histograms(reader, run, signal, only=name)
        starts = series.column_starts(len(found.steps), width)
        first, last = series.column_bounds(found.steps, starts)
        all_bins = np.concatenate([found.counts, found.nonfinite[:, :, None]], axis=2)
        return message_answer(
            pb.HistogramAnswer(
                name=name,
                first_steps=first.tolist(),
                last_steps=last.tolist(),
                min_exponent=found.min_exponent,
                exponents=found.exponents,
                counts=series.summed(all_bins, starts).ravel().tolist(),
                kept=len(found.steps),
                source=SOURCES.get(found.source, pb.SOURCE_UNSPECIFIED),
            )
        )

    def units(self, request: wrappers.Request) -> Answer:
        """`units`."""
        reader, run, layer = self._reader(request), text(request, "run"), text(request, "layer")
        width = whole(request, "width", 400, 1, _MOST_WIDTH)
        found = stacks.units(reader, run, layer)
        starts = series.column_starts(len(found.steps), width)
        first, last = series.column_bounds(found.steps, starts)
        live, samples = series.pooled(found.live, found.num_samples, starts)
        return message_answer(
            pb.UnitAnswer(
                layer=layer,
                first_steps=first.tolist(),
                last_steps=last.tolist(),
                units=live.shape[1],
                live=live.astype("<f4").tobytes(),
                num_samples=samples.tolist(),
                kept=len(found.steps),
                source=SOURCES.get(found.source, pb.SOURCE_UNSPECIFIED),
            )
        )

    def _until_news(
        self, reader: Reader, run: str, key: tuple[Any, ...], make: Callable[[], Answer], more: Any = None
    ) -> Answer:
        """The answer made before, until a tag of the run has grown or `more` has changed."""

        def sized() -> tuple[int, Answer]:
            answer = make()
            return len(answer.content), answer

        return self._cache.get(("answer", run, *key), sized, version=(tuple(reader.tags(run)), more))

    def _reader(self, request: wrappers.Request) -> Reader:
        environ = request.environ
        source = ProviderSource(
            self._provider, plugin_util.context(environ), plugin_util.experiment_id(environ)
        )
        return Reader(source, self._cache, self._problems)


def _run(reader: Reader, run: str, tags: list[Tag]) -> dict[str, Any]:
    # The table of layers is the first record of a run; without it, any small tag tells the time.
    readable = [tag for tag in tags if not tag.media] or tags
    clock = next((tag for tag in readable if tag.tag == kinds.LAYER_TABLE.tag()), readable[0])
    entries = reader.entries(clock)
    newest = max(tags, key=lambda tag: tag.last_wall_time)
    return {
        "run": run,
        "name": display_name(run),
        "first_step": entries[0].step if entries else 0,
        "last_step": _last_step(reader, tags),
        "started": entries[0].wall_time if entries else newest.last_wall_time,
        "updated": newest.last_wall_time,
    }


def _last_step(reader: Reader, tags: list[Tag]) -> int:
    """The last step that holds; a tag's `last_step` may be one that a restart undid."""
    small = [tag for tag in tags if not tag.media] or tags
    newest = max(tag.last_wall_time for tag in small)
    written = [reader.entries(tag) for tag in small if tag.last_wall_time == newest]
    return max((entries[-1].step for entries in written if entries), default=0)


def _described(found: Descriptions) -> dict[str, Any]:
    """Descriptions as JSON holds them: an end of a scale that is no number is 0, that of the data."""
    described = asdict(found)
    for column in described["columns"]:
        column.update({end: column[end] if math.isfinite(column[end]) else 0.0 for end in ("low", "high")})
    return described


def _catalog_tag(tag: Tag, entries: list[Entry], compact: bool) -> dict[str, Any]:
    timed = entries if not compact or kinds.BY_NAME[tag.kind].framed else entries[-1:]
    steps = [entry.step for entry in entries]
    return {
        "tag": tag.tag,
        "kind": tag.kind,
        "method": tag.method,
        "layer": tag.layer,
        "signal": tag.signal,
        "statistic": kinds.BY_NAME[tag.kind].statistic,
        **({"step_runs": series.runs_of(steps)} if compact else {"steps": steps}),
        "wall_times": [entry.wall_time for entry in timed],
    }


def _series(named: stacks.NamedSeries, width: int, num_samples: np.ndarray, source: int) -> pb.SeriesAnswer:
    width = min(width, max(_LEAST_WIDTH, _MOST_CELLS // max(len(named.names), 1)))
    starts = series.column_starts(len(named.steps), width)
    first, last = series.column_bounds(named.steps, starts)
    mean, low, high = (
        np.ascontiguousarray(part.T).astype("<f4").tobytes()
        for part in series.mean_low_high(named.values, starts)
    )
    return pb.SeriesAnswer(
        names=named.names,
        first_steps=first.tolist(),
        last_steps=last.tolist(),
        mean=mean,
        low=low,
        high=high,
        kept=len(named.steps),
        source=source,  # type: ignore[arg-type]
        num_samples=series.summed(num_samples, starts).tolist(),
    )
