# SPDX-License-Identifier: Apache-2.0
"""The Hugging Face host: real Trainers, real models with random weights, nothing downloaded."""

import copy
import pickle
import random

import numpy as np
import pytest
import torch
from hf_runs import (
    ALL,
    Tokenizer,
    Tokens,
    bert,
    count_hooks,
    fingerprint,
    gpt2,
    llama,
    make_trainer,
    pad,
    vit,
)
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from torch.utils.data import IterableDataset
from transformers import BertForSequenceClassification, EarlyStoppingCallback, Trainer

from tb_xai_callbacks.transformers import ExplainCallback
from tb_xai_plugin import open_log
from tb_xai_plugin.format import codec, kinds


def train(folder, make=bert, attach=True, options=ALL, tokenizer=True, data=None, **settings):
    """Train with the callback; (trainer, its log)."""
    trainer = make_trainer(folder, make, data=data, **settings)
    if tokenizer and make is not vit:
        trainer.processing_class = trainer.callback_handler.processing_class = Tokenizer()
    callback = ExplainCallback(**options)
    if attach:
        assert callback.attach(trainer) is callback
    else:
        trainer.add_callback(callback)
    trainer.train()
    assert count_hooks(trainer.model) == 0
    assert not {"compute_loss", "training_step"} & set(vars(trainer))
    return trainer, open_log(folder)["."]


def logged(trainer, key):
    """The trainer's own log of a number, as it was logged at each step."""
    return [line[key] for line in trainer.state.log_history if key in line]


def steps_and_values(run, name):
    steps, values = run.scalars[name]
    return steps.tolist(), values.tolist()


# ---- training is untouched


@pytest.mark.slow
@pytest.mark.parametrize("attach", [True, False])
@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (bert, {"max_steps": 30}),
        (vit, {"max_steps": 10, "gradient_accumulation_steps": 2}),
        (gpt2, {"max_steps": 10, "gradient_checkpointing": True, "label_smoothing_factor": 0.1}),
    ],
)
def test_training_is_bit_identical(tmp_path, make, settings, attach):
    trainer = make_trainer(tmp_path / "a", make, **settings)
    trainer.train()
    plain = fingerprint(trainer)
    watched, _ = train(tmp_path / "b", make, attach, **settings)
    for one, other in zip(plain, fingerprint(watched), strict=True):
        np.testing.assert_array_equal(one, other)


def masking(samples):
    """A collator that draws random numbers, as those of masked language models do."""
    batch = pad(samples)
    batch["input_ids"][
        torch.rand(batch["input_ids"].shape) < 0.1 * np.random.random() + random.random() / 9
    ] = 2
    return batch


def test_a_collator_that_draws_random_numbers_draws_the_same(tmp_path):
    prints = []
    for watched in (False, True):
        trainer = make_trainer(tmp_path / str(watched), max_steps=5)
        trainer.data_collator = masking
        if watched:
            ExplainCallback(**ALL).attach(trainer)
        trainer.train()
        prints.append(fingerprint(trainer))
    for one, other in zip(*prints, strict=True):
        np.testing.assert_array_equal(one, other)


# ---- models


@pytest.mark.parametrize("attach", [True, False])
def test_a_text_classifier(tmp_path, attach):
    _, run = train(tmp_path, attach=attach)
    assert run.status.host == "transformers"
    assert run.status.state == "finished"
    assert not [notice for notice in run.status.notices if notice.level != "info"]
    assert run.layer_stats("activation").steps.tolist() == list(range(13))
    assert run.layer_stats("weight_gradient").steps.tolist() == list(range(12))
    assert np.nanmin(run.layer_stats("weight").values[:12, :, 8]) >= 0
    assert run.probe.kind == "tokens"
    assert run.probe.class_names == ("high", "low")
    assert np.bincount(run.probe.labels).tolist() == [8, 8]
    for method in ("input_x_gradient", "gradient_rollout"):
        maps = run.attributions(method=method)
        assert maps.steps.tolist() == [0, 5, 10, 12]
        assert maps.heat.shape == (4, 16, run.probe.shape[1])
        assert np.isfinite(maps.heat).all()
    assert run.attention().weights.shape[2:] == (2, run.probe.shape[1], run.probe.shape[1])


