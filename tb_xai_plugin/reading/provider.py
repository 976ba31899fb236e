# SPDX-License-Identifier: Apache-2.0
"""TensorBoard's DataProvider, Python or Rust, as a source of the reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorboard import errors
from tensorboard.data import provider as tb

from tb_xai_plugin.names import MEDIA, SMALL
from tb_xai_plugin.reading.reader import Entry, Tag, parse_tag

#: More than TensorBoard ever keeps: it thins out what it holds, and we want all of that.
_ALL = 1_000_000_000


class ProviderSource:
    """Reads through one request's context; make one for every request.

    Args:
        provider: TensorBoard's data provider.
        context: the request's context.
        experiment_id: '' on a local TensorBoard.
    """

    def __init__(self, provider: tb.DataProvider, context: Any, experiment_id: str) -> None:
        self._provider = provider
        self._where = {"ctx": context, "experiment_id": experiment_id}
        self._listed: dict[str | None, list[Tag]] = {}

    def tags(self, run: str | None) -> list[Tag]:
        """Our tags of one run, or of all; listed once a request."""
        if run not in self._listed:
            runs = None if run is None else [run]
            self._listed[run] = self._list(tb.RunTagFilter(runs=runs))
        return self._listed[run]

    def entries(self, tag: Tag) -> Sequence[Entry]:
        """The records of a tag: small ones with their bytes, media with their blob keys."""
        chosen: dict[str, Any] = {
            "downsample": _ALL,
            "run_tag_filter": tb.RunTagFilter(runs=[tag.run], tags=[tag.tag]),
        }
        if tag.media:
            read = self._provider.read_blob_sequences(**self._where, plugin_name=MEDIA, **chosen)
            data = read.get(tag.run, {}).get(tag.tag, ())
            return [Entry(d.step, d.wall_time, d.values[0].blob_key) for d in data if d.values]
        read = self._provider.read_tensors(**self._where, plugin_name=SMALL, **chosen)
        data = read.get(tag.run, {}).get(tag.tag, ())
        return [Entry(d.step, d.wall_time, bytes(d.numpy.ravel()[0])) for d in data if d.numpy.size]

    def load(self, entry: Entry) -> bytes | None:
        """The blob behind an entry; None if TensorBoard has dropped it since it was listed."""
        try:
            data: bytes = self._provider.read_blob(ctx=self._where["ctx"], blob_key=entry.content)
            return data
        except errors.NotFoundError:
            return None

    def _list(self, chosen: tb.RunTagFilter) -> list[Tag]:
        small = self._provider.list_tensors(**self._where, plugin_name=SMALL, run_tag_filter=chosen)
        media = self._provider.list_blob_sequences(**self._where, plugin_name=MEDIA, run_tag_filter=chosen)
        return [*_tags(small, media=False), *_tags(media, media=True)]


def _tags(listed: Any, media: bool) -> list[Tag]:
    return [
        parse_tag(
            run,
            tag,
            series.plugin_content,
            media=media,
            last_step=series.max_step or 0,
            last_wall_time=series.max_wall_time or 0.0,
        )
        for run, tags in listed.items()
        for tag, series in tags.items()
    ]
