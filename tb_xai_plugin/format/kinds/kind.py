# SPDX-License-Identifier: Apache-2.0
"""What a kind of record is: its bytes, its tag, and who looks at it, described once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tb_xai_plugin.format.records import Record

R = TypeVar("R", bound=Record)

#: Names that a tag's metadata has fields for.
IN_METADATA = ("method", "layer", "signal")


@dataclass(frozen=True)
class Kind(Generic[R]):
    """One kind of record. Its `name` is that of the record's class, on disk and over HTTP.

    Args:
        record: the class of the record.
        message: the class of its message in `schema.proto`.
        to_message: record → message, without its version.
        from_message: message → record. It raises SchemaError, or ValueError, for what is no such record.
        stem: its tag, or what its tags begin with.
        named_by: attributes of the record that follow the stem in the tag, "" left out. A tag's metadata
            holds those that are called method, layer or signal.
        media: whether it travels as a blob sequence.
        bulk: whether its records are most of a log's bytes, and no rule looks at them.
        statistic: whether its steps are steps at which the network was observed.
        framed: whether the tab keeps its records one by one, so that it has to know the time of each.
        series: the `signal` by which the series route answers it, where its rows have names, not layers.
        replayed: its place among the records of one step when rules look at a log; 0: no rule looks at it.
            What belongs to the step before comes first, as it does in training; check-ups are of the state
            after it.
        serve: brings a stored message into the layout that is served, in place; whether it changed anything.
    """

    record: type[R]
    message: type[Any]
    to_message: Callable[[R], Any]
    from_message: Callable[[Any], R]
    stem: str
    named_by: tuple[str, ...] = ()
    media: bool = False
    bulk: bool = False
    statistic: bool = False
    framed: bool = False
    series: str = ""
    replayed: int = 0
    serve: Callable[[Any], bool] | None = None

    @property
    def name(self) -> str:
        """The name of the record's class."""
        return self.record.__name__

    def tag(self, *names: str) -> str:
        """The tag of the records that have these names, e.g. `attribution/grad_cam/layer4`.

        Raises:
            ValueError: for more or fewer names than `named_by` has.
        """
        if len(names) != len(self.named_by):
            raise ValueError(f"the tag of {self.name} takes {self.named_by or 'no names'}, got {names}")
        return "/".join((self.stem, *filter(None, names)))

    def tag_of(self, record: R) -> str:
        """The tag under which a record is stored."""
        return self.tag(*(getattr(record, name) for name in self.named_by))

    def in_metadata(self, record: R) -> dict[str, str]:
        """What a record's tag is named by, as far as the tag's metadata has fields for it."""
        return {name: getattr(record, name) for name in self.named_by if name in IN_METADATA}
