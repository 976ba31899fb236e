# SPDX-License-Identifier: Apache-2.0
"""`open_log`: the public way to read a log in Python, for notebooks, tests and CI gates."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tb_xai_plugin.format import metadata
from tb_xai_plugin.format.errors import SchemaError, UnknownNameError, no_such
from tb_xai_plugin.format.kinds import (
    ATTENTION,
    ATTRIBUTION,
    FINDINGS,
    LAYER_STATS,
    PROBE,
    RUN_STATUS,
    TRUST,
    UNIT_COUNTS,
    Kind,
)
from tb_xai_plugin.format.kinds.kind import R
from tb_xai_plugin.format.records import (
    Descriptions,
    Finding,
    Findings,
    LayerTable,
    Probe,
    RuleState,
    RunStatus,
)
from tb_xai_plugin.reading import explanations as maps
from tb_xai_plugin.reading import own
from tb_xai_plugin.reading import statistics as stacks
from tb_xai_plugin.reading.event_files import EventFileSource
from tb_xai_plugin.reading.explanations import AttentionSeries, AttributionSeries, TrustSeries
from tb_xai_plugin.reading.overhead import Overhead, overhead
from tb_xai_plugin.reading.own import NumbersSeries
from tb_xai_plugin.reading.reader import Reader, Tag, unreadable
from tb_xai_plugin.reading.replay import replayed
from tb_xai_plugin.reading.statistics import HistogramSeries, LayerStatsSeries, UnitSeries
from tb_xai_plugin.rules import RULES, Rule, rules_named

__all__ = [
    "AttentionSeries", "AttributionSeries", "HistogramSeries", "LayerStatsSeries", "Log", "NumbersSeries",
    "Overhead", "Run", "SchemaError", "TrustSeries", "UnitSeries", "UnknownNameError", "open_log",
]  # fmt: skip


class Run:
    """One run of a log. Arrays are numpy, NaN where a layer has no value; steps ascend."""

    def __init__(self, name: str, run: str, reader: Reader, source: EventFileSource) -> None:
        self.name = name
        self._run = run
        self._reader = reader
        self._source = source

    def __repr__(self) -> str:
        kinds = sorted({tag.kind for tag in self._tags()})
        status = self.status
        state = f"{status.state} at step {status.step}" if status else "no status yet"
        return f"<Run {self.name!r}: {state}, {len(self.layers)} layers; {', '.join(kinds)}>"

    @property
    def layer_table(self) -> LayerTable | None:
        """Layers and parameters with types and shapes; None before the first record."""
        return stacks.layer_table(self._reader, self._run)

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers in execution order."""
        table = self.layer_table
        return tuple(layer.name for layer in table.layers) if table else ()

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that `layer_stats` has."""
        return tuple(tag.signal for tag in self._tags(LAYER_STATS))

    def layer_stats(self, signal: str, source: str | None = None) -> LayerStatsSeries:
        """Statistics of "activation", "gradient", "weight" or "weight_gradient", [T, layers, columns].

        Args:
            signal: what was measured.
            source: only the steps measured on "training batch" or "probe".

        Raises:
            UnknownNameError: for a signal or a source that is not there; the message lists those that are.
        """
        stats = stacks.layer_stats(self._reader, self._run, signal)
        if source is None:
            return stats
        chosen = np.array([name == source for name in stats.sources], dtype=bool)
        if not chosen.any():
            there = ", ".join(sorted(set(stats.sources))) or "none yet"
            raise UnknownNameError(f"no {signal} from source {source!r}; sources: {there}")
        return LayerStatsSeries(
            signal, stats.steps[chosen], stats.columns, stats.layers, stats.values[chosen],
            (source,) * int(chosen.sum()), stats.num_samples[chosen],
        )  # fmt: skip

    def histograms(self, signal: str) -> HistogramSeries:
        """Signed log2 histograms of a signal, [T, layers, bins].

        Raises:
            UnknownNameError: for a signal that is not there.
        """
        return stacks.histograms(self._reader, self._run, signal)

    def units(self, layer: str) -> UnitSeries:
        """The share of samples that activate each unit of a layer, [T, units].

        Raises:
            UnknownNameError: for a layer without units; the message names the nearest.
        """
        if not self._tags(UNIT_COUNTS):
            raise UnknownNameError(f"run {self.name!r} has no unit counts")
        if layer not in self.layers:
            raise UnknownNameError(no_such("layer", layer, self.layers))
        return stacks.units(self._reader, self._run, layer)

    @property
    def methods(self) -> tuple[str, ...]:
        """The attribution methods that were logged."""
        return tuple(dict.fromkeys(tag.method for tag in self._tags(ATTRIBUTION)))

    @property
    def attribution_layers(self) -> tuple[str, ...]:
        """The layers that have attributions; the explained layers of the status first."""
        logged = dict.fromkeys(tag.layer for tag in self._tags(ATTRIBUTION))
        status = self.status
        targets = [layer for layer in status.target_layers if layer in logged] if status else []
        return tuple(dict.fromkeys([*targets, *logged]))

    def attributions(self, method: str = "grad_cam", layer: str | None = None) -> AttributionSeries:
        """The maps of one method at one layer (None: the first of `attribution_layers`), [T, n, h, w].

        Raises:
            UnknownNameError: for a method or a layer that is not there; the message names the nearest.
        """
        if not self.methods:
            raise UnknownNameError(self._not_captured("explanations"))
        if method not in self.methods:
            raise UnknownNameError(no_such("method", method, self.methods))
        there = {tag.layer for tag in self._tags(ATTRIBUTION) if tag.method == method}
        layers = tuple(name for name in self.attribution_layers if name in there)
        chosen = layers[0] if layer is None else layer
        if chosen not in layers:
            raise UnknownNameError(no_such(f"{method} layer", chosen, layers))
        return maps.attributions(self._reader, self._run, method, chosen)

    def trust(self, method: str = "grad_cam", layer: str | None = None) -> TrustSeries:
        """How far to believe a method's maps at a layer (None: the first that was measured), [T, n].

        Raises:
            UnknownNameError: if it was not measured; the message says where it was.
        """
        there = [tag for tag in self._tags(TRUST) if tag.method == method]
        chosen = layer or (there[0].layer if there else "")
        if chosen not in {tag.layer for tag in there}:
            measured = ", ".join(f"{tag.method} at {tag.layer}" for tag in self._tags(TRUST))
            raise UnknownNameError(
                f"no trust of {method!r}"
                + (f" at {layer!r}" if layer else "")
                + f"; measured: {measured or 'none'}"
            )
        return maps.trust(self._reader, self._run, method, chosen)

    @property
    def attention_layers(self) -> tuple[str, ...]:
        """The layers that have attention, in execution order where the table knows them."""
        logged = {tag.layer for tag in self._tags(ATTENTION)}
        return tuple(dict.fromkeys([*(name for name in self.layers if name in logged), *sorted(logged)]))

    def attention(self, layer: str | None = None) -> AttentionSeries:
        """One layer's attention (None: the first of `attention_layers`), [T, n, heads, queries, keys].

        Raises:
            UnknownNameError: for a layer that has none; the message names the nearest.
        """
        layers = self.attention_layers
        if not layers:
            raise UnknownNameError(self._not_captured("attention"))
        chosen = layers[0] if layer is None else layer
        if chosen not in layers:
            raise UnknownNameError(no_such("attention layer", chosen, layers))
        return maps.attention(self._reader, self._run, chosen)

    def _not_captured(self, signal: str) -> str:
        """Why a signal is not there, in the recorder's words if it said so."""
        status = self.status
        reasons = (
            [s.reason for s in status.signals if s.name == signal and s.state == "off"] if status else []
        )
        return f"run {self.name!r} has no {signal}: {reasons[0] if reasons else 'none was logged'}"

    @property
    def scalars(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Name → (steps int64 [k], values float64 [k]): loss, learning rate …"""
        points: dict[str, list[tuple[int, float]]] = {}
        for step, values in sorted(stacks.scalar_points(self._reader, self._run).items()):
            for name, value in values.items():
                points.setdefault(name, []).append((step, value))
        return {
            name: (np.array([step for step, _ in listed], np.int64), np.array([value for _, value in listed]))
            for name, listed in points.items()
        }

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The rules that fired, as last recorded."""
        latest = self._reader.latest(self._run, FINDINGS)
        return latest.findings if latest else ()

    @property
    def rules(self) -> tuple[RuleState, ...]:
        """What each rule does: watching, waiting for data, or off, with the reason."""
        latest = self._reader.latest(self._run, FINDINGS)
        return latest.rules if latest else ()

    def diagnose(self, rules: Sequence[Rule | str] = RULES) -> Findings:
        """Run rules over the log as if it were being written: what `tb-xai diagnose` prints.

        Args:
            rules: rules, or the names of those that there are.

        Raises:
            ValueError: for a name that no rule has; the message names the nearest.
        """
        return replayed(self._reader, self._run, rules_named(rules))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of `numbers` that were logged: the user's own signals."""
        return own.numbers_kinds(self._reader, self._run)

    def numbers(self, kind: str) -> NumbersSeries:
        """The numbers of a signal of the user's own, [T, rows, columns], rows and columns aligned by name.

        Raises:
            UnknownNameError: for a kind that is not there; the message names the nearest.
        """
        return own.numbers(self._reader, self._run, kind)

    @property
    def descriptions(self) -> Descriptions:
        """What methods, statistics and the user's own kinds are called and mean.

        Methods and kinds as last recorded, none in a log of a version that did not; columns are those of
        all signals, the user's own last.
        """
        return own.descriptions(self._reader, self._run)

    @property
    def probe(self) -> Probe | None:
        """The fixed samples, None if none were chosen."""
        return self._reader.latest(self._run, PROBE)

    @property
    def status(self) -> RunStatus | None:
        """How the run stands, as last recorded."""
        return self._reader.latest(self._run, RUN_STATUS)

    @property
    def overhead(self) -> Overhead:
        """What the recorder cost so far; zeros before the first status."""
        return overhead(self.status)

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be read so far, one sentence each: damaged records, cut off files, newer tags."""
        return (*self._source.problems(self._run), *self._reader.problems(self._run))

    def _tags(self, kind: Kind[R] | None = None) -> list[Tag]:
        return [tag for tag in self._reader.tags(self._run) if kind is None or tag.kind == kind.name]


class Log(Mapping[str, Run]):
    """The runs of a log directory by the name the tab shows; `.` is a run in the directory itself."""

    def __init__(self, log_dir: str | os.PathLike[str], skip: Sequence[str] = ()) -> None:
        self._log_dir = os.fspath(log_dir)
        self._source = EventFileSource(log_dir, skip)
        self._reader = Reader(self._source)
        self._names: dict[str, str] = {}
        for run in self._source.run_names():
            name = metadata.display_name(run)
            self._names[run if name in self._names else name] = run

    def __getitem__(self, name: str) -> Run:
        """The run of that name.

        Raises:
            UnknownNameError: if there is no such run; the message lists the nearest.
            SchemaError: if a newer version wrote all of the run.
        """
        if name not in self._names:
            raise UnknownNameError(no_such("run", name, tuple(self._names)))
        run = self._names[name]
        problems = [unreadable(tag) for tag in self._source.tags(run)]
        if problems and all(problems):
            raise SchemaError(f"run {name!r}: {problems[0]}")
        return Run(name, run, self._reader, self._source)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"<Log {self._log_dir!r}: {', '.join(self._names) or 'no runs with explanations'}>"


def open_log(log_dir: str | os.PathLike[str]) -> Log:
    """The runs below a log directory, every record, unsampled.

    Files are read when a run is first used and then kept: open the log again to see newer records.

    Raises:
        FileNotFoundError: if there is no such directory.
    """
    return Log(log_dir)
