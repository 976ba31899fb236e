# SPDX-License-Identifier: Apache-2.0
"""Attribution methods, one family a file: `METHODS`, and `Method` for your own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from tb_xai_callbacks.attribution.auto import AUTO, Choice, choose
from tb_xai_callbacks.attribution.cams import (
    EIGEN_CAM,
    GRAD_CAM,
    GRAD_CAM_PLUS_PLUS,
    HIRES_CAM,
    LAYER_CAM,
    SCORE_CAM,
    XGRAD_CAM,
)
from tb_xai_callbacks.attribution.conductance import LAYER_CONDUCTANCE, NEURON_CONDUCTANCE
from tb_xai_callbacks.attribution.delegated import DEEP_LIFT, FEATURE_ABLATION, KERNEL_SHAP, LIME, LRP
from tb_xai_callbacks.attribution.gradients import (
    GUIDED_BACKPROP,
    INPUT_X_GRADIENT,
    INTEGRATED_GRADIENTS,
    SALIENCY,
    SMOOTH_GRAD,
)
from tb_xai_callbacks.attribution.method import Method, describe
from tb_xai_callbacks.attribution.occlusion import OCCLUSION
from tb_xai_callbacks.attribution.question import Question
from tb_xai_callbacks.attribution.rollouts import ATTENTION_ROLLOUT, GRADIENT_ROLLOUT

__all__ = [
    "AUTO", "METHODS", "Choice", "Method", "Question", "choose", "describe", "method_named", "methods_from",
]  # fmt: skip

#: Every method that `methods=` takes by name.
METHODS: tuple[Method, ...] = (
    GRAD_CAM, GRAD_CAM_PLUS_PLUS, HIRES_CAM, LAYER_CAM, XGRAD_CAM, EIGEN_CAM, SCORE_CAM, LAYER_CONDUCTANCE,
    SALIENCY, INPUT_X_GRADIENT, SMOOTH_GRAD, INTEGRATED_GRADIENTS, GUIDED_BACKPROP, OCCLUSION,
    ATTENTION_ROLLOUT, GRADIENT_ROLLOUT, NEURON_CONDUCTANCE,
    DEEP_LIFT, LRP, FEATURE_ABLATION, KERNEL_SHAP, LIME,
)  # fmt: skip


def method_named(name: str) -> Method:
    """One of `METHODS`.

    Raises:
        ValueError: if there is none of that name, with the list.
    """
    for method in METHODS:
        if method.name == name:
            return method
    known = ", ".join(method.name for method in METHODS)
    raise ValueError(
        f"methods has {name!r}; known: {known}, {AUTO}; or a Method of your own "
        "(tb_xai_callbacks.attribution)"
    )


def methods_from(wanted: Iterable[str | Method], auto: Sequence[Method] = ()) -> tuple[Method, ...]:
    """The methods that `methods=` asks for, by name or as they are, each once; `auto` in place of "auto".

    Raises:
        ValueError: for an unknown name, with the list; for something that is no method; for two of one name.
    """
    wanted = [wanted] if wanted == AUTO else wanted
    found: dict[str, Method] = {method.name: method for method in METHODS}
    chosen: dict[str, Method] = {}
    for item in chain.from_iterable(auto if one == AUTO else [one] for one in wanted):
        if not isinstance(item, (str, Method)):
            raise ValueError(f"methods has {item!r}; expected names, or a Method of your own")
        method = method_named(item) if isinstance(item, str) else item
        if found.setdefault(method.name, method) is not method:
            raise ValueError(f"methods has two that are named {method.name!r}; give yours another name")
        chosen[method.name] = method
    return tuple(chosen.values())
