# SPDX-License-Identifier: Apache-2.0
"""The services of one run, in one frozen object: what signals are given instead of eight arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tb_xai_callbacks.backends.contract import Layout, Observer
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.run.budget import Budget
from tb_xai_callbacks.run.guard import Guard
from tb_xai_callbacks.run.status import Status
from tb_xai_callbacks.settings import Settings
from tb_xai_plugin.format.records import Record

#: Makes the records of one step; runs on the sink's thread, so it may wait for a device.
MakeRecords = Callable[[], Iterable[Record]]


@dataclass(frozen=True)
class Run:
    """What everything that observes one run shares.

    Args:
        model: the model as its backend shows it.
        probe: the fixed samples; None where there are none.
        layout: what a dry run found out.
        settings: the user's options.
        status: the register of what is on, off and why, and of costs.
        budget: what is due, and what that costs.
        guard: what fails within `guard(name)` is switched off, and nothing else.
        put: queues what makes records: (step, name of the signal, function). What fails on the sink's
            thread switches off that name only.
    """

    model: Observer
    probe: ProbeSet | None
    layout: Layout
    settings: Settings
    status: Status
    budget: Budget
    guard: Guard
    put: Callable[[int, str, MakeRecords], None]
