"""The Lightning callback with real trainers."""

import copy
import pickle
import random
import warnings

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

from tb_xai_callbacks.hosts.lightning import split_batch
from tb_xai_callbacks.lightning import ExplainCallback
from tb_xai_plugin import open_log

ALL = {"log_every_n_steps": 1, "explain_every_n_steps": 2, "max_overhead": None, "strict": True}


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Net(LightningModule):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(4, 3)
        self.losses = []

    def forward(self, x):
        return self.fc(self.drop(functional.relu(self.norm(self.conv(x))).mean((2, 3))))

    def training_step(self, batch, _):
        x, y = batch
        loss = functional.cross_entropy(self(x + torch.rand(()) + np.random.random()), y)
        self.losses.append(float(loss.detach()))
        return loss

    def validation_step(self, batch, _):
        self(batch[0])

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-2)


class Samples(Dataset):
    classes = ("cat", "dog", "cow")

    def __len__(self):
        return 40

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        return torch.randn(1, 6, 6, generator=generator) + torch.rand(()) * 0.1, index % 3


def fit(log_dir, *callbacks, model=None, data=None, validation=True, **settings):
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    model = Net() if model is None else model
    settings = {"max_steps": 12, "accelerator": "cpu", **settings}
    trainer = Trainer(
        logger=TensorBoardLogger(log_dir, name="", version=""),
        callbacks=list(callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        log_every_n_steps=1,
        **settings,
    )
    data = Samples() if data is None else data
    loaders = [DataLoader(data, batch_size=8, shuffle=not isinstance(data, IterableDataset))]
    if validation:
        loaders.append(DataLoader(Subset(Samples(), range(20)), batch_size=4))
    ckpt = settings.pop("ckpt_path", None)
    trainer.fit(model, *loaders, ckpt_path=ckpt)
    return model, trainer


def fingerprint(model, trainer):
    tensors = list(model.state_dict().values())
    for state in trainer.optimizers[0].state_dict()["state"].values():
        tensors += [torch.as_tensor(value) for value in state.values()]
    arrays = [tensor.numpy() for tensor in tensors]
    draws = [float(torch.rand(())), np.random.random(), random.random()]
    return [*arrays, torch.get_rng_state().numpy(), np.array(draws), np.array(model.losses)]


@pytest.mark.parametrize(
    "settings",
    [
        {"max_steps": 50},
        {"accumulate_grad_batches": 2, "gradient_clip_val": 0.1},
        {"precision": "bf16-mixed"},
    ],
)
def test_training_is_bit_identical(tmp_path, settings):
    plain = fingerprint(*fit(tmp_path / "a", **settings))
    watched = fingerprint(*fit(tmp_path / "b", ExplainCallback(**ALL), **settings))
    for one, other in zip(plain, watched, strict=True):
        np.testing.assert_array_equal(one, other)


def test_everything_is_logged_without_configuration(tmp_path):
    model, _ = fit(tmp_path, ExplainCallback(**ALL))
    run = open_log(tmp_path)["."]
    assert run.layers == ("conv", "norm", "fc")
    assert run.layer_stats("activation").steps.tolist() == list(range(13))
    assert run.layer_stats("gradient").steps.tolist() == list(range(12))
    assert run.layer_stats("weight_gradient").steps.tolist() == list(range(12))
    assert np.nanmin(run.layer_stats("weight").values[:12, :, 8]) > 0
    assert run.attributions(method="grad_cam").steps.tolist() == [0, 2, 4, 6, 8, 10, 12]
    assert tuple(run.probe.class_names) == Samples.classes
    assert np.bincount(run.probe.labels).min() >= 5  # balanced
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_accumulated_batches_are_one_step(tmp_path):
    fit(tmp_path, ExplainCallback(**ALL), accumulate_grad_batches=2, max_steps=4)
    run = open_log(tmp_path)["."]
    assert run.layer_stats("weight_gradient").steps.tolist() == [0, 1, 2, 3]


def test_it_goes_on_from_a_checkpoint(tmp_path):
    _, trainer = fit(tmp_path / "a", max_steps=3)
    trainer.save_checkpoint(tmp_path / "c.ckpt")
    resumed = Trainer(
        max_steps=6, accelerator="cpu", logger=False, default_root_dir=tmp_path / "b", barebones=False,
        enable_progress_bar=False, enable_checkpointing=False, enable_model_summary=False,
        callbacks=[ExplainCallback(**ALL)],
    )  # fmt: skip
    resumed.fit(Net(), DataLoader(Samples(), batch_size=8), ckpt_path=tmp_path / "c.ckpt", weights_only=False)
    run = open_log(tmp_path / "b")["."]
    assert run.layer_stats("activation").steps.tolist() == [3, 4, 5, 6]


def test_a_fast_run_without_validation_data(tmp_path):
    fit(tmp_path, ExplainCallback(tmp_path / "own", **ALL), validation=False, fast_dev_run=True)
    assert open_log(tmp_path / "own")["."].layer_stats("activation").steps.tolist() == [0, 1]


class Once(IterableDataset):
    """A stream that can be read only once, and that nobody may read from but training."""

    def __init__(self):
        self.left = iter([Samples()[i] for i in range(40)])

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.left)


def test_a_stream_is_not_consumed(tmp_path, caplog):
    options = {**ALL, "strict": False}
    model, _ = fit(tmp_path, ExplainCallback(**options), data=Once(), validation=False, max_epochs=1)
    assert len(model.losses) == 5
    assert "first training batch is the probe" in caplog.text
    assert open_log(tmp_path)["."].attributions(method="grad_cam").steps.tolist()[0] == 0


def test_without_forward_training_goes_on(tmp_path, caplog):
    class Headless(Net):
        forward = LightningModule.forward

        def training_step(self, batch, _):
            self.losses.append(0.0)
            return self.fc(self.conv(batch[0]).mean((2, 3))).sum()

        def validation_step(self, batch, _):
            pass

    model, _ = fit(tmp_path, ExplainCallback(), model=Headless())
    assert len(model.losses) == 12
    assert "no forward()" in caplog.text


def test_a_wrong_layer_name_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'conv'"):
        fit(tmp_path, ExplainCallback(target_layers="conf"))
    with pytest.raises(TypeError, match="num_samples"):
        ExplainCallback(num_sample=3)


def test_a_failing_training_step_is_written_down(tmp_path):
    class Failing(Net):
        def training_step(self, batch, index):
            if index == 3:
                raise ArithmeticError("theirs")
            return super().training_step(batch, index)

    model = Failing()
    with pytest.raises(ArithmeticError, match="theirs"):
        fit(tmp_path, ExplainCallback(**ALL), model=model)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert open_log(tmp_path)["."].layer_stats("weight").steps.tolist() == [0, 1, 2, 3]


def test_it_can_be_copied_and_pickled():
    callback = ExplainCallback(num_samples=4)
    for other in (copy.deepcopy(callback), pickle.loads(pickle.dumps(callback))):
        assert other._options == callback._options


def test_batches_of_many_forms():
    x, y = torch.zeros(2, 3), torch.tensor([0, 1])
    for batch in (
        (x, y),
        [x, y],
        {"x": x, "label": y},
        {"pixel_values": x, "labels": y, "names": ["a", "b"]},
    ):
        inputs, labels = split_batch(batch)
        assert labels.tolist() == [0, 1]
        inputs = inputs if isinstance(inputs, np.ndarray) else inputs["x"]
        assert inputs.shape == (2, 3)
    assert split_batch(x)[1] is None
    assert isinstance(split_batch((x, x, y))[0], tuple)
