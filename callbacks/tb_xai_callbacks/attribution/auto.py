# SPDX-License-Identifier: Apache-2.0
"""What `methods="auto"` means: the methods that suit inputs and layers, and what is tried after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tb_xai_callbacks.attribution.cams import GRAD_CAM
from tb_xai_callbacks.attribution.conductance import LAYER_CONDUCTANCE
from tb_xai_callbacks.attribution.gradients import INPUT_X_GRADIENT, INTEGRATED_GRADIENTS, SALIENCY
from tb_xai_callbacks.attribution.method import Method
from tb_xai_callbacks.attribution.occlusion import OCCLUSION
from tb_xai_callbacks.attribution.rollouts import ATTENTION_ROLLOUT, GRADIENT_ROLLOUT
from tb_xai_callbacks.backends.contract import Layout, TargetLayer
from tb_xai_callbacks.measure.axes import input_kind
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.probe.trees import arrays_of

#: In `methods=`: what suits the inputs.
AUTO = "auto"


@dataclass(frozen=True)
class Choice:
    """The `methods` of a model on its probe, and those that are tried in turn where none of them can be."""

    methods: tuple[Method, ...] = ()
    others: tuple[Method, ...] = ()


def choose(layout: Layout, probe: ProbeSet, targets: Sequence[TargetLayer]) -> Choice:
    """The methods for the probe's first input; `targets` are the layers that are explained.

    Where the user named a layer, there is a method for it.
    """
    main = arrays_of(probe.inputs)[0]
    kind, named = input_kind(main), tuple(targets) != (layout.auto,)
    cam = (GRAD_CAM,) if any(target.has_map for target in targets) else ()
    units = () if all(target.has_map for target in targets) else (LAYER_CONDUCTANCE,)
    first: tuple[Method, ...]
    if kind == "tokens":  # a layer's map has no place in a text, so there is none unless it is asked for
        rollout = (GRADIENT_ROLLOUT,) if layout.attention_layers else ()
        first = (*(cam if named else ()), INPUT_X_GRADIENT, *rollout)
    elif kind == "image" or main.ndim == 4:
        first = cam or ((GRADIENT_ROLLOUT,) if layout.attention_layers else (INTEGRATED_GRADIENTS,))
    else:
        first = (*cam, INTEGRATED_GRADIENTS)
    attention = (ATTENTION_ROLLOUT,) if layout.attention_layers else ()
    return Choice((*first, *units), (SALIENCY, OCCLUSION, *attention, *cam))
