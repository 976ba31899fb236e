# SPDX-License-Identifier: Apache-2.0
"""What the rules look at: the records of a run so far, as arrays over the last steps.

Bounded: of every signal the first and the latest 128 observations, so that a look costs the same at
step 100 and at step 1 000 000.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from tb_xai_plugin.format import records as r
from tb_xai_plugin.format.errors import UnknownNameError
from tb_xai_plugin.format.kinds import LAYER_STATS, UNIT_COUNTS
from tb_xai_plugin.rules.maps import Maps
from tb_xai_plugin.rules.trail import Trail

#: Statistics of single steps are looked at up to here, then of fewer and fewer.
THINNED = 500
#: Losses that are kept, one a step.
KEEP_LOSSES = 4096
#: The first losses, which are kept for ever.
FIRST_LOSSES = 50


class Evidence:
    """All that is known of a run at `step`; rules read it and leave it as it is."""

    def __init__(self) -> None:
        self.step = 0
        self.table = r.LayerTable(id="", layers=())
        self.setup = r.Setup()
        self.has_setup = False
        self.status: r.RunStatus | None = None
        self.stats: dict[str, Trail] = {}
        self.columns: dict[str, tuple[str, ...]] = {}
        self.sources: dict[str, str] = {}
        self.samples: dict[str, int] = {}
        self._taken: dict[str, int] = {}
        self.units = Trail(32)
        self.unit_samples = Trail(32)
        self.scalars: dict[str, Trail] = {}
        self.heads: dict[str, tuple[int, Trail]] = {}
        self.losses = np.zeros(0, dtype=np.float32)
        self.first_losses = np.zeros(0, dtype=np.float32)
        self.first_loss_step = 0
        self.lowest_loss = np.inf
        self.lowest_mean = np.inf
        self.maps = Maps()

    # ---- growing

    def add(self, step: int, record: r.Record) -> None:
        """Take in one record; kinds that no rule looks at, and statistics that come too fast, are passed
        over."""
        if isinstance(record, r.LayerStats):
            if self._takes(LAYER_STATS.tag_of(record), step):
                self._add_stats(step, record)
        elif isinstance(record, r.UnitCounts):
            if self._takes(UNIT_COUNTS.tag_of(record), step):
                self.units.add(step, record.live)
                self.unit_samples.add(step, np.array([record.num_samples]))
                self.sources["units"] = record.source
        elif isinstance(record, r.Scalars):
            for name, value in record.values.items():
                self.scalars.setdefault(name, Trail()).add(step, np.array(value))
        elif isinstance(record, r.LossTrace):
            self._add_losses(record)
        elif isinstance(record, r.HeadStats):
            for layer, (keys, entropy) in record.layers.items():
                self.heads.setdefault(layer, (keys, Trail(32)))[1].add(step, entropy)
        elif isinstance(record, r.LayerTable):
            self._set_table(record)
        elif isinstance(record, r.Setup):
            self.setup, self.has_setup = record, True
        elif isinstance(record, r.RunStatus):
            self.status = record
        elif isinstance(record, r.Probe):
            self.maps.set_probe(record)
        elif isinstance(record, r.Attribution):
            self.maps.add(step, record)

    def wants(self, tag: str, step: int) -> bool:
        """Whether a record of a tag would be taken in: statistics at least 1/500 of the steps apart."""
        last = self._taken.get(tag, -1)
        return last < 0 or step <= last or step - last >= max(1, step // THINNED)

    def _takes(self, tag: str, step: int) -> bool:
        if not self.wants(tag, step):
            return False
        self._taken[tag] = step
        return True

    def _add_stats(self, step: int, record: r.LayerStats) -> None:
        if record.table != self.table.id:
            return
        trail = self.stats.setdefault(record.signal, Trail())
        known = self.columns.get(record.signal, record.columns)
        if record.columns != known:  # resumed with other statistics of the user's own
            trail.rearrange([known.index(name) if name in known else None for name in record.columns])
        trail.add(step, record.values)
        self.columns[record.signal] = record.columns
        self.sources[record.signal] = record.source
        self.samples[record.signal] = record.num_samples

    def _add_losses(self, record: r.LossTrace) -> None:
        if record.first_step < self.first_loss_step + len(self.losses):  # a restart: its steps count
            keep = max(record.first_step - self.first_loss_step, 0)
            self.losses = self.losses[:keep]
        if not len(self.losses):
            self.first_loss_step = record.first_step
        gap = min(record.first_step - self.first_loss_step - len(self.losses), KEEP_LOSSES)
        held = np.repeat(self.losses[-1:], gap)  # steps without a loss have that of the step before
        joined = np.concatenate([self.losses, held, record.values])
        if len(self.first_losses) < FIRST_LOSSES:
            self.first_losses = joined[:FIRST_LOSSES]
        surplus = max(len(joined) - KEEP_LOSSES, 0)
        self.losses = joined[surplus:]
        self.first_loss_step = record.first_step + len(record.values) - len(self.losses)
        if len(self.losses) >= 20:
            with np.errstate(over="ignore", invalid="ignore"):
                latest = float(np.nan_to_num(self.losses[-20:], nan=np.inf).mean())
            self.lowest_mean = min(self.lowest_mean, latest)
        finite = record.values[np.isfinite(record.values)]
        if len(finite):
            self.lowest_loss = min(self.lowest_loss, float(finite.min()))

    def _set_table(self, table: r.LayerTable) -> None:
        if table.id != self.table.id:  # another model: what was seen of the old one says nothing
            self.stats, self._taken = {}, {}
            self.units, self.unit_samples = Trail(32), Trail(32)
            self.maps.forget()
        self.table = table
        for name in ("layer_rows", "matrices"):
            self.__dict__.pop(name, None)

    # ---- rows

    @cached_property
    def layer_rows(self) -> dict[str, int]:
        """Row of each layer."""
        return {layer.name: row for row, layer in enumerate(self.table.layers)}

    @cached_property
    def matrices(self) -> np.ndarray:
        """Rows of the parameters that mix units: two axes or more, two units or more on both sides."""
        rows = [
            row
            for row, p in enumerate(self.table.parameters)
            if len(p.shape) > 1 and self.type_of(p.layer) not in ("Embedding",) and min(_sides(p.shape)) > 0
        ]
        return np.array(rows, dtype=np.int64)

    def type_of(self, layer: str) -> str:
        """Type of a layer; "" for what is none."""
        row = self.layer_rows.get(layer)
        return "" if row is None else self.table.layers[row].type

    def layer_of(self, parameter: int) -> str:
        """The layer that a parameter belongs to; its own name where that is none."""
        found = self.table.parameters[parameter]
        return found.layer or found.name

    # ---- values

    def has(self, signal: str, name: str = "") -> bool:
        """Whether a signal was observed; with a name, whether that statistic of it was."""
        return signal in self.stats and (not name or name in self.columns[signal])

    def column(self, signal: str, name: str, steps: int, least: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """(steps [t], values [t, rows]) of one statistic over the latest `steps` steps.

        Raises:
            UnknownNameError: if there is no such statistic; the message lists those there are.
        """
        trail = self.stats[signal]
        place = trail.last(steps, least)
        return trail.steps[place], trail.values[place][:, :, self._place(signal, name)]

    def every(self, signal: str, name: str) -> tuple[np.ndarray, np.ndarray]:
        """As `column`, over all steps that are kept."""
        trail = self.stats[signal]
        return trail.steps, trail.values[:, :, self._place(signal, name)]

    def first(self, signal: str, name: str) -> np.ndarray:
        """[rows] of one statistic at its first observation."""
        values = self.stats[signal].first
        assert values is not None
        return values[:, self._place(signal, name)]

    def _place(self, signal: str, name: str) -> int:
        columns = self.columns[signal]
        if name not in columns:
            raise UnknownNameError(f"{signal} has no column {name!r}; columns: {', '.join(columns)}")
        return columns.index(name)

    def scalar(self, name: str, least: int = 1, steps: int = 0) -> np.ndarray:
        """The latest values of a scalar; empty if there is none."""
        trail = self.scalars.get(name)
        return np.zeros(0) if trail is None else trail.values[trail.last(steps, least)]

    def checkups(self, name: str) -> np.ndarray:
        """The latest two values of a check-up's scalar, if they are of the second half of the steps so far.

        A busy machine leaves check-ups out; one of long ago says nothing of the network as it is.
        """
        trail = self.scalars.get(name)
        if trail is None:
            return np.zeros(0)
        return trail.values[trail.steps >= self.step / 2][-2:]

    def recent_losses(self, steps: int) -> np.ndarray:
        """The losses of the latest `steps` steps."""
        return self.losses[-steps:]

    @property
    def num_losses(self) -> int:
        """Steps whose loss is known."""
        return self.first_loss_step + len(self.losses)

    def first_loss(self) -> float:
        """Mean of the first finite losses, at most 3: how training began."""
        finite = self.first_losses[np.isfinite(self.first_losses)][:3]
        return float(finite.mean()) if len(finite) else float("nan")

    def never_fell(self) -> bool:
        """Whether no 20 steps running had a mean loss below 90 % of the first one."""
        return not self.lowest_mean < 0.9 * self.first_loss()

    def mean_loss(self, steps: int) -> float:
        """Mean over the latest `steps` steps; NaN if one of them is, or there are none."""
        recent = self.recent_losses(steps)
        return float(recent.mean()) if len(recent) else float("nan")

    def learns(self) -> bool:
        """Whether the run gets somewhere all the same, so that a doubtful choice is none of its troubles:
        the loss of the last 20 steps is below 60 % of the best constant's, or else of the first one."""
        base = self.setup.base_loss
        reference = base if np.isfinite(base) and base > 0 else self.first_loss()
        probe = self.scalar("probe_loss")
        held_out = float(probe[-1]) if len(probe) else 0.0
        return self.mean_loss(20) < 0.6 * reference and not held_out > 0.8 * reference


def _sides(shape: tuple[int, ...]) -> tuple[int, int]:
    """Units that a matrix goes to and comes from."""
    return shape[0], int(np.prod(shape[1:]))
