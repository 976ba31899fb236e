# SPDX-License-Identifier: Apache-2.0
"""An attribution method of your own: asked for beside ours, explained in the tab by its own words."""

import numpy as np
import pytest
from training import pictures, train

from tb_xai_callbacks.attribution import Method, Question
from tb_xai_callbacks.backends.contract import TargetLayer
from tb_xai_plugin import open_log


def gradient_times_deviation(question: Question, layer: TargetLayer | None) -> np.ndarray:
    """Gradient × (input − its own mean) → [n h w]: what each pixel adds beyond a flat picture."""
    inputs = question.inputs
    deviation = inputs - inputs.mean(axis=(1, 2, 3), keepdims=True)
    return (question.gradient_at(inputs) * deviation).sum(axis=1)


MINE = Method(
    "input_x_deviation", "Gradient × deviation", "What a pixel adds beyond a picture of the same mean.",
    how=gradient_times_deviation, signed=True, source="Baseline of Sturmfels et al. 2020",
)  # fmt: skip


def test_it_is_logged_beside_ours(tmp_path):
    train(tmp_path, methods=("grad_cam", MINE))
    run = open_log(tmp_path)["."]
    assert run.methods == ("grad_cam", "input_x_deviation")
    maps = run.attributions(method="input_x_deviation")
    assert maps.heat.shape == (4, 9, 8, 8)
    assert maps.steps.tolist() == [0, 4, 8, 12]
    images = pictures()[0][:9].numpy()
    flat = images.mean(axis=(1, 2, 3))
    bright = images[:, 0] > flat[:, None, None]
    assert np.isfinite(maps.heat).all()
    assert not np.allclose(maps.heat[-1][bright], 0)
    described = {method.name: method for method in run.descriptions.methods}
    assert described["input_x_deviation"].title == "Gradient × deviation"
    assert described["grad_cam"].explains == "layer"
    assert "deletion" in run.trust("input_x_deviation").measures


def test_one_that_fails_is_off_by_itself(tmp_path):
    def cannot(question: Question, layer: TargetLayer | None) -> np.ndarray:
        raise ValueError("there is nothing to say about this network")

    train(tmp_path, methods=("grad_cam", Method("mute", "Mute", "Says nothing.", how=cannot)))
    run = open_log(tmp_path)["."]
    assert run.methods == ("grad_cam",)
    states = {signal.name: (signal.state, signal.reason) for signal in run.status.signals}
    assert states["explanations/mute"] == ("off", "there is nothing to say about this network")
    assert states["explanations"][0] == "captured"


def test_a_name_of_ours_is_taken(tmp_path):
    with pytest.raises(ValueError, match="two that are named 'grad_cam'"):
        train(
            tmp_path, methods=("grad_cam", Method("grad_cam", "Mine", "Mine.", how=gradient_times_deviation))
        )


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_its_title_is_read_in_chromium(tmp_path):
    from server import tensorboard
    from test_tab import run_node

    train(tmp_path / "mine", methods=("grad_cam", MINE))
    with tensorboard(tmp_path, runs=1) as url:
        run_node("extending", TAB_URL=url, TITLE="Gradient × deviation", VIEW="explanations")
