# SPDX-License-Identifier: Apache-2.0
"""The probe: choosing, balancing, checking, hashing and storing the samples that explanations are about."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from PIL import Image

from tb_xai_callbacks.measure.axes import channel_axis, input_kind
from tb_xai_callbacks.probe.trees import arrays_of, map_arrays
from tb_xai_plugin.format.records import Probe

#: Inputs larger than this many floats are not stored as values.
MOST_VALUES = 1 << 20
#: Samples that a run is judged on: enough that a share of one in a hundred is seen, few enough to be cheap.
CHECKUP_SAMPLES = 128
#: A class that has fewer samples among those gets more, up to so many …
FEW = 4
#: … and so many of all classes.
MOST_RARE = 64


@dataclass(frozen=True)
class ProbeSet:
    """Fixed samples: `inputs` numpy, sample axis first; `labels` int [n] or None; `targets` or None.

    `problems` are sentences about samples that were given but could not be used. `checkup` are more of the
    samples that were given, in the proportions of the whole, for what takes more than a look: the first
    `core` of them; the rest are of classes too rare to be among those. `class_counts` is of all given.
    `tokens` are the strings of token inputs, "" where there is only padding; `feature_names` those of a
    table's columns; `regions` bool [n h w] say where in a picture the thing is. `index` [n] is where the
    samples stood among the given ones.
    """

    inputs: Any
    labels: np.ndarray | None = None
    targets: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    hash: str = ""
    problems: tuple[str, ...] = ()
    checkup: ProbeSet | None = None
    core: int = 0
    class_counts: tuple[int, ...] = ()
    tokens: tuple[tuple[str, ...], ...] = ()
    feature_names: tuple[str, ...] = ()
    regions: np.ndarray | None = None
    index: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def size(self) -> int:
        """Number of samples."""
        return len(arrays_of(self.inputs)[0])

    @property
    def real(self) -> np.ndarray | None:
        """Bool [n, t]: tokens that are no padding, as the inputs' `attention_mask` has it; None without."""
        mask = self.inputs.get("attention_mask") if isinstance(self.inputs, dict) else None
        return None if mask is None or mask.ndim != 2 else mask != 0

    @property
    def truth(self) -> np.ndarray | None:
        """What a loss would compare with: labels of a classification, else targets, else None."""
        return self.labels if self.labels is not None else self.targets

    def with_values(self) -> ProbeSet:
        """The same samples with the labels taken for values to be predicted."""
        values = None if self.labels is None else self.labels.astype(np.float64)
        more = self.checkup.with_values() if self.checkup else None
        return replace(self, labels=None, targets=values, checkup=more)

    def without_labels(self) -> ProbeSet:
        """The same samples with the labels forgotten."""
        more = self.checkup.without_labels() if self.checkup else None
        return replace(self, labels=None, checkup=more)

    def record(self, features_first: bool = False) -> Probe:
        """The probe as it is stored: pictures as PNG, other inputs as values where they are small.

        Series are stored as [n t c]; `features_first` says that they are given as [n c t].
        """
        main = arrays_of(self.inputs)[0]
        kind = input_kind(main)
        if kind == "series" and features_first:
            main = main.transpose(0, 2, 1)
        values = None if kind == "image" or main.size > MOST_VALUES else main.astype(np.float32)
        return Probe(
            hash=self.hash,
            kind=kind,
            shape=main.shape,
            images=images_png(main) if kind == "image" else (),
            tokens=self.tokens,
            values=values,
            labels=self.labels,
            targets=self.targets,
            class_names=self.class_names,
            feature_names=self.feature_names,
            region_png=() if self.regions is None else tuple(mask_png(mask) for mask in self.regions),
        )


def _channels_last(images: np.ndarray) -> np.ndarray:
    channels = channel_axis(images)
    return images[..., None] if channels is None else np.moveaxis(images, channels, -1)


def images_png(images: np.ndarray) -> tuple[bytes, ...]:
    """Images [n c h w], [n h w c] or [n h w] -> PNG each.

    Whole numbers 0..255 are kept; anything else (standardised inputs) is spread over the range of all
    samples together, so that their brightness stays comparable.
    """
    pixels = _channels_last(np.asarray(images))
    if pixels.dtype != np.uint8:
        finite = pixels[np.isfinite(pixels)].astype(np.float64)
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
        whole = low >= 0 and high <= 255 and high > 1 and bool((finite == np.round(finite)).all())
        low, span = (0.0, 255.0) if whole and high > 16 else (low, max(high - low, 1e-12))
        scaled = (np.nan_to_num(pixels.astype(np.float64), nan=low, posinf=high, neginf=low) - low) / span
        pixels = np.clip(scaled * 255 + 0.5, 0, 255).astype(np.uint8)
    return tuple(_png(picture) for picture in pixels)


def mask_png(mask: np.ndarray) -> bytes:
    """A mask with one bit a pixel; nothing for an empty one."""
    if not mask.any():
        return b""
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, format="PNG", optimize=False)
    return buffer.getvalue()


def _png(picture: np.ndarray) -> bytes:
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=False)
    return buffer.getvalue()


