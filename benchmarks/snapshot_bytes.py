# SPDX-License-Identifier: Apache-2.0
"""Bytes that a Grad-CAM snapshot of 16 pictures takes in the log, against PNG overlays of the same maps.

tf-explain and pytorch-grad-cam log a map as a picture of the input's size with the coloured map over it;
TensorBoard's image summary stores that as PNG. Pictures: crops of scikit-learn's two photographs. Maps: of a
ResNet-18 with random weights, so as rough as maps get.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from benchmarks.interleave import Figure, Section
from benchmarks.nets import ResNet18
from tb_xai_callbacks.measure.cam import grad_cam
from tb_xai_callbacks.measure.resize import bilinear
from tb_xai_plugin.format.records import Attribution
from tb_xai_plugin.format.summary import record_summary

LAYERS = ("layer1", "layer2", "layer3", "layer4")
DEFAULT_BAR, FOUR_LAYERS_BAR, TWO_HUNDRED_BAR = 1 / 400, 1 / 40, 1_000_000
SIDE, SAMPLES = 224, 16


def photographs() -> np.ndarray:
    """Crops uint8 [16 224 224 3] of two photographs whose shorter side was scaled to 256, as is usual."""
    crops = []
    for picture in load_sample_images().images:
        height, width = picture.shape[:2]
        scaled = np.asarray(Image.fromarray(picture).resize((256 * width // height, 256), Image.BILINEAR))
        corners = [(top, left) for top in (0, 32) for left in np.linspace(0, scaled.shape[1] - SIDE, 4)]
        crops += [scaled[top : top + SIDE, int(left) : int(left) + SIDE] for top, left in corners]
    return np.stack(crops)


def maps(pictures: np.ndarray) -> dict[str, np.ndarray]:
    """Grad-CAM [16 h w] of the first class by layer."""
    torch.manual_seed(0)
    model = ResNet18(large=True, classes=1000).eval()
    kept: dict[str, torch.Tensor] = {}
    for name in LAYERS:
        model.get_submodule(name).register_forward_hook(
            lambda module, args, output, name=name: kept.update({name: output})
        )
    inputs = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    score = model(inputs)[:, 0].sum()
    gradients = torch.autograd.grad(score, [kept[name] for name in LAYERS])
    return {
        name: np.asarray(grad_cam(kept[name].detach().numpy(), gradient.numpy()))
        for name, gradient in zip(LAYERS, gradients, strict=True)
    }


def our_bytes(layer: str, heat: np.ndarray) -> int:
    """Of one record as it is in the event file."""
    return record_summary(
        Attribution(
            method="grad_cam",
            layer=layer,
            heat=heat,
            targets=np.arange(SAMPLES),
            scores=np.ones(SAMPLES),
            predictions=np.arange(SAMPLES),
            prediction_scores=np.ones(SAMPLES),
            probe="0" * 16,
        )
    ).ByteSize()


def jet(value: np.ndarray) -> np.ndarray:
    """Values [h w] in 0 … 1 -> colours [h w 3]: blue, cyan, yellow, red."""
    places = np.stack([4 * value - 1.5, 4 * value - 0.5, 4 * value + 0.5], axis=-1)
    return np.clip(np.minimum(places, 4.0 - places - 1.0), 0, 1)


def overlay(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Picture uint8 [h w 3] under its map, as pytorch-grad-cam's `show_cam_on_image` mixes them: halves, then
    to full range. uint8 [h w 3]."""
    scaled = bilinear(heat[None], picture.shape[:2])[0]
    scaled = (scaled - scaled.min()) / (np.ptp(scaled) or 1)
    mixed = 0.5 * picture / 255 + 0.5 * jet(scaled)
    return (255 * mixed / mixed.max()).astype(np.uint8)


def overlay_bytes(pictures: np.ndarray, heat: np.ndarray) -> int:
    """Of these overlays as PNG."""
    total = 0
    for picture, one in zip(pictures, heat, strict=True):
        target = io.BytesIO()
        Image.fromarray(overlay(picture, one)).save(target, format="PNG")
        total += len(target.getvalue())
    return total


def compare(found: dict[str, np.ndarray], pictures: np.ndarray, layers: Sequence[str]) -> tuple[int, int]:
    """(our bytes, bytes of the overlays) of these layers."""
    ours = sum(our_bytes(name, found[name]) for name in layers)
    return ours, sum(overlay_bytes(pictures, found[name]) for name in layers)


def run(quick: bool = False) -> list[Section]:
    """The default layer and four layers; `quick` changes nothing."""
    pictures = photographs()
    found = maps(pictures)
    section = Section(
        "Bytes of a Grad-CAM snapshot of 16 pictures of 224 × 224",
        "Against PNG overlays of the same maps over the same photographs.",
    )
    for name in LAYERS:
        side = found[name].shape[1]
        section.figures.append(Figure(f"{side} × {side}", our_bytes(name, found[name]), "bytes"))
    for layers, bar, title in (
        (LAYERS[-1:], DEFAULT_BAR, "the default layer, 7 × 7"),
        (LAYERS, FOUR_LAYERS_BAR, "four layers, 56 × 56 to 7 × 7"),
    ):
        ours, overlays = compare(found, pictures, layers)
        note = f"1/{overlays / ours:.0f} of {overlays:,} bytes"
        section.figures.append(Figure(f"{title}, against overlays", ours / overlays, "×", bar=bar, note=note))
    total = 200 * our_bytes(LAYERS[-1], found[LAYERS[-1]])
    section.figures.append(Figure("200 snapshots of the default layer", total, "bytes", bar=TWO_HUNDRED_BAR))
    return [section]
