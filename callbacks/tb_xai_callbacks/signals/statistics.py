# SPDX-License-Identifier: Apache-2.0
"""Statistics, histograms and live units of layers and weights: from a backend's reductions to records.

Where training can be observed they are of the training step; elsewhere of a pass over the probe, which they
share with whatever else is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from tb_xai_callbacks.backends.contract import Capture, CaptureRequest, Pending, Reduction
from tb_xai_callbacks.run.run import Run
from tb_xai_callbacks.signals.signal import Signal
from tb_xai_plugin.format import records
from tb_xai_plugin.format.columns import Statistic, columns_of
from tb_xai_plugin.format.records import ColumnDescription, Descriptions, Record


class Statistics(Signal):
    """One of the signals that record reductions."""

    #: Reductions that a pass over the probe can bring.
    on_probe: tuple[str, ...] = ()

    def begin(self, run: Run, peers: Mapping[str, Signal]) -> None:
        """See `Signal.begin`."""
        super().begin(run, peers)
        self._observed = -1
        self._own = [one for one in run.settings.statistics if one.signal in self.reductions]

    def describe(self) -> Descriptions:
        """The user's own columns."""
        return Descriptions(columns=tuple(_description(one) for one in self._own))

    def request(self) -> CaptureRequest | None:
        """See `Signal.request`: nothing where training is observed, or was at this step, or cannot be."""
        run = self.run
        if run.model.observes_training or not self.on_probe or self._observed == run.status.step:
            return None
        if run.probe is None or run.status.is_off(f"{self.name}/layers"):
            return None
        return CaptureRequest(statistics=frozenset(self.on_probe))

    def observe(self, step: int, capture: Capture | None) -> Iterable[Record]:
        """See `Signal.observe`."""
        if capture is None:
            return ()
        self._observed = step
        return self._all_reduced(
            [capture.statistics[name] for name in self.on_probe if name in capture.statistics]
        )

    def _all_reduced(self, pending: Iterable[Pending]) -> Iterator[Record]:
        for resolve in pending:
            for reduction in resolve():
                yield from self.reduced(reduction)

    def reduced(self, reduction: Reduction) -> Iterator[Record]:
        """LayerStats, Histograms and UnitCounts of a reduction; on the sink's thread."""
        table = self.run.layout.table.id
        columns, values = self._with_own(reduction)
        yield records.LayerStats(
            signal=reduction.signal,
            source=reduction.source,
            num_samples=reduction.num_samples,
            table=table,
            columns=columns,
            values=values,
        )
        if reduction.counts is not None:
            yield records.Histograms(
                signal=reduction.signal,
                source=reduction.source,
                num_samples=reduction.num_samples,
                table=table,
                counts=reduction.counts,
            )
        if reduction.live is not None:
            yield records.UnitCounts(
                source=reduction.source, num_samples=reduction.num_samples, table=table, live=reduction.live
            )

    # ---- a user's own columns

    def _with_own(self, reduction: Reduction) -> tuple[tuple[str, ...], np.ndarray]:
        own = [one for one in self._own if one.signal == reduction.signal]
        names = columns_of(reduction.signal, own)
        if not own or reduction.arrays is None:
            return names[: reduction.values.shape[1]], reduction.values
        made = np.stack([self._computed(one, reduction.arrays) for one in own], axis=1)
        return names, np.concatenate([reduction.values, made], axis=1)

    def _computed(self, statistic: Statistic, arrays: tuple[np.ndarray | None, ...]) -> np.ndarray:
        """The statistic of every row, float32 [rows]; NaN for all once it failed, and then it is off."""
        name, found = f"statistics/{statistic.name}", np.full(len(arrays), np.nan, np.float32)
        if not self.run.status.is_off(name):
            with self.run.guard(name):
                for row, array in enumerate(arrays):
                    if array is not None:
                        found[row] = statistic.compute(array)
                return found
        return np.full(len(arrays), np.nan, np.float32)


class Activations(Statistics):
    """Statistics of the layers' outputs."""

    name = "activations"
    reductions = on_probe = ("activation",)


class Gradients(Statistics):
    """Statistics of the loss's gradients at the layers and at the weights."""

    name = "gradients"
    reductions = on_probe = ("gradient", "weight_gradient")


class Weights(Statistics):
    """Statistics of the weights, and how far a step moves them."""

    name = "weights"
    reductions = ("weight",)


def _description(own: Statistic) -> ColumnDescription:
    return ColumnDescription(
        own.signal, own.name, own.title, own.unit, own.meaning, own.scale, own.low, own.high, own.low_is_bad,
        own.key,
    )  # fmt: skip
