# SPDX-License-Identifier: Apache-2.0
"""A signal of your own, with records of its own: a table of numbers that the tab draws under "More"."""

from collections.abc import Iterable

import numpy as np
import pytest
from training import train

from tb_xai_callbacks.backends.contract import Capture, CaptureRequest
from tb_xai_callbacks.signals import Signal
from tb_xai_plugin import open_log
from tb_xai_plugin.format.columns import NumbersKind
from tb_xai_plugin.format.records import Numbers, Record


class StableRank(Signal):
    """Stable rank ‖W‖²_F / ‖W‖²_2 of every matrix of weights: in how many directions it acts."""

    name = "stable_rank"
    kind = NumbersKind("stable_rank", "Stable rank", "‖W‖²_F / ‖W‖²_2: in how many directions a matrix acts.")

    def due(self, step: int) -> bool:
        """At every fourth step; without this, whenever explanations are due."""
        return step % 4 == 0

    def observe(self, step: int, capture: Capture | None) -> Iterable[Record]:
        """No pass over the probe is needed, so there is no `capture`."""
        ranks = {
            name: np.square(weights).sum() / np.linalg.norm(weights.reshape(len(weights), -1), 2) ** 2
            for name, weights in self.run.model.weights()
            if weights.ndim > 1
        }
        values = np.array(list(ranks.values()), np.float32)[:, None]
        yield Numbers(self.name, tuple(ranks), ("stable rank",), values)


class Agreement(Signal):
    """How alike the maps of a layer are: needs a pass, which it shares with all else that is due."""

    name = "agreement"
    kind = NumbersKind(
        "agreement", "Agreement of channels", "Mean correlation of a layer's channels.", scale="signed"
    )

    def request(self) -> CaptureRequest:
        """The output of the third layer."""
        return CaptureRequest(layers=("2",))

    def observe(self, step: int, capture: Capture | None) -> Iterable[Record]:
        """Of the activations [n c h w]."""
        maps = capture.activations["2"].transpose(1, 0, 2, 3).reshape(6, -1)
        yield Numbers(self.name, ("2",), ("correlation",), np.array([[np.corrcoef(maps).mean()]], np.float32))


class Broken(Agreement):
    """Asks for what is not there."""

    name = "broken"

    def request(self) -> CaptureRequest:
        """A layer that the model does not have."""
        return CaptureRequest(layers=("nowhere",))


class Unborn(StableRank):
    """Cannot even begin."""

    name = "unborn"

    def begin(self, run, peers):
        """Fails."""
        raise AttributeError("no such service")


ALL = ("activations", "gradients", "weights", "attention", "explanations")


def test_its_numbers_are_in_the_log(tmp_path):
    model = train(tmp_path, signals=(*ALL, StableRank(), Agreement()))
    run = open_log(tmp_path)["."]
    assert run.kinds == ("agreement", "stable_rank")
    ranks = run.numbers("stable_rank")
    assert ranks.steps.tolist() == [0, 4, 8, 12]
    matrix = model[0].weight.detach().numpy().reshape(4, -1)
    singular = np.linalg.svd(matrix, compute_uv=False)
    assert ranks.rows[0] == "0.weight"
    np.testing.assert_allclose(ranks.values[-1, 0, 0], (singular**2).sum() / singular[0] ** 2, rtol=1e-4)
    assert run.numbers("agreement").steps.tolist() == [0, 4, 8, 12]
    assert {signal.name: signal.state for signal in run.status.signals}["stable_rank"] == "captured"


def test_one_that_fails_takes_nothing_with_it(tmp_path):
    train(tmp_path, signals=(*ALL, Broken(), Unborn()))
    run = open_log(tmp_path)["."]
    states = {signal.name: signal.state for signal in run.status.signals}
    assert states["broken"] == states["unborn"] == "off"
    assert states["explanations"] == states["activations"] == "captured"
    assert run.attributions(method="grad_cam").steps.tolist() == [0, 4, 8, 12]


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_its_title_is_read_in_chromium(tmp_path):
    from server import tensorboard
    from test_tab import run_node

    train(tmp_path / "mine", signals=(*ALL, StableRank()))
    with tensorboard(tmp_path, runs=1) as url:
        run_node("extending", TAB_URL=url, TITLE="Stable rank", VIEW="more")
