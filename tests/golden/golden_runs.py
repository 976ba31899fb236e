# SPDX-License-Identifier: Apache-2.0
"""One short run of every host, the same each time: `python golden_runs.py NAME LOG_DIR`.

Without a budget, so that no clock decides what is recorded.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

EVERYTHING = {"log_every_n_steps": 2, "explain_every_n_steps": 4, "max_overhead": None}
STEPS = 12


def _pictures(n: int, channels_last: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 4
    pictures = rng.normal(size=(n, 3, 10, 10)).astype("float32")
    for index, label in enumerate(labels):
        pictures[index, label % 3, 2 * label : 2 * label + 3] += 2
    return (np.moveaxis(pictures, 1, -1).copy() if channels_last else pictures), labels


def _torch_net():
    import torch
    from torch import nn

    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(8, 4),
    )  # fmt: skip


def demo(log_dir: Path) -> None:
    """The demo's dying run, shorter, and without its budget."""
    from tb_xai_callbacks.demo import train

    train.FAULT_STEP = 20
    train.train(log_dir, True, lambda: None, steps=45, max_overhead=None)


def torch_pictures(log_dir: Path) -> None:
    """A plain loop, many methods and trust measures."""
    import torch
    from torch.nn import functional

    from tb_xai_callbacks.torch import watch

    x, y = (torch.from_numpy(array) for array in _pictures(32))
    model = _torch_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    methods = ("grad_cam", "layer_cam", "eigen_cam", "score_cam", "saliency", "integrated_gradients",
               "guided_backprop", "occlusion", "layer_conductance", "attention_rollout")  # fmt: skip
    with watch(
        model, optimizer, log_dir=log_dir, probe=(x[:12], y[:12]), methods=methods, **EVERYTHING
    ) as explain:
        for _ in range(STEPS):
            loss = functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            explain.step(loss=loss)


def torch_attention(log_dir: Path) -> None:
    """Tokens through a transformer's encoder, the first batch being the probe."""
    import torch
    from torch import nn
    from torch.nn import functional

    from tb_xai_callbacks.torch import watch

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(30, 16)
            layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = nn.Linear(16, 2)

        def forward(self, tokens):
            return self.head(self.encoder(self.embedding(tokens)).mean(1))

    torch.manual_seed(0)
    model = Encoder()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randint(0, 30, (24, 7))
    y = (x[:, 0] < 15).long()
    methods = ("input_x_gradient", "attention_rollout", "gradient_rollout", "grad_cam")
    with watch(model, optimizer, log_dir=log_dir, methods=methods, **EVERYTHING) as explain:
        for _ in range(STEPS):
            loss = functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            explain.step(loss=loss)


def lightning(log_dir: Path) -> None:
    """Lightning's trainer, the probe from the validation data."""
    import torch
    from lightning.pytorch import LightningModule, Trainer
    from torch.nn import functional
    from torch.utils.data import DataLoader, TensorDataset

    from tb_xai_callbacks.lightning import ExplainCallback

    class Module(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = _torch_net()

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch, _):
            return functional.cross_entropy(self(batch[0]), batch[1])

        def validation_step(self, batch, _):
            self(batch[0])

        def configure_optimizers(self):
            return torch.optim.AdamW(self.parameters(), lr=1e-2)

    data = DataLoader(TensorDataset(*(torch.from_numpy(array) for array in _pictures(32))), batch_size=8)
    torch.manual_seed(0)
    trainer = Trainer(
        max_steps=STEPS, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=log_dir,
        callbacks=[ExplainCallback(log_dir, methods=("grad_cam", "saliency"), **EVERYTHING)],
    )  # fmt: skip
    trainer.fit(Module(), data, data)


def transformers(log_dir: Path) -> None:
    """The Hugging Face trainer, a small BERT with random weights."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
    from hf_runs import Tokens, pad
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

    from tb_xai_callbacks.transformers import ExplainCallback

    set_seed(0)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=40,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=32,
        )
    )
    arguments = TrainingArguments(
        output_dir=str(log_dir), max_steps=STEPS, per_device_train_batch_size=8, report_to=[],
        save_strategy="no", use_cpu=True, disable_tqdm=True, logging_strategy="no",
    )  # fmt: skip
    trainer = Trainer(
        model, arguments, train_dataset=Tokens(), eval_dataset=Tokens(24), data_collator=pad,
        processing_class=None,
    )  # fmt: skip
    ExplainCallback(log_dir, **EVERYTHING).attach(trainer)
    trainer.train()


def keras_tensorflow(log_dir: Path) -> None:
    """Keras on TensorFlow."""
    _keras("tensorflow", log_dir)


def keras_torch(log_dir: Path) -> None:
    """Keras on torch."""
    _keras("torch", log_dir)


def keras_jax(log_dir: Path) -> None:
    """Keras on JAX."""
    _keras("jax", log_dir)


def _keras(backend: str, log_dir: Path) -> None:
    os.environ["KERAS_BACKEND"] = backend
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    from keras import layers

    from tb_xai_callbacks.keras import ExplainCallback

    keras.utils.set_random_seed(0)
    inputs = keras.Input((10, 10, 3))
    x = layers.Conv2D(6, 3, name="conv1")(inputs)
    x = layers.ReLU(name="relu1")(layers.BatchNormalization(name="norm")(x))
    x = layers.Conv2D(8, 3, activation="relu", name="conv2")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(inputs, layers.Dense(4, name="head")(layers.Dropout(0.2, name="drop")(x)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, metrics=["accuracy"])
    pictures, labels = _pictures(32, channels_last=True)
    callback = ExplainCallback(
        log_dir, validation_data=(pictures[:12], labels[:12]), methods=("grad_cam", "integrated_gradients"),
        **EVERYTHING,
    )  # fmt: skip
    model.fit(pictures, labels, batch_size=8, epochs=3, shuffle=False, verbose=0, callbacks=[callback],
              validation_data=(pictures[:8], labels[:8]))  # fmt: skip


RUNS: dict[str, Callable[[Path], None]] = {
    run.__name__: run
    for run in (
        demo, torch_pictures, torch_attention, lightning, transformers,
        keras_tensorflow, keras_torch, keras_jax,
    )
}  # fmt: skip


def main() -> None:
    """Make one run."""
    name, log_dir = sys.argv[1], Path(sys.argv[2])
    warnings.simplefilter("ignore")
    logging.getLogger("tb_xai").addHandler(logging.StreamHandler())
    if name != "keras_tensorflow" and name != "keras_jax":
        import torch

        torch.set_num_threads(1)
    RUNS[name](log_dir)


if __name__ == "__main__":
    main()
