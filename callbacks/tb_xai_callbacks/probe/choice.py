# SPDX-License-Identifier: Apache-2.0
"""From what a user gives (samples, names, regions) to the probe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tb_xai_callbacks.measure.axes import axes_of, input_kind
from tb_xai_callbacks.measure.regions import masks_of
from tb_xai_callbacks.probe.samples import ProbeSet, choose_probe
from tb_xai_callbacks.probe.trees import arrays_of
from tb_xai_callbacks.settings import Settings

NOT_GIVEN = "regions= are of the samples of probe=, which was not given, so they are not used"


def probe_from(
    inputs: Any,
    labels: Any,
    options: Settings,
    *,
    class_names: Sequence[str] | None = None,
    given: bool = True,
) -> ProbeSet:
    """A probe of the given samples, with the names and regions of the options.

    `class_names` are those that the data has, where the options have none. `given` says that these are the
    samples that `options.regions` are about.

    Raises:
        ValueError: for samples, names or regions that cannot be, saying what can.
    """
    probe = choose_probe(inputs, labels, options.num_samples, options.class_names or class_names)
    main = arrays_of(probe.inputs)[0]
    probe = replace(
        probe,
        feature_names=_feature_names(main, options.feature_names),
        tokens=_tokens(main, options.vocabulary),
    )
    if options.regions is None:
        return probe
    if not given:
        return replace(probe, problems=(*probe.problems, NOT_GIVEN))
    return replace(probe, regions=_regions(main, len(arrays_of(inputs)[0]), probe.index, options.regions))


def check_regions(inputs: Any, regions: Any) -> None:
    """Refuse regions that cannot be while the user is still there; `inputs` None: no arrays were given.

    Raises:
        ValueError: naming the sample and the box, or saying that the samples are missing.
    """
    if inputs is None:
        raise ValueError("regions: they are of the samples of probe=; give it as (inputs, labels), in arrays")
    main = np.asarray(arrays_of(inputs)[0])
    _regions(main, len(main), np.arange(len(main)), regions)


def _feature_names(main: np.ndarray, names: Sequence[str] | None) -> tuple[str, ...]:
    if names is None:
        return ()
    if input_kind(main) != "tabular" or len(names) != main.shape[1]:
        raise ValueError(
            f"feature_names: got {len(names)} names for inputs of shape {list(main.shape)}; "
            "expected a table [n, features] and one name for each feature"
        )
    return tuple(str(name) for name in names)


def _tokens(main: np.ndarray, vocabulary: Any) -> tuple[tuple[str, ...], ...]:
    """The strings of tokens [n t]; an id without one is its number."""
    if vocabulary is None:
        return ()
    if input_kind(main) != "tokens":
        raise ValueError(
            f"vocabulary: got inputs of shape {list(main.shape)} and type {main.dtype}; "
            "expected whole numbers [n, tokens]"
        )
    strings = {token: _string(token, vocabulary) for token in np.unique(main).tolist()}
    return tuple(tuple(strings[token] for token in row) for row in main.tolist())


def _string(token: int, vocabulary: Any) -> str:
    if callable(vocabulary):
        return str(vocabulary(token))
    if isinstance(vocabulary, Mapping):
        return str(vocabulary.get(token, token))
    return str(vocabulary[token]) if 0 <= token < len(vocabulary) else str(token)


def _regions(main: np.ndarray, samples: int, index: np.ndarray, regions: Any) -> np.ndarray:
    axes = axes_of(main)
    if input_kind(main) != "image":
        raise ValueError(
            f"regions: got inputs of shape {list(main.shape)}; boxes and masks need pictures, "
            "[n c h w], [n h w c] or [n h w]"
        )
    rows, columns = (main.shape[axis] for axis in axes.positions)
    return np.asarray(masks_of(regions, samples, (rows, columns))[index])
