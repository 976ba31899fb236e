# SPDX-License-Identifier: Apache-2.0
"""One signal over all steps as arrays: records of many steps, whose rows may differ, stacked by name.

Axes: T logged steps in ascending order; n samples of the probe.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tb_xai_plugin.format import kinds
from tb_xai_plugin.format.errors import UnknownNameError
from tb_xai_plugin.format.kinds import Kind
from tb_xai_plugin.format.kinds.kind import R
from tb_xai_plugin.format.records import (
    LAYER_SIGNALS,
    PARAMETER_SIGNALS,
    Histograms,
    Layer,
    LayerTable,
    Parameter,
    UnitCounts,
)
from tb_xai_plugin.reading import columns as series
from tb_xai_plugin.reading.growing import SOURCES, layer_stack
from tb_xai_plugin.reading.reader import Reader, Row, Tag


def shape_text(array: np.ndarray) -> str:
    """An array's shape for people, e.g. 20×8×9."""
    return "×".join(map(str, array.shape))


def most_common(names: Sequence[str]) -> str:
    """The name that most steps have; '' without steps."""
    return Counter(names).most_common(1)[0][0] if names else ""


@dataclass(frozen=True, repr=False)
class LayerStatsSeries:
    """Statistics of one signal: `values` float32 [T, layers, columns], NaN where a layer has no value.

    `layers` names the rows (for weight signals: parameters); `columns` the statistics; `sources` [T] is
    "training batch" or "probe" and `source` that of most steps; `num_samples` int64 [T].
    """

    signal: str
    steps: np.ndarray
    columns: tuple[str, ...]
    layers: tuple[str, ...]
    values: np.ndarray
    sources: tuple[str, ...]
    num_samples: np.ndarray

    @property
    def source(self) -> str:
        """What most steps were measured on: "training batch" or "probe"."""
        return most_common(self.sources)

    def column(self, name: str) -> np.ndarray:
        """One statistic, float32 [T, layers].

        Raises:
            UnknownNameError: if there is no such column; the message lists them.
        """
        if name not in self.columns:
            raise UnknownNameError(
                f"{self.signal} has no column {name!r}; columns: {', '.join(self.columns)}"
            )
        return self.values[:, :, self.columns.index(name)]

    def __repr__(self) -> str:
        return (
            f"<LayerStatsSeries {self.signal}: {shape_text(self.values)} (steps, layers, columns), "
            f"from the {self.source}>"
        )


@dataclass(frozen=True, repr=False)
class HistogramSeries:
    """Signed log2 histograms of one signal: `counts` uint64 [T, layers, B] between `edges` float64 [B + 1].

    `edges` ascend from -2**128 to 2**128. The middle bin holds what is exactly zero, (-2**-149, 2**-149);
    the bins beside it also hold magnitudes below their exponent, the outermost ones those above.
    `nonfinite` uint64 [T, layers] counts NaN and infinities, which no bin holds.
    """

    signal: str
    steps: np.ndarray
    layers: tuple[str, ...]
    edges: np.ndarray
    counts: np.ndarray
    nonfinite: np.ndarray
    sources: tuple[str, ...]
    num_samples: np.ndarray
    min_exponent: int
    exponents: int

    @property
    def source(self) -> str:
        """What most steps were measured on: "training batch" or "probe"."""
        return most_common(self.sources)

    def __repr__(self) -> str:
        return f"<HistogramSeries {self.signal}: {shape_text(self.counts)} (steps, layers, bins)>"


@dataclass(frozen=True, repr=False)
class UnitSeries:
    """Units of one layer: `live` float32 [T, units], the share of `num_samples` [T] that activate it."""

    layer: str
    steps: np.ndarray
    live: np.ndarray
    num_samples: np.ndarray
    sources: tuple[str, ...]

    @property
    def source(self) -> str:
        """What most steps were measured on: "training batch" or "probe"."""
        return most_common(self.sources)

    def __repr__(self) -> str:
        return f"<UnitSeries {self.layer}: {shape_text(self.live)} (steps, units)>"


@dataclass(frozen=True)
class NamedSeries:
    """Anything with one value per name and step: `values` float64 [T, names], NaN where there is none."""

    steps: np.ndarray
    names: tuple[str, ...]
    values: np.ndarray


def layer_table(reader: Reader, run: str) -> LayerTable | None:
    """The newest table of layers and parameters, None before the first record."""
    return reader.latest(run, kinds.LAYER_TABLE)