def balanced(labels: np.ndarray, num_samples: int, seed: int) -> np.ndarray:
    """Indices [min(num_samples, n)] that take the classes in turn, each in a seeded random order.

    The result is sorted by class, then by position, so that the films of a class stand together.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    rank = np.zeros(len(labels), dtype=np.int64)
    for value in np.unique(labels):
        mine = order[labels[order] == value]
        rank[mine] = np.arange(len(mine))
    chosen = order[np.lexsort((labels[order], rank[order]))][:num_samples]
    return chosen[np.lexsort((chosen, labels[chosen]))]


def probe_hash(inputs: Any) -> str:
    """16 hex digits of the samples' shapes, types and bytes: the same probe has the same hash."""
    digest = hashlib.sha256()
    for array in arrays_of(inputs):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _checked_inputs(inputs: Any) -> Any:
    inputs = map_arrays(inputs, np.asarray)
    lengths = {len(array) if array.ndim else 0 for array in arrays_of(inputs)}
    if not lengths or 0 in lengths:
        raise ValueError(
            "probe: expected (inputs, labels) with at least one sample, got none. "
            "Give a batch of your validation data, e.g. probe=next(iter(val_loader))"
        )
    if len(lengths) > 1:
        raise ValueError(f"probe: the input arrays have different numbers of samples: {sorted(lengths)}")
    return inputs


def _split_truth(labels: Any, n: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(classes, values): whole-number labels [n], [n 1] or one-hot [n c] are classes, else values."""
    if labels is None:
        return None, None
    array = np.asarray(labels)
    if array.ndim == 0 or len(array) != n:
        raise ValueError(f"probe: {n} samples but labels of shape {array.shape}; expected one label a sample")
    flat = array.reshape(n, -1)
    if flat.shape[1] > 1:
        one_hot = bool(np.isin(flat, (0, 1)).all() and (flat.sum(axis=1) == 1).all())
        return (flat.argmax(axis=1), None) if one_hot and array.ndim == 2 else (None, array)
    flat = flat[:, 0]
    if flat.dtype.kind in "iub":
        if flat.min() < 0:
            raise ValueError(f"probe: labels must be classes from 0, got {int(flat.min())}")
        return flat.astype(np.int64), None
    if np.isin(flat, (0, 1)).all() and flat.min() < flat.max():
        return flat.astype(np.int64), None  # as losses on logits want them
    return None, array


def choose_probe(
    inputs: Any,
    labels: Any = None,
    num_samples: int = 16,
    class_names: Sequence[str] | None = None,
    seed: int = 0,
) -> ProbeSet:
    """A class-balanced, seeded probe of at most `num_samples` of the given samples.

    Args:
        inputs: an array, or a dict, tuple or list of arrays, sample axis first.
        labels: classes [n], [n 1] or one-hot [n c]; or values of a regression; or None.

    Raises:
        ValueError: if there is no sample, or the lengths differ, or a label is negative.
    """
    inputs = _checked_inputs(inputs)
    n = len(arrays_of(inputs)[0])
    classes, values = _split_truth(labels, n)
    whole = np.flatnonzero(_finite_samples(inputs))
    if not len(whole):
        raise ValueError("probe: every sample has NaN or infinite values; give samples the model can take")
    groups = classes if classes is not None else np.zeros(n, dtype=np.int64)
    index = whole[balanced(groups[whole], num_samples, seed)]
    probe = _taken(inputs, classes, values, index)
    core = np.sort(np.random.default_rng(seed).permutation(whole)[:CHECKUP_SAMPLES])
    rare = np.zeros(0, dtype=np.int64) if classes is None else _rare(classes, whole, core)
    more = _taken(inputs, classes, values, np.concatenate([core, rare]))
    counts = () if classes is None else tuple(int(n) for n in np.bincount(classes))
    return replace(
        probe,
        class_names=tuple(str(name) for name in class_names or ()),
        hash=probe_hash(probe.inputs),
        problems=_problems(n, whole),
        checkup=replace(more, core=len(core), class_counts=counts),
    )


def _rare(classes: np.ndarray, whole: np.ndarray, core: np.ndarray) -> np.ndarray:
    """Up to `FEW` more samples of each class that has fewer in `core`, `MOST_RARE` in all."""
    chosen: list[int] = []
    rest = whole[~np.isin(whole, core)]
    for label in np.unique(classes[whole]):
        lacking = FEW - int((classes[core] == label).sum())
        chosen += rest[classes[rest] == label][: max(lacking, 0)].tolist()
    return np.array(chosen[:MOST_RARE], dtype=np.int64)


def _taken(inputs: Any, classes: np.ndarray | None, values: np.ndarray | None, index: np.ndarray) -> ProbeSet:
    """Copies of the samples at `index`."""
    return ProbeSet(
        inputs=map_arrays(inputs, lambda array: np.array(array[index])),
        labels=None if classes is None else classes[index],
        targets=None if values is None else np.array(values[index]),
        index=index,
    )


def _finite_samples(inputs: Any) -> np.ndarray:
    """Bool [n]: samples without NaN or infinity in any array."""
    arrays = [array for array in arrays_of(inputs) if array.dtype.kind == "f"]
    n = len(arrays_of(inputs)[0])
    finite = [np.isfinite(array).reshape(n, -1).all(axis=1) for array in arrays]
    return np.logical_and.reduce(finite) if finite else np.ones(n, dtype=bool)


def _problems(n: int, whole: np.ndarray) -> tuple[str, ...]:
    if len(whole) == n:
        return ()
    lost = sorted(set(range(n)) - set(whole.tolist()))
    shown = ", ".join(map(str, lost[:5])) + (" …" if len(lost) > 5 else "")
    return (f"{len(lost)} of {n} probe samples have NaN or infinite values and were left out: {shown}",)
