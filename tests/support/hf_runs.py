# SPDX-License-Identifier: Apache-2.0
"""Tiny Hugging Face models with random weights, data that they can learn, and one way to train them."""

import os
import random

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Trainer,
    TrainingArguments,
    ViTConfig,
    ViTForImageClassification,
)

os.environ["HF_HUB_OFFLINE"] = "1"
ALL = {"log_every_n_steps": 1, "explain_every_n_steps": 5, "max_overhead": None, "strict": True}
VOCABULARY = 40
PAD = 0


class Tokens(Dataset):
    """Sentences of 4 to 9 tokens; the class says whether the first content token is below 20."""

    def __init__(self, n=64, language_model=False):
        rng = np.random.default_rng(0)
        lengths = rng.integers(4, 10, n)
        self.rows = [np.r_[1, rng.integers(3, VOCABULARY, length - 1)] for length in lengths]
        self.language_model = language_model

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index].tolist()
        label = row if self.language_model else int(row[1] < 20)
        return {"input_ids": row, "labels": label, "sentence": "a column that no model takes"}


class Images(Dataset):
    """Noise with a bright half: the class is the side."""

    def __len__(self):
        return 48

    def __getitem__(self, index):
        picture = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(index))
        picture[:, :, 4 * (index % 2) : 4 * (index % 2) + 4] += 2
        return {"pixel_values": picture, "labels": index % 2}


class Tokenizer:
    """What the host needs of a tokenizer."""

    def convert_ids_to_tokens(self, ids):
        return ["[PAD]" if i == PAD else f"w{i}" for i in ids]


def pad(samples):
    """Pads to the longest, as `DataCollatorWithPadding` does."""
    width = max(len(sample["input_ids"]) for sample in samples)

    def filled(row, value):
        return row + [value] * (width - len(row))

    batch = {
        "attention_mask": torch.tensor([filled([1] * len(s["input_ids"]), 0) for s in samples]),
        "input_ids": torch.tensor([filled(s["input_ids"], PAD) for s in samples]),
    }
    labels = [s["labels"] for s in samples]
    batch["labels"] = torch.tensor([filled(y, -100) for y in labels] if type(labels[0]) is list else labels)
    return batch


SMALL = {
    "initializer_range": 0.2,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


def bert(labels=2):
    config = BertConfig(**SMALL, vocab_size=VOCABULARY, max_position_embeddings=16, num_labels=labels)
    config.id2label = {0: "high", 1: "low"} if labels == 2 else config.id2label
    return BertForSequenceClassification(config)


def vit():
    return ViTForImageClassification(ViTConfig(**SMALL, image_size=8, patch_size=2, num_labels=2))


def gpt2():
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=16, initializer_range=0.2, n_embd=16, n_layer=2, n_head=2
    )
    config.pad_token_id = PAD
    return GPT2LMHeadModel(config)


def llama():
    return LlamaForCausalLM(LlamaConfig(**SMALL, vocab_size=VOCABULARY, num_key_value_heads=1))


def make_trainer(folder, make=bert, callbacks=(), trainer=Trainer, data=None, more=None, **settings):
    """A trainer with everything seeded; `settings` are its arguments, `more` those of the Trainer."""
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    model = make()
    language_model = make in (gpt2, llama)
    data = data or (Images() if make is vit else Tokens(language_model=language_model))
    settings = {
        "max_steps": 12,
        "per_device_train_batch_size": 8,
        "learning_rate": 3e-3,
        "logging_steps": 1,
        "report_to": "none",
        "save_strategy": "no",
        "use_cpu": True,
        "disable_tqdm": True,
        "remove_unused_columns": True,
        "dataloader_pin_memory": False,
        **settings,
    }
    return trainer(
        model=model,
        args=TrainingArguments(output_dir=str(folder), **settings),
        train_dataset=data,
        data_collator=None if make is vit else pad,
        callbacks=list(callbacks),
        **(more or {}),
    )


def fingerprint(trainer):
    """Everything that training leaves behind, as arrays."""
    tensors = list(trainer.model.state_dict().values())
    for state in trainer.optimizer.state_dict()["state"].values():
        tensors += [torch.as_tensor(value) for value in state.values()]
    history = [
        float(value)
        for line in trainer.state.log_history
        for key, value in sorted(line.items())
        if not key.endswith(("runtime", "per_second", "flos"))
    ]
    draws = [float(torch.rand(())), np.random.random(), random.random()]
    return [tensor.numpy() for tensor in tensors] + [np.array(history), np.array(draws)]


def count_hooks(model):
    """Hooks of ours that are left on a model; the trainer has its own."""
    hooks = [h for m in model.modules() for h in (*m._forward_hooks.values(), *m._forward_pre_hooks.values())]
    return sum("tb_xai" in hook.__module__ for hook in hooks)
