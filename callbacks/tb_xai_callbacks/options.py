# SPDX-License-Identifier: Apache-2.0
"""The keyword-only options that all hosts share, checked at the door."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal, TypedDict

import numpy as np

from tb_xai_callbacks.attribution import AUTO, Method, methods_from
from tb_xai_callbacks.console import nearest
from tb_xai_callbacks.settings import Settings
from tb_xai_callbacks.signals import SIGNALS, Signal
from tb_xai_plugin.format.columns import Statistic
from tb_xai_plugin.format.records import Finding
from tb_xai_plugin.rules import Rule, rules_named


class OptionsDict(TypedDict, total=False):
    """The keyword-only options that all hosts share, as editors complete and check them. See `Options`."""

    num_samples: int
    class_names: Sequence[str] | None
    feature_names: Sequence[str] | None
    vocabulary: Sequence[str] | Mapping[int, str] | Callable[[int], str] | None
    regions: Any
    target_layers: str | Sequence[str]
    targets: str | int | Sequence[int] | Callable[[Any], Any]
    methods: str | Sequence[str | Method]
    signals: Sequence[str | Signal]
    statistics: Sequence[Statistic]
    log_every_n_steps: int | None
    explain_every_n_steps: int | None
    max_overhead: float | Literal["auto"] | None
    strict: bool
    output: str | int | Callable[[Any], Any] | None
    on_finding: Callable[[Finding], Any] | None
    rules: Sequence[str | Rule] | None


class Options(Settings):
    """`Settings` that were checked at the door."""

    @classmethod
    def create(cls, **options: Any) -> Options:
        """Options from a host's keywords.

        Raises:
            TypeError: for an unknown option, naming the nearest.
            ValueError: for a value that cannot be, saying what can.
        """
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise TypeError(f"unknown option {name!r}; nearest: {nearest(name, known)}")
        made = cls(**options)
        made._check()
        return made

    def _check(self) -> None:
        _positive("num_samples", self.num_samples)
        _positive("log_every_n_steps", self.log_every_n_steps)
        _positive("explain_every_n_steps", self.explain_every_n_steps)
        _sequence("signals", self.signals)
        _check_signals(self.signals)
        if self.methods != AUTO:
            _sequence("methods", self.methods)
        methods_from(self.methods)
        if self.rules is not None:
            _sequence("rules", self.rules)
            rules_named(self.rules)
        for statistic in self.statistics:
            if not isinstance(statistic, Statistic):
                raise ValueError(
                    f"statistics has {statistic!r}; expected format.columns.Statistic(signal, name, title, "
                    "meaning, compute=…)"
                )
        if not _are_targets(self.targets):
            raise ValueError(
                f'targets={self.targets!r}: expected "predicted", "label", a class index from 0, one per '
                "sample, or a function from the outputs to a score per sample"
            )
        self._check_overhead()

    def _check_overhead(self) -> None:
        share = self.max_overhead
        number = isinstance(share, (int, float)) and not isinstance(share, bool)
        if share not in (None, "auto") and not (number and 0 < float(share or 0) <= 1):
            raise ValueError(f'max_overhead={share!r}: expected a share in (0, 1], e.g. 0.05, "auto" or None')
        if number:
            object.__setattr__(self, "max_overhead", float(share or 0))


def _are_targets(targets: Any) -> bool:
    if isinstance(targets, str):
        return targets in ("predicted", "label")
    if callable(targets):
        return True
    try:
        classes = np.asarray(targets)
    except ValueError:  # lists of different lengths
        return False
    return classes.ndim <= 1 and classes.size > 0 and classes.dtype.kind in "iu" and classes.min() >= 0


def _positive(name: str, value: int | None) -> None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ValueError(f"{name}={value!r}: expected a whole number of at least 1")


def _sequence(option: str, given: Sequence[Any]) -> None:
    if isinstance(given, str):
        raise ValueError(f"{option}={given!r}: expected a tuple of names, e.g. ({given!r},)")


def _check_signals(given: Sequence[str | Signal]) -> None:
    known = [kind.name for kind in SIGNALS if kind.optional]
    taken = {kind.name for kind in SIGNALS}
    for signal in given:
        if isinstance(signal, Signal):
            if not signal.name or signal.name in taken:
                raise ValueError(
                    f"signals has a {type(signal).__name__} named {signal.name!r}; that name is taken: "
                    f"{', '.join(sorted(taken))}"
                )
            taken.add(signal.name)
        elif signal not in known:
            raise ValueError(
                f"signals has {signal!r}; known: {', '.join(known)}; or a tb_xai_callbacks.signals.Signal"
            )
