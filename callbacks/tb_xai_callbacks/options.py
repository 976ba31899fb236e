# SPDX-License-Identifier: Apache-2.0
"""The keyword-only options that all hosts share, checked at the door."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from tb_xai_plugin.format.records import Finding
from tb_xai_plugin.rules import Rule

SIGNALS = ("activations", "gradients", "weights", "attention", "explanations")

#: Attribution methods that this version computes; `probes.methods` has them.
METHODS = (
    "grad_cam", "grad_cam_plus_plus", "hires_cam", "layer_cam", "xgrad_cam", "eigen_cam", "score_cam",
    "layer_conductance", "saliency", "input_x_gradient", "smooth_grad", "integrated_gradients",
    "guided_backprop", "occlusion", "attention_rollout", "gradient_rollout", "neuron_conductance",
    "deep_lift", "lrp", "feature_ablation", "kernel_shap", "lime",
)  # fmt: skip


def nearest(name: str, known: Sequence[str], count: int = 5) -> str:
    """The known names most like `name`, as a list for an error message."""
    close = difflib.get_close_matches(name, known, n=count, cutoff=0.3) or list(known)[:count]
    return ", ".join(repr(candidate) for candidate in close) or "none"


@dataclass(frozen=True)
class Options:
    """What to log and when. See the README for the meaning of each.

    Args:
        num_samples: samples of the probe.
        class_names: names by class index; default "class 3".
        feature_names: names of a table's columns.
        vocabulary: strings of tokens: a list by id, a dict, or a function of the id.
        regions: for each sample of the given probe boxes (x0, y0, x1, y1) in pixels, a mask [h w], or None.
        target_layers: "auto", a layer name, or names.
        targets: "predicted", "label", a class, a class per sample, or a function from the output tensor
            [n …] to the scores [n] that are explained.
        methods: attribution methods.
        signals: which of activations, gradients, weights, attention, explanations.
        log_every_n_steps: None thins out by itself.
        explain_every_n_steps: None is log-spaced.
        max_overhead: share of training time, None for no budget.
        strict: raise our own errors instead of switching the probe off. For tests.
        output: selects the tensor to explain from what the model returns: a key, an index or a function.
        on_finding: called with each new `Finding`, between two steps; what it raises ends training.
        rules: the rules of the diagnosis; None is `tb_xai_plugin.rules.RULES`, () is none.
    """

    num_samples: int = 16
    class_names: Sequence[str] | None = None
    feature_names: Sequence[str] | None = None
    vocabulary: Sequence[str] | Mapping[int, str] | Callable[[int], str] | None = None
    regions: Any = None
    target_layers: str | Sequence[str] = "auto"
    targets: str | int | Sequence[int] | Callable[[Any], Any] = "predicted"
    methods: Sequence[str] = ("grad_cam",)
    signals: Sequence[str] = SIGNALS
    log_every_n_steps: int | None = None
    explain_every_n_steps: int | None = None
    max_overhead: float | None = 0.05
    strict: bool = False
    output: str | int | Callable[[Any], Any] | None = None
    on_finding: Callable[[Finding], Any] | None = None
    rules: Sequence[Rule] | None = None

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
        _names("signals", self.signals, SIGNALS)
        _names("methods", self.methods, METHODS)
        if not _are_targets(self.targets):
            raise ValueError(
                f'targets={self.targets!r}: expected "predicted", "label", a class index from 0, one per '
                "sample, or a function from the outputs to a score per sample"
            )
        if self.max_overhead is not None and not 0 < self.max_overhead <= 1:
            raise ValueError(
                f"max_overhead={self.max_overhead}: expected a share in (0, 1], e.g. 0.05, or None"
            )


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


def _names(option: str, given: Sequence[str], known: Sequence[str]) -> None:
    if isinstance(given, str):
        raise ValueError(f"{option}={given!r}: expected a tuple of names, e.g. ({given!r},)")
    for name in given:
        if name not in known:
            raise ValueError(f"{option} has {name!r}; known: {', '.join(known)}")
