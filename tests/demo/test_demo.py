# SPDX-License-Identifier: Apache-2.0
"""The demo does what the README shows: one run learns, in one a layer dies, one learns a shortcut."""

import io

import numpy as np
import pytest

from tb_xai_callbacks.demo.progress import Progress
from tb_xai_callbacks.demo.run import PURPOSES, free_port, train_all
from tb_xai_callbacks.demo.shapes import COLOURS, SIDE, TAG, shapes, tagged
from tb_xai_callbacks.demo.shortcut import ONSET
from tb_xai_callbacks.demo.shortcut import STEPS as SHAPES_STEPS
from tb_xai_callbacks.demo.train import FAULT_STEP, FAULT_STEPS, STEPS
from tb_xai_plugin import open_log


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("demo")
    train_all(made)
    return made


@pytest.fixture(scope="module")
def log(folder):
    return open_log(folder)


@pytest.mark.slow
def test_the_healthy_run_has_films_and_attention(log):
    run = log["healthy"]
    for layer in ("relu1", "relu2"):
        maps = run.attributions(method="grad_cam", layer=layer)
        assert maps.heat.shape[1:] == (16, 8, 8)
        assert len(maps.steps) >= 12
        assert (maps.steps[0], maps.steps[-1]) == (0, STEPS)
    weights = run.attention().weights
    assert weights.shape[1:] == (16, 4, 16, 16)
    np.testing.assert_allclose(weights.sum(-1), 1, atol=5e-3)
    assert run.attributions(layer="relu2").scores[-1].mean() > 0.6
    dead = run.layer_stats("activation").column("dead_fraction")
    assert np.nanmax(dead) < 0.5


@pytest.mark.slow
def test_the_dying_run_dies_in_the_second_relu_after_the_fault(log):
    run = log["dying"]
    stats = run.layer_stats("activation")
    dead = stats.column("dead_fraction")[:, stats.layers.index("relu2")]
    before = stats.steps <= FAULT_STEP
    after = stats.steps >= FAULT_STEP + FAULT_STEPS + 30
    assert dead[before].max() < 0.5
    assert dead[after].min() >= 0.9
    alive = stats.column("dead_fraction")[:, stats.layers.index("relu1")]
    assert alive.max() < 0.6


@pytest.mark.slow
def test_the_diagnosis_names_the_dead_layer_within_50_steps_and_nothing_in_the_healthy_run(log):
    assert not [f for f in log["healthy"].findings if f.severity != "info"]
    found = {finding.key: finding for finding in log["dying"].findings}
    dead = found["dead_layer@relu2"]
    assert dead.severity == "error"
    assert FAULT_STEP <= dead.first_step <= FAULT_STEP + 50
    assert "conv2.bias" in dead.cause
    first = log["dying"].findings[0]  # the layer, or the step that killed it
    assert first.key == dead.key or (first.rule == "update_ratio_high" and dead.root == first.key)
    rules = {cost.name: cost.seconds for cost in log["dying"].overhead.costs}
    assert rules["rules"] > 0


@pytest.mark.slow
def test_the_shortcut_is_found_and_dated_within_15_percent_of_the_run_after_its_onset(log):
    run = log["shortcut"]
    (finding,) = [found for found in run.findings if found.rule == "looks_elsewhere"]
    assert finding.severity == "warning"
    assert finding == run.findings[0]
    assert ONSET < finding.first_step <= ONSET + 0.15 * SHAPES_STEPS
    assert finding.value < 0.15
    assert [f.key for f in run.diagnose().findings if f.rule == "looks_elsewhere"] == [finding.key]
    for other in ("healthy", "dying"):
        assert not [f.key for f in log[other].findings if f.family == "explanations"]


@pytest.mark.slow
def test_the_film_of_the_shortcut_walks_from_the_shape_to_the_tag(log):
    run = log["shortcut"]
    maps = run.attributions()
    corner = maps.heat[:, :, :4, :4].sum((2, 3)) / maps.heat.sum((2, 3)).clip(1e-9)
    assert len(maps.steps) >= 12
    before = (maps.steps > ONSET / 2) & (maps.steps <= ONSET)
    assert corner[before].mean() < 0.2
    assert corner[-1].mean() > 0.5
    assert (maps.predictions[-1] == run.probe.labels).all()


@pytest.mark.slow
def test_the_logs_are_small(folder):
    assert sum(path.stat().st_size for path in folder.rglob("*.tfevents.*")) < 10e6


@pytest.mark.slow
def test_training_twice_does_not_mix_runs(tmp_path):
    for _ in range(2):
        train_all(tmp_path, steps=3)
    assert sorted(open_log(tmp_path)) == sorted(PURPOSES)
    assert len(list((tmp_path / "healthy" / "xai").iterdir())) == 1


def test_a_shape_lies_in_its_box_and_off_its_tag():
    made = shapes(60, seed=3)
    says = (made.labels + 1) % 3
    pictures = tagged(made.pictures, says)
    assert pictures.shape == (60, SIDE, SIDE, 3)
    assert (pictures >= 0).all()
    assert (pictures <= 1).all()
    np.testing.assert_array_equal(
        pictures[:, TAG, TAG], np.broadcast_to(COLOURS[says][:, None, None], (60, 6, 6, 3))
    )
    x0, y0, x1, y1 = made.boxes.T
    assert ((x0 >= TAG.stop) | (y0 >= TAG.stop)).all()
    assert ((x1 - x0 >= 8) & (y1 - y0 >= 8) & (x1 <= SIDE) & (y1 <= SIDE)).all()
    again = shapes(60, seed=3)
    np.testing.assert_array_equal(made.pictures, again.pictures)


def test_progress_says_how_far_and_how_long():
    stream = io.StringIO()
    bar = Progress("training", 20, stream)
    for _ in range(20):
        bar.tick()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert "50%" in lines[4]
    assert "left" in lines[4]
    assert "100%" in lines[-1]


def test_a_taken_port_is_passed_over():
    import socket

    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) > port
