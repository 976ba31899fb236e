# SPDX-License-Identifier: Apache-2.0
"""What to log and when, as plain values: what every room below the hosts is given. `options` checks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tb_xai_plugin.format.records import Finding
from tb_xai_plugin.rules import Rule

#: `max_overhead="auto"`.
OVERHEAD = 0.05


@dataclass(frozen=True)
class Settings:
    """What to log and when. See `docs/options.md` for the meaning of each.

    Args:
        num_samples: samples of the probe.
        class_names: names by class index; default "class 3".
        feature_names: names of a table's columns.
        vocabulary: strings of tokens: a list by id, a dict, or a function of the id.
        regions: for each sample of the given probe boxes (x0, y0, x1, y1) in pixels, a mask [h w], or None.
        target_layers: "auto", a layer name, or names.
        targets: "predicted", "label", a class, a class per sample, or a function from the output tensor
            [n …] to the scores [n] that are explained.
        methods: attribution methods: names, or `attribution.Method`s of your own; "auto", alone or among
            them, is what suits the inputs.
        signals: which of activations, gradients, weights, attention, explanations; or `signals.Signal`s of
            your own.
        statistics: `format.columns.Statistic`s of your own: columns of activations, gradients or weights.
        log_every_n_steps: None thins out by itself.
        explain_every_n_steps: None is log-spaced.
        max_overhead: share of training time that the recorder may take. "auto": 5 % for what it schedules
            itself, while a schedule that you give is obeyed exactly; a share: everything keeps to it; None:
            no budget.
        strict: raise our own errors instead of switching the signal off. For tests.
        output: selects the tensor to explain from what the model returns: a key, an index or a function.
        on_finding: called with each new `Finding`, between two steps; what it raises ends training.
        rules: the rules of the diagnosis: names, or `rules.Rule`s of your own; None is all, () is none.
    """

    num_samples: int = 16
    class_names: Sequence[str] | None = None
    feature_names: Sequence[str] | None = None
    vocabulary: Sequence[str] | Mapping[int, str] | Callable[[int], str] | None = None
    regions: Any = None
    target_layers: str | Sequence[str] = "auto"
    targets: str | int | Sequence[int] | Callable[[Any], Any] = "predicted"
    methods: str | Sequence[Any] = "auto"
    signals: Sequence[Any] = ("activations", "gradients", "weights", "attention", "explanations")
    statistics: Sequence[Any] = ()
    log_every_n_steps: int | None = None
    explain_every_n_steps: int | None = None
    max_overhead: float | Literal["auto"] | None = "auto"
    strict: bool = False
    output: str | int | Callable[[Any], Any] | None = None
    on_finding: Callable[[Finding], Any] | None = None
    rules: Sequence[str | Rule] | None = None

    @property
    def overhead(self) -> float | None:
        """The share of training time that what we schedule ourselves may take; None: there is no budget."""
        return OVERHEAD if isinstance(self.max_overhead, str) else self.max_overhead

    @property
    def has_budget(self) -> bool:
        """Whether the user gave a budget, which then holds for the schedules that the user gave too."""
        return isinstance(self.max_overhead, float)

    def wants(self, signal: str) -> bool:
        """Whether the signal of that name was asked for."""
        return signal in self.signals
