# SPDX-License-Identifier: Apache-2.0
"""Rules on attention: heads that look at one token only, and heads that look everywhere alike."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tb_xai_plugin.rules.evidence import Evidence
from tb_xai_plugin.rules.rule import INFO, WARNING, Symptom, rule


@rule("attention", WARNING, needs=("heads",), min_steps=5, leads_to=("dying_layer",), spreads=True)
def attention_collapse(evidence: Evidence, *, low: float = 0.05, heads: float = 0.9) -> Iterator[Symptom]:
    """90 % of a layer's heads have an entropy below 5 % of ln(keys), twice running: they look at one token.

    Entropy collapse goes with unstable training (Zhai et al., ICML 2023). Single sharp heads are usual.
    """
    for layer, normalised in _entropies(evidence):
        sharp = (normalised < low).mean(axis=1)
        if sharp.min() >= heads:
            yield Symptom(
                layer, float(np.nanmean(normalised[-1])), low, "entropy of attention over ln(keys)",
                f"the attention of {layer} collapsed",
                f"{sharp[-1]:.0%} of the heads of {layer} give all their weight to one token each",
                "attention logits have grown so large that the softmax is flat at 0 and 1",
                "Lower or warm up the learning rate, normalise queries and keys (QK-norm).",
                severity=INFO if evidence.learns() else "",
            )  # fmt: skip


@rule("attention", INFO, needs=("heads",), min_steps=200, told_before=("lagging_layer",))
def dead_head(evidence: Evidence, *, high: float = 0.995) -> Iterator[Symptom]:
    """A head's entropy is above 99.5 % of ln(keys) after 200 steps: it averages all tokens."""
    for layer, normalised in _entropies(evidence):
        uniform = np.flatnonzero((normalised > high).all(axis=0))
        if len(uniform):
            yield Symptom(
                layer, float(len(uniform)), 0.0, "heads that look everywhere alike", f"heads of {layer} are uniform",
                f"{len(uniform)} of {normalised.shape[1]} heads of {layer} give every token the same weight",
                "the head has not learned to tell tokens apart, or is not needed",
                "Nothing if training goes well; else fewer heads, or a longer training.", severity=INFO,
            )  # fmt: skip


def _entropies(evidence: Evidence) -> Iterator[tuple[str, np.ndarray]]:
    """(layer, [2 heads] of the two latest snapshots, as a share of ln(keys))."""
    for layer, (keys, trail) in evidence.heads.items():
        if keys > 2 and trail.count >= 2:
            yield layer, trail.values[-2:] / np.log(keys)
