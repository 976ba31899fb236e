# SPDX-License-Identifier: Apache-2.0
"""One pass over the probe for all signals that are due; a pass each when that one fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tb_xai_callbacks.backends.contract import Capture, CaptureRequest
from tb_xai_callbacks.console import LOGGER
from tb_xai_callbacks.run.run import Run
from tb_xai_callbacks.signals.signal import Signal

#: A signal and what its pass brought; None where it needed none.
Brought = tuple[Signal, Capture | None]


def merged(requests: Sequence[CaptureRequest]) -> CaptureRequest:
    """One request that brings what all of them ask for."""
    return CaptureRequest(
        layers=tuple(dict.fromkeys(layer for request in requests for layer in request.layers)),
        choose=next((request.choose for request in requests if request.choose is not None), None),
        attention=any(request.attention for request in requests),
        statistics=frozenset().union(*(request.statistics for request in requests)),
    )


def probe_passes(run: Run, signals: Sequence[Signal]) -> Iterator[Brought]:
    """Each signal with what was captured for it; one that cannot be is off afterwards, and it alone."""
    asking: list[tuple[Signal, CaptureRequest]] = []
    for signal in signals:
        request = None
        with run.guard(signal.name):
            request = signal.request()
        if request is not None:
            asking.append((signal, request))
        elif not run.status.is_off(signal.name):
            yield signal, None
    if len(asking) > 1:
        try:
            capture = run.model.capture(merged([request for _, request in asking]))
        except Exception:
            if run.guard.strict:
                raise
            LOGGER.debug("the shared pass failed; one each", exc_info=True)
        else:
            yield from ((signal, capture) for signal, _ in asking)
            return
    for signal, request in asking:
        alone: Capture | None = None
        with run.guard(signal.name):
            alone = _alone(run, request)
        if alone is not None:
            yield signal, alone


def _alone(run: Run, request: CaptureRequest) -> Capture:
    """One signal's pass; where attention cannot be captured, what else it asked for."""
    try:
        return run.model.capture(request)
    except Exception:
        if run.guard.strict or not request.attention or request.choose is None:
            raise
        LOGGER.debug("a pass with attention failed; again without", exc_info=True)
        return run.model.capture(replace(request, attention=False))
