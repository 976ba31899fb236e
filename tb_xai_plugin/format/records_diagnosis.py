# SPDX-License-Identifier: Apache-2.0
"""Records of the diagnosis: what is trained on what, the loss of every step, what rules found."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class LossTrace:
    """The loss of every optimiser step since the last trace: `values` float32 [k].

    Value i is the loss of the batch that ran on the weights after `first_step` + i updates.
    """

    first_step: int
    values: np.ndarray


@dataclass(frozen=True)
class Setup:
    """What is trained on what, as far as it is known; the latest one counts.

    `link` is what the loss applies to the outputs before it compares them, `base_loss` the loss of the
    best constant prediction on the `num_samples` samples of the check-up. Feature figures are of their
    inputs: root mean squares of single features (channels of images), the largest and the median.
    """

    task: str = ""
    loss: str = ""
    reduction: str = ""
    head: str = ""
    link: str = ""
    output_shape: tuple[int, ...] = ()
    broadcast_shape: tuple[int, ...] = ()
    optimizer: str = ""
    options: dict[str, float] = field(default_factory=dict)
    num_samples: int = 0
    class_counts: tuple[int, ...] = ()
    target_low: float = np.nan
    target_high: float = np.nan
    target_mean: float = np.nan
    target_std: float = np.nan
    base_loss: float = np.nan
    feature_rms_max: float = np.nan
    feature_rms_median: float = np.nan
    input_low: float = np.nan
    input_high: float = np.nan
    normalises: bool = False
    hidden_softmax: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """A rule that fired: what, where, since which step, on what evidence, what to do.

    `layer` is a layer or a parameter, "" for the whole network. `last_step` is the last step at which it
    was seen to hold. `value` and `threshold` are of `statistic`. `root` names the finding that this one
    follows from (its `key`), "" where it stands for itself.
    """

    rule: str
    severity: str
    layer: str
    first_step: int
    last_step: int
    value: float
    threshold: float
    message: str
    advice: str
    family: str = ""
    title: str = ""
    cause: str = ""
    root: str = ""
    statistic: str = ""

    @property
    def key(self) -> str:
        """RULE@LAYER, or RULE where it is of the whole network."""
        return f"{self.rule}@{self.layer}" if self.layer else self.rule


@dataclass(frozen=True)
class RuleState:
    """A rule: watching, waiting for data, or off, with the reason; `definition` says what it looks for."""

    rule: str
    family: str
    state: str
    reason: str
    definition: str


@dataclass(frozen=True)
class Findings:
    """All findings of a run so far, worst first, and all rules; the latest record counts."""

    findings: tuple[Finding, ...] = field(default=())
    rules: tuple[RuleState, ...] = field(default=())
    step: int = 0
