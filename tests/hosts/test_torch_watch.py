"""`watch` from the user's side: what is logged, and what bad input gets."""

import logging

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch_models import ClosedForm, NormDrop, count_hooks, data

from tb_xai_callbacks.torch import watch
from tb_xai_plugin import open_log

ALL = {"log_every_n_steps": 1, "explain_every_n_steps": 1, "max_overhead": None}


def train(log_dir, model=None, steps=4, probe=None, x=None, **options):
    model = NormDrop() if model is None else model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    given, y = data()
    x = given if x is None else x
    with watch(model, optimizer, log_dir=log_dir, probe=probe, **{**ALL, **options}) as explain:
        for _ in range(steps):
            loss = functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            explain.step(loss=loss)
    assert count_hooks(model) == 0
    return open_log(log_dir)["."]


def test_every_signal_from_before_the_first_step_to_after_the_last(tmp_path):
    run = train(tmp_path, probe=data(), strict=True, class_names=["a", "b", "c"])
    assert run.layer_stats("activation").steps.tolist() == [0, 1, 2, 3, 4]
    assert run.layer_stats("gradient").steps.tolist() == [0, 1, 2, 3]
    assert run.layer_stats("weight").steps.tolist() == [0, 1, 2, 3, 4]
    maps = run.attributions(method="grad_cam")
    assert maps.steps.tolist() == [0, 1, 2, 3, 4]
    assert np.isfinite(maps.heat).all()
    assert run.probe.labels is not None


def test_without_a_probe_the_first_batch_is_one(tmp_path):
    run = train(tmp_path, strict=True)
    assert run.layer_stats("activation").steps.tolist() == [0, 1, 2, 3, 4]
    assert run.attributions(method="grad_cam").steps.tolist() == [0, 1, 2, 3, 4]


def test_a_probe_that_the_model_cannot_take_loses_nothing(tmp_path, caplog):
    run = train(tmp_path, probe=torch.zeros(3, 5))
    assert "shape [3, 5]" in caplog.text
    assert run.attributions(method="grad_cam").steps.tolist() == [0, 1, 2, 3, 4]


def test_labels_out_of_range_are_ignored_with_one_warning(tmp_path, caplog):
    run = train(tmp_path, probe=(data()[0], torch.full((12,), 7)), targets="label")
    assert caplog.text.count("labels go up to 7") == 1
    assert run.probe.labels is None
    assert run.attributions(method="grad_cam").steps.tolist() == [0, 1, 2, 3, 4]


def test_a_model_without_maps_is_logged_with_one_warning(tmp_path, caplog):
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    with caplog.at_level(logging.WARNING, "tb_xai"):
        run = train(tmp_path, model, probe=data(), methods=("grad_cam",))
    assert len(caplog.records) == 1
    assert "rows and columns" in caplog.text
    assert run.layer_stats("gradient").steps.tolist() == [0, 1, 2, 3]


def test_a_compiled_model_is_watched_on_the_probe(tmp_path):
    model = torch.compile(ClosedForm(), backend="eager")
    run = train(tmp_path, model, probe=data(), strict=True)
    assert run.layer_stats("activation").source == "probe"
    assert run.attributions(method="grad_cam").steps.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("probe", [None, (data()[0], data()[1])])
def test_wrong_layer_names_are_refused_with_the_nearest(tmp_path, probe):
    model = NormDrop()
    with pytest.raises(ValueError, match="conv2"):
        watch(model, log_dir=tmp_path, probe=probe, target_layers="conv3")
    assert count_hooks(model) == 0


def test_wrong_options_and_empty_probes_are_refused(tmp_path):
    with pytest.raises(TypeError, match="num_samples"):
        watch(NormDrop(), log_dir=tmp_path, num_sample=3)
    with pytest.raises(ValueError, match="at least one sample"):
        watch(NormDrop(), log_dir=tmp_path, probe=torch.zeros(0, 1, 6, 6))
    with pytest.raises(ValueError, match="one label a sample"):
        watch(NormDrop(), log_dir=tmp_path, probe=(data()[0], torch.zeros(3)))


def test_a_directory_that_cannot_be_written_only_warns(tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("")
    model, (x, y) = NormDrop(), data()
    with watch(model, log_dir=blocked, probe=(x, y)) as explain:
        model(x).sum().backward()
        explain.step()
    assert "event file" in caplog.text
    assert count_hooks(model) == 0


def test_keywords_are_the_probe_and_flags_are_kept(tmp_path):
    class Keywords(ClosedForm):
        def forward(self, *, images, flag, mask=None):
            assert flag is True
            return super().forward(images)

    model, (x, _) = Keywords(), data()
    with watch(model, log_dir=tmp_path, strict=True, **ALL) as explain:
        model(images=x, flag=True, mask=None).sum().backward()
        explain.step()
    assert open_log(tmp_path)["."].attributions(method="grad_cam").steps.tolist() == [0, 1]


def test_it_works_without_with_and_may_be_closed_twice(tmp_path):
    model, (x, y) = NormDrop(), data()
    explain = watch(model, log_dir=tmp_path, probe=(x, y), **ALL)
    model(x).sum().backward()
    explain.step(loss=1.0)
    explain.close()
    explain.close()
    explain.step()
    assert open_log(tmp_path)["."].layer_stats("weight_gradient").steps.tolist() == [0]


def test_two_watches_at_once_do_not_disturb_each_other(tmp_path):
    original = torch.amp.GradScaler.scale
    (x, y), models = data(), [NormDrop(), NormDrop()]
    first, second = [watch(m, log_dir=tmp_path / str(i), probe=(x, y)) for i, m in enumerate(models)]
    first.close()
    second.close()
    assert torch.amp.GradScaler.scale is original


def test_the_log_says_why_a_signal_is_not_there(tmp_path):
    model = nn.Sequential(nn.Linear(4, 3))
    options = {"probe": torch.randn(4, 4), "methods": ("grad_cam",)}
    with watch(model, log_dir=tmp_path / "a", **options) as explain:
        model(torch.randn(4, 4)).sum().backward()
        explain.step()
    run = open_log(tmp_path)["a"]
    with pytest.raises(KeyError, match=r"run 'a' has no attention: .*scaled_dot_product_attention"):
        run.attention()
    with pytest.raises(KeyError, match=r"run 'a' has no explanations: .*rows and columns"):
        run.attributions()