def layer_stats(reader: Reader, run: str, signal: str, only: str | None = None) -> LayerStatsSeries:
    """The statistics of one signal; if they are very large, of all those only the one asked for, if any is.

    Raises:
        UnknownNameError: if the run has no such signal; the message lists those it has.
    """
    tag = _signal_tag(reader, run, kinds.LAYER_STATS, signal)
    stack = layer_stack(reader, run, tag, _tables(reader, run), only)
    if only and len(stack.steps) and only not in stack.columns:
        known = series.union([columns for columns, _ in stack.layouts])
        raise UnknownNameError(f"{signal} has no column {only!r}; columns: {', '.join(known)}")
    return LayerStatsSeries(
        signal,
        stack.steps,
        stack.columns,
        stack.names,
        stack.values.transpose(1, 2, 0),
        tuple(SOURCES[code] for code in stack.source_codes.tolist()),
        stack.num_samples,
    )


def histograms(reader: Reader, run: str, signal: str, only: str | None = None) -> HistogramSeries:
    """The histograms of one signal, of all rows or `only` one.

    Steps whose bins differ from those of the newest step are left out and noted.

    Raises:
        UnknownNameError: if the run has no such signal or row; the message lists those it has.
    """
    _signal_tag(reader, run, kinds.HISTOGRAMS, signal)
    named = _named(reader, run, reader.rows(run, kinds.HISTOGRAMS, signal))
    low, exponents = (named[-1][0].record.min_exponent, named[-1][0].record.exponents) if named else (0, 0)
    same = [
        pair for pair in named if (pair[0].record.min_exponent, pair[0].record.exponents) == (low, exponents)
    ]
    if len(same) < len(named):
        reader.note(run, f"{len(named) - len(same)} histograms of {signal} have other bins: left out")
    names = _chosen(series.union([names for _, names in same]), only, f"{signal} histograms")
    counts = series.align([names for _, names in same], [row.record.counts for row, _ in same], names, 0)
    counts = counts.reshape(len(same), len(names), 2 * exponents + 2).astype(np.uint64)
    rows = [row for row, _ in same]
    return HistogramSeries(
        signal, steps_of(rows), names, bin_edges(low, exponents), counts[:, :, :-1], counts[:, :, -1],
        _sources(rows), _samples(rows), low, exponents,
    )  # fmt: skip


def units(reader: Reader, run: str, layer: str) -> UnitSeries:
    """The units of one layer.

    Raises:
        UnknownNameError: if no table of the run has such a layer with units.
    """
    tables, known = _tables(reader, run), dict[str, None]()
    found: list[tuple[Row[UnitCounts], np.ndarray]] = []
    for row in reader.rows(run, kinds.UNIT_COUNTS):
        table = tables.get(row.record.table)
        if table is None or sum(each.units for each in table.layers) != len(row.record.live):
            reader.note(run, f"units of step {row.step} fit no table of layers: left out")
            continue
        known.update(dict.fromkeys(each.name for each in table.layers if each.units))
        if (place := _unit_range(table.layers, layer)) is not None:
            found.append((row, row.record.live[place]))
    if not found:
        raise UnknownNameError(f"no units of layer {layer!r}; layers: {', '.join(known) or 'none yet'}")
    width = len(found[-1][1])
    found = [(row, live) for row, live in found if len(live) == width]
    rows = [row for row, _ in found]
    samples = _samples(rows)
    live = np.stack([live for _, live in found]) / np.maximum(samples, 1)[:, None]
    live[samples == 0] = np.nan
    return UnitSeries(layer, steps_of(rows), live.astype(np.float32), samples, _sources(rows))


def scalars(reader: Reader, run: str) -> NamedSeries:
    """What the host offers by name: loss, learning rate …; NaN where a step has none."""
    return _by_name(sorted(scalar_points(reader, run).items()))


def scalar_points(reader: Reader, run: str) -> dict[int, dict[str, float]]:
    """Step → name → value, of all groups; the loss of every step where it is known."""
    found: dict[int, dict[str, float]] = {}
    for row in reader.rows_of_kind(run, kinds.SCALARS):
        found.setdefault(row.step, {}).update(row.record.values)
    for trace in (row.record for row in reader.rows_or_none(run, kinds.LOSS_TRACE)):
        for offset, loss in enumerate(trace.values.tolist()):
            found.setdefault(trace.first_step + offset, {})["loss"] = loss
    return found


