# SPDX-License-Identifier: Apache-2.0
"""What an attribution method is: described once, here, for the recorder, the log and the tab."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields

import numpy as np

from tb_xai_callbacks.attribution.question import Question
from tb_xai_callbacks.backends.contract import Layout, TargetLayer
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_plugin.format.records import MethodDescription

#: What a method can explain: positions or units of a layer, values of the input, or tokens by attention.
LAYER, INPUT, ATTENTION = "layer", "input", "attention"

#: From a question, and the layer that is asked about (None but for methods that explain a layer), to heat.
How = Callable[[Question, TargetLayer | None], np.ndarray]


@dataclass(frozen=True)
class Method:
    """One attribution method. `METHODS` lists ours; `methods=` takes instances of your own.

    Give `how`, or subclass, override `make`, and describe the one instance. An error switches off this method
    alone, with its reason in the tab; raise ValueError with a sentence for a model that cannot have it.

    Args:
        name: in `methods=`, in tags and in addresses: letters, digits and underscores.
        title: for people.
        meaning: what its values say, in a sentence or two.
        how: makes the heat; see `make`.
        explains: "layer": asked about each of `target_layers`. "input": about the input as a whole.
            "attention": about all attention layers at once.
        signed: whether a value's sign means something, for the explained score or against it.
        guided: whether gradients are clipped at ReLUs in its passes.
        passes: how many times it typically runs the model on the probe, beyond the pass that all signals
            share. 0: it is made of that one alone, on a background thread.
        source: the paper.
        faithful: False if its maps hardly change when the network's weights are shuffled.
        complete: whether its values claim to add up to the change of the score from a blank input; trust
            then measures what they miss.
        needs_map: of a method that explains a layer, whether that needs rows and columns. False: it is asked
            about every one of `target_layers`, also those of units alone.

    Raises:
        ValueError: for a name or an `explains` that cannot be, or a map of the input without a pass.
        TypeError: for a subclass that describes itself by attributes of the class, which would not count.
    """

    name: str
    title: str
    meaning: str
    how: How | None = field(default=None, repr=False)
    explains: str = INPUT
    signed: bool = False
    guided: bool = False
    passes: int = 1
    source: str = ""
    faithful: bool = True
    complete: bool = False
    needs_map: bool = True

    def __init_subclass__(cls) -> None:
        fresh = inspect.get_annotations(cls)  # fields that a dataclass declares anew do count
        lost = [one.name for one in fields(Method) if one.name in vars(cls) and one.name not in fresh]
        if lost:
            raise TypeError(
                f"{cls.__name__} sets {', '.join(lost)} as of the class; give it where the method is made: "
                f"{cls.__name__}(name, title, meaning, …)"
            )

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"method {self.name!r}: a name has letters, digits and underscores only")
        if self.explains not in (LAYER, INPUT, ATTENTION):
            raise ValueError(
                f"method {self.name!r}: explains={self.explains!r}; expected {LAYER}, {INPUT} or {ATTENTION}"
            )
        if self.passes < (self.explains == INPUT or self.guided):
            raise ValueError(
                f"method {self.name!r}: passes={self.passes}; a map of the input, and a guided one, take at "
                "least one of their own"
            )

    def absent(self, layout: Layout, probe: ProbeSet) -> str:
        """Why this model cannot have it, known before the first pass; "" if it may."""
        return ""

    def make(self, question: Question, layer: TargetLayer | None) -> np.ndarray:
        """The heat of every sample, as the question has its inputs, in the samples' order.

        [n h w] of a layer's positions or of a picture, [n t] of tokens and moments, [n f] of a table's
        features, [n units] of a layer's units, [n d h w] of a volume; raw, neither scaled nor resized.

        Raises:
            ValueError: if there is no such map of this model, with the reason as a sentence.
        """
        if self.how is None:
            raise NotImplementedError(f"method {self.name!r} has no how=, and does not override make")
        return self.how(question, layer)

    def can_explain(self, layer: TargetLayer) -> bool:
        """Whether it may be asked about this layer."""
        return self.explains == LAYER and (layer.has_map or not self.needs_map)

    def place(self, layer: TargetLayer | None) -> str:
        """The layer that its maps are recorded under: its name, "input", or "attention"."""
        return self.explains if layer is None else layer.name

    @property
    def described(self) -> MethodDescription:
        """What the log says of it."""
        return MethodDescription(
            name=self.name,
            title=self.title,
            meaning=self.meaning,
            explains=self.explains,
            signed=self.signed,
            unfaithful=not self.faithful,
            source=self.source,
        )


def describe(methods: Iterable[Method]) -> tuple[MethodDescription, ...]:
    """What the log says of these methods."""
    return tuple(method.described for method in methods)
