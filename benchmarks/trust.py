# SPDX-License-Identifier: Apache-2.0
"""Two published findings, repeated with this project's own methods on scikit-learn's digits.

Sanity checks for saliency maps (Adebayo et al., NeurIPS 2018): a map that stays when the weights go explains
the picture rather than the model. Weights are drawn anew from the last layer down; what is reported is the
rank correlation with the trained model's map, mean over the pictures.

Deletion and insertion (Petsiuk et al., BMVC 2018): a better order of pixels lowers the class's probability
faster when they are taken away, and raises it faster when they are put back.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from benchmarks.interleave import Figure, Section
from benchmarks.nets import DigitsNet
from tb_xai_callbacks.attribution import Question, method_named
from tb_xai_callbacks.backends.contract import TargetLayer
from tb_xai_callbacks.backends.torch.observer import TorchObserver
from tb_xai_callbacks.measure import trust
from tb_xai_callbacks.measure.ranks import rank_correlation
from tb_xai_callbacks.measure.scores import select

#: From the outputs down.
CASCADE = ("head", "conv3", "conv2", "conv1")
#: The methods of the sanity table; Grad-CAM at the last convolution.
SANITY = ("guided_backprop", "saliency", "grad_cam", "input_x_gradient", "integrated_gradients")
#: From best to worst, as it is known of them.
ORDER = ("integrated_gradients", "input_x_gradient", "saliency", "random")
LAYER = TargetLayer("relu3")
#: All pictures that were held out.
SAMPLES = 450
#: Some 96 %: where the network is sure of everything, integrated gradients and input × gradient are alike.
EPOCHS = 3


@dataclass(frozen=True)
class Trained:
    """A model and pictures [n 1 8 8] that it was not trained on."""

    model: nn.Module
    pictures: np.ndarray
    accuracy: float


def train(seed: int, epochs: int = EPOCHS) -> Trained:
    """A small CNN on three quarters of the digits."""
    pictures, labels = load_digits(return_X_y=True)
    inputs = torch.tensor(pictures / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    classes = torch.tensor(labels)
    torch.manual_seed(seed)
    order = torch.randperm(len(inputs))
    seen, held = order[: len(inputs) * 3 // 4], order[len(inputs) * 3 // 4 :]
    model = DigitsNet()
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(epochs):
        for batch in seen[torch.randperm(len(seen))].split(32):
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs[batch]), classes[batch]).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = float((model(inputs[held]).argmax(1) == classes[held]).float().mean())
    return Trained(model, inputs[held][:SAMPLES].numpy(), accuracy)


def maps(model: nn.Module, pictures: np.ndarray, methods: Iterable[str]) -> dict[str, np.ndarray]:
    """Maps [n h w] by method, for the classes that this model predicts."""
    observer = TorchObserver(model, pictures)
    choice = select(observer.outputs(pictures), "predicted")
    found = {}
    for method in methods:
        with observer.explaining(guided=method == "guided_backprop") as explainer:
            target = LAYER if method == "grad_cam" else None
            found[method] = method_named(method).make(Question(explainer, choice), target)
    return found


def drawn_anew(model: nn.Module, layers: Iterable[str], seed: int) -> nn.Module:
    """A copy whose weights in `layers` are again as before training."""
    torch.manual_seed(1000 + seed)
    other = copy.deepcopy(model)
    for name in layers:
        other.get_submodule(name).reset_parameters()
    return other


def sanity(trained: Trained, seed: int) -> dict[str, list[float]]:
    """By method, the mean rank correlation after each further layer of the cascade."""
    whole = maps(trained.model, trained.pictures, SANITY)
    table: dict[str, list[float]] = {method: [] for method in SANITY}
    for depth in range(1, len(CASCADE) + 1):
        other = maps(drawn_anew(trained.model, CASCADE[:depth], seed), trained.pictures, SANITY)
        for method in SANITY:
            table[method].append(float(np.nanmean(rank_correlation(whole[method], other[method]))))
    return table


def areas(trained: Trained, seed: int) -> dict[str, tuple[float, float]]:
    """By method, mean areas under the deletion and the insertion curve."""
    found = maps(trained.model, trained.pictures, ORDER[:-1])
    found["random"] = np.random.default_rng(seed).random(found["saliency"].shape)
    observer = TorchObserver(trained.model, trained.pictures)
    choice = select(observer.outputs(trained.pictures), "predicted")
    with observer.explaining() as explainer:
        question = Question(explainer, choice)
        return {method: _areas_of(question, heat) for method, heat in found.items()}


def _areas_of(question: Question, heat: np.ndarray) -> tuple[float, float]:
    def area(curve: Callable[..., trust.Curve]) -> float:
        inputs = question.inputs
        return float(np.mean(curve(question.probability_at, inputs, heat, axes=(2, 3), steps=32).area))

    return area(trust.deletion), area(trust.insertion)


def run(quick: bool = False) -> list[Section]:
    """Both tables, means over seeds."""
    seeds = range(1 if quick else 5)
    trained = [train(seed) for seed in seeds]
    accuracy = np.mean([one.accuracy for one in trained])
    tables = [sanity(one, seed) for seed, one in enumerate(trained)]
    about = f"Accuracy of the CNN on digits it has not seen: {accuracy:.1%}; mean of {len(seeds)} seeds."
    first = Section("Sanity: rank correlation of maps before and after weights are drawn anew", about)
    for method in SANITY:
        steps = np.mean([table[method] for table in tables], axis=0)
        cascade = ", ".join(f"{name} {value:.2f}" for name, value in zip(CASCADE, steps, strict=True))
        first.figures.append(Figure(method, float(steps[-1]), "", note=f"… {cascade}"))
    found = [areas(one, seed) for seed, one in enumerate(trained)]
    second = Section("Deletion (lower is better) and insertion (higher is better)", about)
    for method in ORDER:
        deletion, insertion = np.mean([one[method] for one in found], axis=0)
        second.figures.append(Figure(method, float(deletion), "", note=f"insertion {insertion:.3f}"))
    return [first, second]
