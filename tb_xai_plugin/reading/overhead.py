# SPDX-License-Identifier: Apache-2.0
"""What the recorder cost a run, in all, as its status has it."""

from __future__ import annotations

from dataclasses import dataclass

from tb_xai_plugin.format.records import Cost, RunStatus


@dataclass(frozen=True)
class Overhead:
    """What the recorder cost: `seconds` in all, beside `training_seconds`; `share` is their ratio.

    `skipped` counts observations put off to keep the budget, `dropped_records` what could not be written
    in time; `costs` has seconds and skipped of each part of the recorder.
    """

    seconds: float
    training_seconds: float
    skipped: int
    dropped_records: int
    costs: tuple[Cost, ...]

    @property
    def share(self) -> float:
        """Our seconds per second of training; NaN before training."""
        return self.seconds / self.training_seconds if self.training_seconds else float("nan")


def overhead(status: RunStatus | None) -> Overhead:
    """What the recorder cost so far; zeros before the first status."""
    if status is None:
        return Overhead(0.0, 0.0, 0, 0, ())
    return Overhead(
        seconds=sum(cost.seconds for cost in status.costs),
        training_seconds=status.training_seconds,
        skipped=sum(cost.skipped for cost in status.costs),
        dropped_records=status.dropped_records,
        costs=status.costs,
    )
