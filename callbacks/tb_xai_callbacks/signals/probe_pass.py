# SPDX-License-Identifier: Apache-2.0
"""Passes over the probe: one for everything, so that signals share it; apart when that one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tb_xai_callbacks.backends.contract import Capture, CaptureRequest, Observer
from tb_xai_callbacks.console import LOGGER, sentence
from tb_xai_callbacks.measure.scores import Selection
from tb_xai_callbacks.run.guard import Guard


class ProbePasses:
    """Runs the probe.

    Args:
        observer: the model.
        guard: switches off what fails.
        choose: from outputs [n, …] to what is explained.
        layers: the layers that are explained.
    """

    def __init__(
        self,
        observer: Observer,
        guard: Guard,
        choose: Callable[[np.ndarray], Selection],
        layers: Sequence[str],
    ) -> None:
        self.observer = observer
        self.guard = guard
        self.choose = choose
        self.layers = tuple(layers)

    def run(self, explain: bool, attend: bool, statistics: bool) -> Iterator[Capture]:
        """One pass for everything; if it fails, one pass each, so that one cannot take the other down."""
        if not (explain or attend or statistics):
            return
        try:
            yield self.observer.capture(self._request(explain, attend, statistics))
            return
        except Exception as error:
            if self.guard.strict:
                raise
            LOGGER.debug("capture failed", exc_info=True)
            if explain != attend:
                self.guard.switch_off("explanations" if explain else "attention", sentence(error))
                return
        for name, request in (
            ("explanations", self._request(True, False, False)),
            ("attention", self._request(False, True, False)),
        ):
            with self.guard(name):
                yield self.observer.capture(request)

    def _request(self, explain: bool, attend: bool, statistics: bool) -> CaptureRequest:
        if not explain:
            return CaptureRequest(attention=attend, statistics=statistics)
        return CaptureRequest(self.layers, self.choose, attention=attend, statistics=statistics)
