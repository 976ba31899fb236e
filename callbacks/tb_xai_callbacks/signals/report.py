# SPDX-License-Identifier: Apache-2.0
"""What a run says of itself: what all records refer to when it opens, and how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tb_xai_callbacks.run import schedule
from tb_xai_callbacks.run.run import Run
from tb_xai_callbacks.signals.signal import Signal
from tb_xai_plugin.format.records import Descriptions, Record, RunStatus

#: Layers that never run and are told one by one.
MOST_TOLD = 20


def tell_gaps(run: Run, signals: Sequence[Signal]) -> None:
    """What is off from the start, and why: on the console once, in the tab for ever."""
    if run.probe is not None:
        for problem in run.probe.problems:
            run.status.notice("warning", "probe", problem)
    for name, absence in run.model.missing.items():
        if not run.status.is_off(name.partition("/")[0]):  # "gradients/layers" is a part of a signal
            run.status.off(name, absence.reason, absence.remedy)
            run.status.notice(absence.level, name, f"off: {absence.reason}")
    for signal in signals:
        if not run.status.is_off(signal.name):
            with run.guard(signal.name):
                found = signal.absent(run.layout, run.probe)
                if found is not None:
                    run.status.off(signal.name, found.reason, found.remedy)
    for layer in run.layout.table.never_executed[:MOST_TOLD]:
        run.status.notice("info", layer, "the forward pass never runs this layer")


def opening_records(run: Run, signals: Sequence[Signal]) -> list[Record]:
    """The records that all others refer to: names, samples with their grid of patches, descriptions."""
    found: list[Record] = [run.layout.table, descriptions(signals)]
    auto = run.layout.auto
    if run.probe is not None:
        probe = run.probe.record(run.layout.features_first)
        if auto is not None and auto.grid:
            probe = replace(probe, patch_grid=auto.grid, prefix_tokens=auto.prefix_tokens)
        found.append(probe)
    return found


def descriptions(signals: Sequence[Signal]) -> Descriptions:
    """What everything in the log is called and means."""
    parts = [signal.describe() for signal in signals]
    return Descriptions(
        methods=tuple(one for part in parts for one in part.methods),
        columns=tuple(one for part in parts for one in part.columns),
        kinds=tuple(one for part in parts for one in part.kinds),
    )


@dataclass(frozen=True)
class Standing:
    """How the run stands, beside what its services know: running, finished or failed; who drives it; what
    the sink had to drop."""

    state: str
    host: str
    dropped_records: int


def status_record(run: Run, signals: Sequence[Signal], standing: Standing) -> RunStatus:
    """The status as it is now."""
    told, notices, costs = run.status.contents()
    step = run.status.step
    status = RunStatus(
        state=standing.state,
        host=standing.host,
        backend=run.model.backend,
        versions=run.model.versions,
        step=step,
        signals=told,
        notices=notices,
        costs=costs,
        training_seconds=run.budget.training_seconds(),
        max_overhead=run.budget.share or 0.0,
        dropped_records=standing.dropped_records,
        next_log_step=schedule.next_due(run.budget.log.due, step),
        next_explain_step=schedule.next_due(run.budget.explain.due, step),
        log_every_n_steps=run.settings.log_every_n_steps or 0,
    )
    for signal in signals:
        status = signal.complete(status)
    return status
