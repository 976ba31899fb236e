# SPDX-License-Identifier: Apache-2.0
"""Regions, names of features and strings of tokens: from the options into the log, and into trust."""

import lightning
import numpy as np
import pytest
import torch
from torch import nn
from torch_models import seed_all

from tb_xai_callbacks.lightning import ExplainCallback
from tb_xai_callbacks.measure import trust
from tb_xai_callbacks.torch import watch
from tb_xai_plugin import open_log


def network():
    seed_all()
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )


def logged(model, probe, log_dir, **options):
    with watch(model, log_dir=log_dir, probe=probe, strict=True, max_overhead=None, **options) as explain:
        explain.snapshot()
    (run,) = open_log(log_dir).values()
    return run


def test_regions_go_with_their_samples_into_the_probe_and_into_trust(tmp_path):
    """24 samples are given and 6 chosen; each picture's region is where the picture is bright."""
    x, regions = torch.zeros(24, 1, 8, 10), []
    for sample in range(24):
        left, top = sample % 6, sample % 4
        x[sample, 0, top : top + 3, left : left + 2] = 1 + sample / 100
        regions.append([(left, top, left + 2, top + 3)] if sample % 5 else None)
    run = logged(
        network(),
        (x, torch.arange(24) % 3),
        tmp_path,
        regions=regions,
        num_samples=6,
        methods=("grad_cam", "saliency"),
    )
    masks = run.probe.regions
    bright = [np.asarray(picture) > 0.5 for picture in pictures(run)]
    assert masks.shape == (6, 8, 10)
    for mask, picture in zip(masks, bright, strict=True):
        assert (mask == picture).all() or not mask.any()
    for method in ("grad_cam", "saliency"):
        measures, maps = run.trust(method).measures, run.attributions(method=method).heat[-1]
        np.testing.assert_allclose(measures["pointing"][-1], trust.pointing_game(maps, masks), atol=1e-2)
        np.testing.assert_allclose(measures["mass"][-1], trust.relevance_mass(maps, masks), atol=1e-2)
        assert np.isnan(measures["mass"][-1]).sum() == sum(not mask.any() for mask in masks)


def pictures(run):
    import io

    from PIL import Image

    return [np.asarray(Image.open(io.BytesIO(png))) / 255 for png in run.probe.images]


def test_without_regions_it_says_so(tmp_path):
    run = logged(network(), torch.rand(4, 1, 8, 8), tmp_path)
    assert run.probe.regions is None
    assert run.trust("grad_cam").missing["pointing"] == "no boxes or masks were given"


@pytest.mark.parametrize("given", [torch.rand(4, 1, 8, 8), None])
def test_regions_that_cannot_be_are_refused_at_construction(given, tmp_path):
    regions = [None, [(0, 0, 1, 1), (0, 0, 9, 1)], None, None]
    said = "sample 1, box 1" if given is not None else "give it as"
    with pytest.raises(ValueError, match=said):
        watch(network(), log_dir=tmp_path, probe=given, regions=regions)
    with pytest.raises(ValueError, match=said):
        ExplainCallback(tmp_path, probe=given, regions=regions)
    with pytest.raises(ValueError, match="need pictures"):
        watch(nn.Linear(3, 2), log_dir=tmp_path, probe=torch.rand(4, 3), regions=regions)


def test_regions_in_lightning(tmp_path):
    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = network()

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch, _):
            return nn.functional.cross_entropy(self(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    x, y = torch.rand(12, 1, 8, 8), torch.arange(12) % 3
    masks = np.zeros((12, 8, 8), bool)
    masks[:, 2:4, 5:] = True
    callback = ExplainCallback(tmp_path / "log", probe=(x, y), regions=masks, strict=True)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=4)
    trainer = lightning.Trainer(
        max_epochs=1,
        callbacks=[callback],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
    )
    trainer.fit(Module(), loader)
    (run,) = open_log(tmp_path / "log").values()
    np.testing.assert_array_equal(run.probe.regions, masks)


def test_features_have_names(tmp_path):
    names = ["age", "height", "weight"]
    run = logged(nn.Linear(3, 2), torch.rand(4, 3), tmp_path, feature_names=names, methods=("saliency",))
    assert run.probe.feature_names == tuple(names)
    with pytest.raises(ValueError, match=r"got 2 names for inputs of shape \[4, 3\]"):
        watch(nn.Linear(3, 2), log_dir=tmp_path, probe=torch.rand(4, 3), feature_names=names[:2])


@pytest.mark.parametrize(
    "vocabulary",
    [["<pad>", "cat", "sat"], {0: "<pad>", 1: "cat", 2: "sat"}, lambda i: ["<pad>", "cat", "sat", "3"][i]],
)
def test_tokens_have_strings(vocabulary, tmp_path):
    seed_all()
    model = nn.Sequential(nn.Embedding(4, 2), nn.Flatten(), nn.Linear(6, 2))
    tokens = torch.tensor([[1, 2, 0], [3, 1, 1]])
    run = logged(
        model, (tokens, torch.tensor([0, 1])), tmp_path, vocabulary=vocabulary, methods=("saliency",)
    )
    assert run.probe.tokens == (("cat", "sat", "<pad>"), ("3", "cat", "cat"))
    with pytest.raises(ValueError, match="whole numbers"):
        watch(network(), log_dir=tmp_path, probe=torch.rand(4, 1, 8, 8), vocabulary=vocabulary)


def test_the_trainers_callback_refuses_regions_too(tmp_path):
    from tb_xai_callbacks.transformers import ExplainCallback as TrainerCallback

    regions = [None, [(0, 0, 9, 1)]]
    with pytest.raises(ValueError, match="sample 1, box 0"):
        TrainerCallback(tmp_path, probe=(torch.rand(2, 1, 8, 8), torch.zeros(2)), regions=regions)
    with pytest.raises(ValueError, match="give it as"):
        TrainerCallback(tmp_path, regions=regions)
