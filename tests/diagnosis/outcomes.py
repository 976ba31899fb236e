# SPDX-License-Identifier: Apache-2.0
"""What a training run came to, and what that makes of it: healthy, faulty or harmless.

Programs are labelled by outcome, seed by seed, because a fault does not always do harm: one published
script ends in dying ReLU in half of its runs (RULES §2).

A run *fails* if a loss or an output of it is not finite, or if its validation score is more than `MARGIN`
below that of its healthy reference with the same seed, which has the same split of the data. A run of a
faulty program that fails is `FAULTY`, one that does not is `HARMLESS`: flagging it or not counts neither
way. A run of a healthy program that reaches the score it states is `HEALTHY`, one that does not is `UNFIT`,
and is left out of the count as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Accuracy points (0.1 is 10 points) or R², below the reference.
MARGIN = 0.1

HEALTHY, UNFIT, FAULTY, HARMLESS = "healthy", "unfit", "faulty", "harmless"


@dataclass(frozen=True)
class Outcome:
    """How one run ended.

    Args:
        losses: training loss of every optimiser step, as the user saw it.
        base_loss: loss of the best constant prediction on the training targets.
        score: on the validation data in eval mode: accuracy in 0..1 or R²; NaN if outputs are not finite.
        score_name: "accuracy" or "R²".
    """

    losses: tuple[float, ...]
    base_loss: float
    score: float
    score_name: str

    @property
    def steps(self) -> int:
        """Optimiser steps done."""
        return len(self.losses)

    @property
    def final_loss(self) -> float:
        """Mean training loss of the last 100 steps."""
        last = self.losses[-100:]
        return sum(last) / len(last)

    @property
    def loss_range(self) -> tuple[float, float]:
        """The smallest and the largest training loss."""
        return min(self.losses), max(self.losses)

    @property
    def finite(self) -> bool:
        """No loss and no output was NaN or infinite."""
        return math.isfinite(self.score) and all(map(math.isfinite, self.losses))


def fails(outcome: Outcome, reference: Outcome) -> bool:
    """Whether the run is clearly worse than the healthy one."""
    return not outcome.finite or outcome.score < reference.score - MARGIN


def label_faulty(outcome: Outcome, reference: Outcome) -> str:
    """The label of a run of a program that has a fault."""
    return FAULTY if fails(outcome, reference) else HARMLESS


def label_healthy(outcome: Outcome, good_score: float) -> str:
    """The label of a run of a program without a fault."""
    return HEALTHY if outcome.finite and outcome.score >= good_score else UNFIT
