# SPDX-License-Identifier: Apache-2.0
"""What a first run shows: every default, small networks on generated data, half a minute each.

Prints how many steps were explained and observed, the largest gap between two of them as a share of the run,
seconds with the recorder and without, findings, and lines on the console. The runs without it are made before
and after.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

#: What a run of so many seconds has to show, and may cost beside its share.
LEAST_EXPLAINED, LEAST_OBSERVED, MOST_LINES = 12, 40, 4
SHARE, EXTRA_S = 0.05, 3.0


@dataclass
class Shown:
    """What one run showed."""

    run: str
    steps: int
    explained: int
    explained_gap: float
    observed: int
    observed_gap: float
    seconds_without: float
    seconds_with: float
    findings: int
    lines: int

    @property
    def holds(self) -> bool:
        """Whether every bar holds."""
        long = self.seconds_without > 100
        return (
            self.explained >= LEAST_EXPLAINED
            and self.explained_gap <= 0.2
            and self.observed >= LEAST_OBSERVED
            and self.observed_gap <= 0.1
            and self.seconds_with <= (1 + SHARE) * self.seconds_without + (0 if long else EXTRA_S)
            and self.findings == 0
            and self.lines <= MOST_LINES
        )


def torch_task(kind: str) -> tuple[Any, Callable[[int], tuple[Any, Any]], Any]:
    """(module, batch of a step, probe) of a task that the module can learn."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    draw = torch.Generator().manual_seed(1)

    def labels(n: int) -> torch.Tensor:
        return torch.randint(0, 4, (n,), generator=draw)

    if kind == "pictures":

        def data(n: int) -> tuple[torch.Tensor, torch.Tensor]:
            y = labels(n)
            x = torch.randn(n, 3, 32, 32, generator=draw) * 0.5
            for row, label in zip(x, y.tolist(), strict=True):
                row[label % 3, 8 * label : 8 * label + 8, 8:16] += 1.5
            return x, y

        layers: list[nn.Module] = []
        for before, after in ((3, 32), (32, 64), (64, 64)):
            layers += [
                nn.Conv2d(before, after, 3, padding=1),
                nn.BatchNorm2d(after),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
        model: nn.Module = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 4))
    elif kind == "words":

        class Words(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embedding = nn.Embedding(200, 64)
                layer = nn.TransformerEncoderLayer(64, 4, 128, dropout=0.1, batch_first=True, norm_first=True)
                self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
                self.head = nn.Linear(64, 4)

            def forward(self, tokens: torch.Tensor) -> torch.Tensor:
                return self.head(self.encoder(self.embedding(tokens)).mean(1))

        def data(n: int) -> tuple[torch.Tensor, torch.Tensor]:
            y = labels(n)
            x = torch.randint(4, 200, (n, 24), generator=draw)
            x[torch.arange(n), torch.randint(0, 24, (n,), generator=draw)] = y
            return x, y

        model = Words()
    elif kind == "table":

        def data(n: int) -> tuple[torch.Tensor, torch.Tensor]:
            y = labels(n)
            x = torch.randn(n, 12, generator=draw)
            x[torch.arange(n), y] += 2
            return x, y

        model = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
    else:

        def data(n: int) -> tuple[torch.Tensor, torch.Tensor]:
            y = labels(n)
            x = torch.randn(n, 2, 64, generator=draw) * 0.5
            for row, label in zip(x, y.tolist(), strict=True):
                row[label % 2, 16 * label : 16 * label + 8] += 2
            return x, y

        model = nn.Sequential(
            nn.Conv1d(2, 32, 5, padding=2), nn.ReLU(), nn.Conv1d(32, 64, 5, padding=2), nn.ReLU(),
            nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(64, 4),
        )  # fmt: skip
    batches = [data(64) for _ in range(32)]
    return model, lambda step: batches[step % len(batches)], data(128)


class TorchLoop:
    """A plain loop of so many steps, watched or not."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def run(self, steps: int, log_dir: str | None) -> float:
        """Seconds of the whole."""
        import torch
        from torch.nn import functional

        from tb_xai_callbacks.torch import watch

        model, batch, probe = torch_task(self.kind)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

        def step(number: int) -> Any:
            x, y = batch(number)
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        started = time.perf_counter()
        if log_dir is None:
            for number in range(steps):
                step(number)
        else:
            with watch(model, optimizer, log_dir=log_dir, probe=probe) as explain:
                for number in range(steps):
                    explain.step(loss=step(number))
        return time.perf_counter() - started


class LightningFit:
    """Lightning's trainer on the same."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def run(self, steps: int, log_dir: str | None) -> float:
        """Seconds of the whole."""
        import warnings

        import torch
        from lightning.pytorch import LightningModule, Trainer
        from torch.nn import functional
        from torch.utils.data import DataLoader, TensorDataset

        from tb_xai_callbacks.lightning import ExplainCallback

        warnings.simplefilter("ignore")
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        model, batch, probe = torch_task(self.kind)

        class Module(LightningModule):
            def __init__(self) -> None:
                super().__init__()
                self.model = model

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return self.model(x)

            def training_step(self, data: Any, _: int) -> torch.Tensor:
                return functional.cross_entropy(self(data[0]), data[1])

            def validation_step(self, data: Any, _: int) -> None:
                self(data[0])

            def configure_optimizers(self) -> torch.optim.Optimizer:
                return torch.optim.Adam(self.parameters(), lr=1e-3)

        x, y = (torch.cat(part) for part in zip(*(batch(number) for number in range(32)), strict=True))
        train = DataLoader(TensorDataset(x, y), batch_size=64)
        trainer = Trainer(
            max_steps=steps, accelerator="cpu", logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
            num_sanity_val_steps=0,
            callbacks=[] if log_dir is None else [ExplainCallback(log_dir)],
        )  # fmt: skip
        started = time.perf_counter()
        trainer.fit(Module(), train, DataLoader(TensorDataset(*probe), batch_size=64))
        return time.perf_counter() - started


class KerasFit:
    """Keras' `fit` on TensorFlow."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def run(self, steps: int, log_dir: str | None) -> float:
        """Seconds of the whole."""
        os.environ.setdefault("KERAS_BACKEND", "tensorflow")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import keras
        import numpy as np
        from keras import layers

        from tb_xai_callbacks.keras import ExplainCallback

        keras.utils.set_random_seed(0)
        _, batch, probe = torch_task(self.kind)
        x, y = (np.concatenate([part.numpy() for part in parts])
                for parts in zip(*(batch(number) for number in range(32)), strict=True))  # fmt: skip
        held = tuple(part.numpy() for part in probe)
        if self.kind == "pictures":
            x, held = np.moveaxis(x, 1, -1).copy(), (np.moveaxis(held[0], 1, -1).copy(), held[1])
            inputs = keras.Input((32, 32, 3))
            out: Any = inputs
            for width in (32, 64, 64):
                out = layers.Conv2D(width, 3, padding="same")(out)
                out = layers.MaxPooling2D()(layers.ReLU()(layers.BatchNormalization()(out)))
            out = layers.GlobalAveragePooling2D()(out)
        else:
            inputs = keras.Input((24,), dtype="int32")
            out = layers.Embedding(200, 64)(inputs)
            out = layers.Add()([out, layers.MultiHeadAttention(4, 16)(out, out)])
            out = layers.GlobalAveragePooling1D()(layers.Dense(64, activation="relu")(out))
        model = keras.Model(inputs, layers.Dense(4)(out))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(1e-3), loss)
        callbacks = [] if log_dir is None else [ExplainCallback(log_dir, validation_data=held)]
        epochs = max(round(steps / 32), 1)
        started = time.perf_counter()
        model.fit(x, y, batch_size=64, epochs=epochs, verbose=0, callbacks=callbacks)
        return time.perf_counter() - started


RUNS: dict[str, Any] = {
    **{f"torch {kind}": TorchLoop(kind) for kind in ("pictures", "words", "table", "series")},
    **{f"Lightning {kind}": LightningFit(kind) for kind in ("pictures", "words")},
    **{f"Keras {kind}": KerasFit(kind) for kind in ("pictures", "words")},
}


def _gap(done: list[int], steps: int) -> float:
    return max((after - before for before, after in pairwise([*done, steps])), default=steps) / steps


def measured(name: str, seconds: float, answer: Any) -> None:
    """One run, in a process of its own."""
    import torch

    from tb_xai_plugin import open_log

    torch.set_num_threads(2)
    made, said = RUNS[name], io.StringIO()
    made.run(32, None)
    steps = 32 * max(round(seconds / max(made.run(96, None) / 3, 1e-3)), 2)
    handler = logging.StreamHandler(said)
    logging.getLogger("tb_xai").addHandler(handler)
    logging.getLogger("tb_xai").propagate = False
    with tempfile.TemporaryDirectory() as log_dir:
        before = made.run(steps, None)
        with redirect_stderr(said):
            watched = made.run(steps, log_dir)
        without = (before + made.run(steps, None)) / 2
        run = open_log(log_dir)["."]
        method = run.methods[0] if run.methods else ""
        explained = run.attributions(method=method).steps.tolist() if method else []
        observed = run.layer_stats("activation").steps.tolist()
        shown = Shown(
            name, steps, len(explained), _gap(explained, steps), len(observed), _gap(observed, steps),
            without, watched, sum(found.severity != "info" for found in run.findings),
            len([line for line in said.getvalue().splitlines() if line.strip()]),
        )  # fmt: skip
    answer.put((shown, said.getvalue()))


def main() -> int:
    """Measure, print, and fail where a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=list(RUNS))
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    jobs = [(name, given.seconds) for name in given.only or RUNS]
    if not given.only:
        jobs.append(("torch pictures", 180.0))
    context, found = multiprocessing.get_context("spawn"), []
    print(f"{'run':<20} steps  explained  gap  observed  gap   without     with  findings  lines  holds")
    for name, seconds in jobs:
        answer = context.Queue()
        process = context.Process(target=measured, args=(name, seconds, answer))
        process.start()
        one, said = answer.get(timeout=1800)
        process.join()
        found.append(one)
        print(
            f"{one.run:<20} {one.steps:5d} {one.explained:10d} {one.explained_gap:4.0%} {one.observed:9d} "
            f"{one.observed_gap:4.0%} {one.seconds_without:7.1f} s {one.seconds_with:6.1f} s "
            f"{one.findings:8d} {one.lines:6d}  {'yes' if one.holds else 'NO'}",
            flush=True,
        )
        if not one.holds and said:
            print(said)
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")
    return 0 if all(one.holds for one in found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
