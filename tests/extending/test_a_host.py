# SPDX-License-Identifier: Apache-2.0
"""A host of your own: what a trainer calls, turned into a session's begin, after_step and close."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from training import network, pictures

from tb_xai_callbacks.hosts.torch_session import TorchSession, numpy_of
from tb_xai_callbacks.options import Options
from tb_xai_callbacks.probe.choice import probe_from
from tb_xai_plugin import open_log


class Gym:
    """A made-up trainer with plug-ins: it calls `opened`, `stepped` and `closed` of each."""

    def __init__(self, model: nn.Module, batches: list[Any], plugins: list[Any]) -> None:
        self.model, self.batches, self.plugins = model, batches, plugins
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        self.steps = 0

    def run(self, steps: int) -> None:
        self._tell("opened")
        failed = True
        try:
            for images, labels in self._endless(steps):
                self.loss = functional.cross_entropy(self.model(images), labels)
                self.optimizer.zero_grad()
                self.loss.backward()
                self.optimizer.step()
                self.steps += 1
                self._tell("stepped")
            failed = False
        finally:
            self._tell("closed", failed)

    def _endless(self, steps: int) -> Iterator[Any]:
        return (self.batches[step % len(self.batches)] for step in range(steps))

    def _tell(self, what: str, *given: Any) -> None:
        for plugin in self.plugins:
            getattr(plugin, what)(self, *given)


class ExplainPlugin:
    """The host."""

    def __init__(self, log_dir: Path, **options: Any) -> None:
        self.log_dir, self.options = log_dir, Options.create(**options)

    def opened(self, gym: Gym) -> None:
        self.session = TorchSession(gym.model, [gym.optimizer], self.log_dir, "gym", self.options)
        images, labels = gym.batches[0]
        self.session.begin(lambda: probe_from(numpy_of(images), numpy_of(labels), self.options), gym.steps)

    def stepped(self, gym: Gym) -> None:
        self.session.after_step(gym.steps, gym.loss, self.session.rates)

    def closed(self, gym: Gym, failed: bool) -> None:
        self.session.close(failed)


def test_a_made_up_trainer_is_recorded_like_any_other(tmp_path):
    images, labels = pictures()
    batches = list(zip(images.split(16), labels.split(16), strict=True))
    Gym(network(), batches, [ExplainPlugin(tmp_path, max_overhead=None)]).run(20)
    run = open_log(tmp_path)["."]
    assert (run.status.state, run.status.host, run.status.step) == ("finished", "gym", 20)
    assert run.attributions(method="grad_cam").steps[[0, -1]].tolist() == [0, 20]
    assert run.layer_stats("gradient").steps[0] == 0
    assert len(run.scalars["loss"][1]) == 20