def test_the_strings_of_tokens_are_those_of_their_numbers(tmp_path):
    _, run = train(tmp_path, max_steps=2)
    padded = 0
    for strings, numbers in zip(run.probe.tokens, run.probe.values.astype(int), strict=True):
        assert [text or "pad" for text in strings] == [f"w{n}" if n else "pad" for n in numbers]
        padded += strings.count("")
    assert padded


def test_padding_explains_nothing(tmp_path):
    _, run = train(tmp_path, max_steps=5)
    padding = np.array([[text == "" for text in row] for row in run.probe.tokens])
    for method in ("input_x_gradient", "gradient_rollout"):
        heat = run.attributions(method=method).heat
        assert np.abs(heat[:, padding]).max() == 0
        assert np.abs(heat[:, ~padding]).max() > 0
    weights = run.attention().weights  # [T n heads queries keys]
    rows = weights.sum(-1)
    kept = padding[: weights.shape[1]]
    assert rows[:, kept[:, None].repeat(2, 1)].max(initial=0) == 0
    np.testing.assert_allclose(rows[:, ~kept[:, None].repeat(2, 1)], 1, atol=2e-3)


def test_a_picture_classifier_is_explained_on_its_grid_of_patches(tmp_path):
    _, run = train(tmp_path, vit)
    assert run.probe.kind == "image"
    assert run.probe.patch_grid == (4, 4)
    assert run.probe.prefix_tokens == 1
    maps = run.attributions(method="grad_cam")
    assert maps.heat.shape == (4, 16, 4, 4)
    assert maps.heat[-1].std(axis=(1, 2)).max() > 0  # not constant: the last block's norm was chosen
    assert run.attention().weights.shape[2:] == (2, 17, 17)


@pytest.mark.parametrize("make", [gpt2, llama])
def test_a_language_model_is_explained_at_its_next_token(tmp_path, make):
    trainer, run = train(tmp_path, make)
    maps = run.attributions(method="saliency")
    assert run.probe.labels is None
    assert len(run.probe.class_names) == 40
    inputs = torch.tensor(run.probe.values).long()
    mask = torch.tensor([[text != "" for text in row] for row in run.probe.tokens]).long()
    trainer.model.eval()
    with torch.no_grad():
        logits = trainer.model(input_ids=inputs, attention_mask=mask).logits
    last = mask.sum(1) - 1
    expected = logits[torch.arange(len(last)), last].argmax(-1)
    assert maps.targets[-1].tolist() == expected.tolist()
    assert np.abs(maps.heat[:, mask.numpy() == 0]).max() == 0


# ---- numbers


@pytest.mark.parametrize("attach", [True, False])
@pytest.mark.parametrize(
    "settings", [{}, {"gradient_accumulation_steps": 2, "max_steps": 4}, {"gradient_accumulation_steps": 3}]
)
@pytest.mark.parametrize("make", [bert, gpt2])
def test_the_loss_and_rate_are_those_that_the_trainer_logs(tmp_path, make, settings, attach):
    trainer, run = train(tmp_path, make, attach, **settings)
    steps, losses = steps_and_values(run, "loss")
    assert steps == list(range(trainer.state.max_steps))
    np.testing.assert_allclose(losses, logged(trainer, "loss"), rtol=1e-5)
    _, rates = steps_and_values(run, "learning_rate")
    np.testing.assert_allclose(rates, logged(trainer, "learning_rate"), rtol=1e-5)
    assert run.layer_stats("weight_gradient").steps.tolist() == steps


class Mean(BertForSequenceClassification):
    """Takes no number of items, so that the trainer divides the losses of accumulated batches."""

    def forward(self, input_ids, attention_mask, labels):
        return super().forward(input_ids=input_ids, attention_mask=attention_mask, labels=labels)


