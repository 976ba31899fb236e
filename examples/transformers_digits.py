# SPDX-License-Identifier: Apache-2.0
"""Watch a Hugging Face Trainer without configuration. Run it, then `tensorboard --logdir runs`."""

import sys

import torch
from sklearn.datasets import load_digits
from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification

from tb_xai_callbacks.transformers import ExplainCallback

log_dir = sys.argv[1] if len(sys.argv) > 1 else "runs/transformers"
digits = load_digits()
samples = [
    {"pixel_values": torch.tensor(image / 8 - 1, dtype=torch.float32)[None], "labels": int(label)}
    for image, label in zip(digits.images, digits.target, strict=True)
]
torch.manual_seed(0)
config = ViTConfig(
    image_size=8, patch_size=2, num_channels=1, num_labels=10, initializer_range=0.1,
    hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=96,
)  # fmt: skip
trainer = Trainer(
    model=ViTForImageClassification(config),
    args=TrainingArguments(
        output_dir=log_dir,
        num_train_epochs=4,
        per_device_train_batch_size=32,
        learning_rate=2e-3,
        eval_strategy="epoch",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    ),
    train_dataset=samples[:1500],
    eval_dataset=samples[1500:],
)
ExplainCallback().attach(trainer)
trainer.train()