def heads(reader: Reader, run: str) -> NamedSeries:
    """Normalised entropy (0 … 1) of every attention head; names are LAYER#HEAD."""
    rows = reader.rows_or_none(run, kinds.HEAD_STATS)
    return _by_name([(row.step, _head_entropies(row.record.layers)) for row in rows])


def bin_edges(min_exponent: int, exponents: int) -> np.ndarray:
    """Edges of the finite bins, float64 [2 E + 2], ascending; see `HistogramSeries`."""
    inner = 2.0 ** np.arange(min_exponent + 1, min_exponent + exponents, dtype=np.float64)
    positive = np.concatenate([[2.0**-149], inner, [2.0**128]])
    return np.concatenate([-positive[::-1], positive]) if exponents else np.zeros(0)


def _head_entropies(layers: dict[str, tuple[int, np.ndarray]]) -> dict[str, float]:
    return {
        f"{layer}#{head}": float(entropy) / np.log(keys)
        for layer, (keys, entropies) in layers.items()
        for head, entropy in enumerate(entropies)
        if keys > 1
    }


def _by_name(rows: Sequence[tuple[int, dict[str, float]]]) -> NamedSeries:
    names = series.union([list(values) for _, values in rows])
    values = [[values.get(name, np.nan) for name in names] for _, values in rows]
    steps = np.array([step for step, _ in rows], dtype=np.int64)
    return NamedSeries(steps, names, np.array(values, dtype=np.float64).reshape(len(rows), len(names)))


def _signal_tag(reader: Reader, run: str, kind: Kind[R], signal: str) -> Tag:
    tag = kind.tag(signal)
    there = {each.signal: each for each in reader.tags(run) if each.kind == kind.name}
    if signal not in there and signal not in (*LAYER_SIGNALS, *PARAMETER_SIGNALS):
        known = ", ".join((*LAYER_SIGNALS, *PARAMETER_SIGNALS))
        raise UnknownNameError(f"no signal {signal!r}; signals: {known}")
    if signal not in there:
        # A tag of a newer version raises SchemaError here, which says more than "not there".
        if any(each.tag == tag for each in reader.all_tags(run)):
            reader.tag(run, tag)
        raise UnknownNameError(
            f"run {run!r} has no {kind.name} of {signal!r}; it has: {', '.join(there) or 'none yet'}"
        )
    return reader.tag(run, tag)


def _tables(reader: Reader, run: str) -> dict[str, LayerTable]:
    return {row.record.id: row.record for row in reader.rows_or_none(run, kinds.LAYER_TABLE)}


def _named(
    reader: Reader, run: str, rows: Sequence[Row[Histograms]]
) -> list[tuple[Row[Histograms], tuple[str, ...]]]:
    """Each row with the names of its record's rows; those that fit no table are left out and noted."""
    tables, named = _tables(reader, run), []
    for row in rows:
        table = tables.get(row.record.table)
        listed: Sequence[Layer | Parameter] = ()
        if table is not None:
            listed = table.parameters if row.record.signal in PARAMETER_SIGNALS else table.layers
        if table is None or len(listed) != len(row.record.counts):
            reader.note(run, f"{row.record.signal} of step {row.step} fits no table of layers: left out")
            continue
        named.append((row, tuple(each.name for each in listed)))
    return named


def _chosen(names: tuple[str, ...], only: str | None, what: str) -> tuple[str, ...]:
    if only is None:
        return names
    if only not in names:
        raise UnknownNameError(f"no {what} of {only!r}; rows: {', '.join(names) or 'none yet'}")
    return (only,)


def _unit_range(layers: Sequence[Layer], name: str) -> slice | None:
    start = 0
    for layer in layers:
        if layer.name == name and layer.units:
            return slice(start, start + layer.units)
        start += layer.units
    return None


def steps_of(rows: Iterable[Row[R]]) -> np.ndarray:
    """Steps of rows, int64 [T]."""
    return np.array([row.step for row in rows], dtype=np.int64)


def _sources(rows: Iterable[Row[Histograms]] | Iterable[Row[UnitCounts]]) -> tuple[str, ...]:
    return tuple(row.record.source for row in rows)


def _samples(rows: Iterable[Row[Histograms]] | Iterable[Row[UnitCounts]]) -> np.ndarray:
    return np.array([row.record.num_samples for row in rows], dtype=np.int64)