@pytest.mark.parametrize("attach", [True, False])
def test_the_loss_of_accumulated_batches_is_their_mean(tmp_path, attach):
    def make():
        return Mean(bert().config)

    trainer, run = train(tmp_path, make, attach, gradient_accumulation_steps=2, max_steps=4)
    np.testing.assert_allclose(steps_and_values(run, "loss")[1], logged(trainer, "loss"), rtol=1e-5)


def test_a_loss_of_the_users_is_the_one_that_is_logged(tmp_path):
    class Squared(Trainer):
        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
            one_hot = torch.nn.functional.one_hot(inputs["labels"], 2).float()
            loss = torch.nn.functional.mse_loss(outputs.logits, one_hot)
            return (loss, outputs) if return_outputs else loss

    trainer, run = train(tmp_path, trainer=Squared)
    np.testing.assert_allclose(steps_and_values(run, "loss")[1], logged(trainer, "loss"), rtol=1e-5)
    assert loss_name(tmp_path) == "mse"


def loss_name(log_dir):
    """What the diagnosis took the loss for, from the records as they were written."""
    found = ""
    for path in sorted(log_dir.glob("xai/*tfevents*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.tag == kinds.SETUP.tag():
                    found = codec.decode("Setup", value.tensor.string_val[0]).loss
    return found


@pytest.mark.parametrize("attach", [True, False])
@pytest.mark.parametrize("make", [bert, vit, gpt2])
def test_the_loss_is_read_from_its_graph(tmp_path, make, attach):
    train(tmp_path, make, attach, max_steps=4)
    assert loss_name(tmp_path) == "cross_entropy"


def test_evaluations_are_logged_as_validation(tmp_path):
    more = {"eval_dataset": Tokens(24), "compute_metrics": lambda p: {"accuracy": 0.5}}
    trainer, run = train(tmp_path, max_steps=6, eval_strategy="steps", eval_steps=2, more=more)
    steps, values = steps_and_values(run, "eval_loss")
    assert steps == [2, 4, 6]
    np.testing.assert_allclose(values, logged(trainer, "eval_loss"), rtol=1e-6)
    assert steps_and_values(run, "eval_accuracy")[1] == [0.5] * 3
    assert "eval_runtime" not in run.scalars


def test_the_probe_is_of_the_evaluation_data(tmp_path):
    class Others(Tokens):
        def __getitem__(self, index):
            return {**super().__getitem__(index), "input_ids": [2, 2, 2, 2]}

    _, run = train(tmp_path, max_steps=2, more={"eval_dataset": Others(24)})
    assert (run.probe.values == 2).all()


def test_checkpointed_gradients(tmp_path):
    _, run = train(tmp_path, max_steps=3, gradient_checkpointing=True)
    assert run.layer_stats("weight_gradient").steps.tolist() == [0, 1, 2]
    assert run.status.state == "finished"


# ---- the course of training


def test_it_goes_on_from_a_checkpoint(tmp_path):
    make_trainer(tmp_path / "a", max_steps=3, save_strategy="steps", save_steps=3).train()
    trainer = make_trainer(tmp_path / "b", max_steps=6)
    ExplainCallback(**ALL).attach(trainer)
    trainer.train(resume_from_checkpoint=str(tmp_path / "a" / "checkpoint-3"))
    assert open_log(tmp_path / "b")["."].layer_stats("activation").steps.tolist() == [3, 4, 5, 6]


def test_stopping_early_and_the_best_model(tmp_path):
    more = {"eval_dataset": Tokens(24)}
    trainer = make_trainer(
        tmp_path,
        callbacks=[EarlyStoppingCallback(1, early_stopping_threshold=1e6)],
        more=more,
        max_steps=20,
        eval_strategy="steps",
        eval_steps=2,
        save_strategy="steps",
        save_steps=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
    )
    ExplainCallback(**ALL).attach(trainer)
    trainer.train()
    run = open_log(tmp_path)["."]
    assert run.status.state == "finished"
    assert run.status.step == trainer.state.global_step < 20
    assert any("checkpoint-" in notice.message for notice in run.status.notices)


def test_training_twice_with_one_callback(tmp_path):
    trainer, _ = train(tmp_path / "a", max_steps=2)
    trainer.train()
    assert trainer.state.global_step == 2


def test_a_failing_training_step_is_written_down(tmp_path):
    class Failing(Trainer):
        def compute_loss(self, *args, **kwargs):
            if self.state.global_step == 3:
                raise ArithmeticError("theirs")
            return super().compute_loss(*args, **kwargs)

    trainer = make_trainer(tmp_path, trainer=Failing)
    ExplainCallback(**ALL).attach(trainer)
    with pytest.raises(ArithmeticError, match="theirs"):
        trainer.train()
    assert count_hooks(trainer.model) == 0
    assert "compute_loss" not in vars(trainer)
    run = open_log(tmp_path)["."]
    assert run.status.state == "failed"
    assert run.layer_stats("weight").steps.tolist() == [0, 1, 2, 3]


def test_records_stand_beside_the_trainers_own_scalars(tmp_path):
    trainer = make_trainer(tmp_path, max_steps=2, report_to="tensorboard")
    ExplainCallback(**ALL).attach(trainer)
    trainer.train()
    (folder,) = (tmp_path / "runs").iterdir()
    assert open_log(folder)["."].status.state == "finished"


# ---- errors


class Once(IterableDataset):
    """A stream that can be read only once, and that nobody may read from but training."""

    def __init__(self):
        self.left = iter([Tokens()[i] for i in range(40)])

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.left)


def test_a_stream_is_not_consumed(tmp_path, caplog):
    options = {**ALL, "strict": False}
    trainer, run = train(tmp_path, options=options, data=Once(), max_steps=5)
    assert trainer.state.global_step == 5
    assert "first training batch is the probe" in caplog.text
    assert run.attributions(method="saliency").steps.tolist()[0] == 0
    assert run.layer_stats("weight_gradient").steps[0] == 0


def test_a_collator_that_fails_for_us_only_fails_us(tmp_path, caplog):
    def broken(samples):
        if len(samples) > 8:
            raise KeyError("too many")
        return pad(samples)

    trainer = make_trainer(tmp_path, max_steps=3)
    trainer.data_collator = broken
    ExplainCallback(**{**ALL, "strict": False}).attach(trainer)
    trainer.train()
    assert "first training batch is the probe" in caplog.text
    strict = make_trainer(tmp_path / "b", max_steps=3)
    strict.data_collator = broken
    ExplainCallback(**ALL).attach(strict)
    with pytest.raises(KeyError, match="too many"):
        strict.train()


def test_wrong_names_are_refused(tmp_path):
    with pytest.raises(ValueError, match="'classifier'"):
        ExplainCallback(target_layers="clasifier").attach(make_trainer(tmp_path))
    with pytest.raises(ValueError, match="'classifier'"):
        make_trainer(tmp_path, callbacks=[ExplainCallback(target_layers="clasifier")]).train()
    with pytest.raises(TypeError, match="num_samples"):
        ExplainCallback(num_sample=3)


def test_a_probe_of_the_users(tmp_path):
    batch = pad([Tokens()[i] for i in range(6)])
    _, run = train(tmp_path, options={**ALL, "probe": batch}, max_steps=2)
    assert run.probe.shape[0] == 6
    _, run = train(
        tmp_path / "b", vit, options={**ALL, "probe": (torch.randn(4, 3, 8, 8), [0, 1, 0, 1])}, max_steps=2
    )
    assert run.probe.shape == (4, 3, 8, 8)


def test_it_can_be_copied_and_pickled(tmp_path):
    callback = ExplainCallback(num_samples=4).attach(make_trainer(tmp_path))
    for other in (copy.deepcopy(callback), pickle.loads(pickle.dumps(callback))):
        assert other._options == callback._options
        assert other._trainer is None


# ---- the diagnosis


@pytest.mark.slow
@pytest.mark.parametrize("make", [bert, vit, gpt2])
def test_a_healthy_run_raises_no_alarm(tmp_path, make):
    _, run = train(tmp_path, make, max_steps=60)
    assert [(f.rule, f.layer, f.message) for f in run.findings if f.severity != "info"] == []
