# SPDX-License-Identifier: Apache-2.0
"""Keras 3 has no forward hooks: what stands in for them, the same on every backend and model form.

`layer.call` is shadowed on the *instance* for one eager call and uncovered again. That reaches layers of
functional, Sequential, subclassed and nested models alike and leaves compiled train functions alone.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras

ATTENTION_TYPES = (keras.layers.MultiHeadAttention, keras.layers.GroupQueryAttention)

#: Layers whose inner layers are no rows of their own: they run once a time step or are part of one idea.
OPAQUE_TYPES = (*ATTENTION_TYPES, keras.layers.RNN, keras.layers.Wrapper)

_MISSING = object()


@dataclass(frozen=True, eq=False)
class NamedLayer:
    """A layer by its path of nested models, its weights by theirs; `container`: it is a nested model."""

    name: str
    layer: Any
    container: bool
    variables: tuple[tuple[str, Any], ...] = ()


#: Called with the layer, the arguments of its call and its output; what it returns goes on.
OnCall = Callable[[NamedLayer, tuple[Any, ...], Any], Any]


def named_layers(model: Any) -> list[NamedLayer]:
    """All layers in the model's own order, each once; the model itself first, under the name ""."""
    found = [NamedLayer("", model, True, _own_variables(model, ""))]
    _visit(model, "", found, {id(model)}, set())
    return found


def _visit(parent: Any, prefix: str, found: list[NamedLayer], seen: set[int], names: set[str]) -> None:
    for layer in _children(parent):
        if id(layer) in seen or isinstance(layer, keras.layers.InputLayer):
            continue
        seen.add(id(layer))
        name = _unused(prefix + layer.name, names)
        opaque = isinstance(layer, OPAQUE_TYPES)
        variables = _all_variables(layer, name, seen) if opaque else _own_variables(layer, name)
        found.append(NamedLayer(name, layer, isinstance(layer, keras.Model), variables))
        if not opaque:
            _visit(layer, name + "/", found, seen, names)


def _unused(name: str, names: set[str]) -> str:
    """`name`, numbered if another layer of a subclassed model has it already."""
    count, unique = 1, name
    while unique in names:
        count += 1
        unique = f"{name}_{count}"
    names.add(unique)
    return unique


def _children(layer: Any) -> list[Any]:
    # `_layers` is private, but the public `_flatten_layers` has no paths and `layers` exists for models only.
    return list(layer._layers)


def _own_variables(layer: Any, name: str) -> tuple[tuple[str, Any], ...]:
    """The layer's weights, frozen ones too, without the state that no optimiser updates."""
    prefix = f"{name}/" if name else ""
    return tuple((prefix + variable.name, variable) for variable in layer._trainable_variables)


def _all_variables(layer: Any, name: str, seen: set[int]) -> tuple[tuple[str, Any], ...]:
    found = list(_own_variables(layer, name))
    for child in _children(layer):
        if id(child) not in seen:
            seen.add(id(child))
            found += _all_variables(child, f"{name}/{child.name}", seen)
    return tuple(found)


@contextmanager
def shadowed(owner: Any, attribute: str, value: Any) -> Iterator[None]:
    """Put `value` in front of an attribute, on the instance and past Keras's tracking; take it away after."""
    previous = vars(owner).get(attribute, _MISSING)
    object.__setattr__(owner, attribute, value)
    try:
        yield
    finally:
        if previous is _MISSING:
            object.__delattr__(owner, attribute)
        else:
            object.__setattr__(owner, attribute, previous)


def tapped_call(named: NamedLayer, on_call: OnCall) -> Callable[..., Any]:
    """The layer's `call`, telling `on_call` about each output and passing on what that returns."""
    original = named.layer.call

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        output = original(*args, **kwargs)
        return on_call(named, (*args, *kwargs.values()), output)

    return call


#: Called with a layer's name and its attention probabilities; what it returns goes on.
OnScores = Callable[[str, Any], Any]


def open_attention(named: NamedLayer) -> Callable[..., Any]:
    """The layer's `_compute_attention` with the probabilities asked for; every argument is passed through.

    Dropping one would change what the model computes: `use_causal_mask` is how Keras says "causal" when
    there is no other mask. MultiHeadAttention takes the wish as an argument, GroupQueryAttention as an
    attribute that its `call` sets anew.
    """
    original = named.layer._compute_attention
    signature = inspect.signature(original)

    @functools.wraps(original)
    def compute(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        if "return_attention_scores" in signature.parameters:
            bound.arguments["return_attention_scores"] = True
        with shadowed(named.layer, "_return_attention_scores", True):
            return original(*bound.args, **bound.kwargs)

    return compute


def tapped_softmax(named: NamedLayer, on_scores: OnScores) -> Callable[..., Any]:
    """The layer's softmax of its scores, telling `on_scores` the probabilities before the values see them."""
    original = named.layer._masked_softmax

    @functools.wraps(original)
    def softmax(*args: Any, **kwargs: Any) -> Any:
        return on_scores(named.name, original(*args, **kwargs))

    return softmax


def attention_shadows(layers: Sequence[NamedLayer], on_scores: OnScores) -> list[tuple[Any, str, Any]]:
    """(owner, attribute, value) to shadow so that attention layers compute their probabilities openly."""
    shadows: list[tuple[Any, str, Any]] = []
    for named in layers:
        shadows.append((named.layer, "_compute_attention", open_attention(named)))
        shadows.append((named.layer, "_masked_softmax", tapped_softmax(named, on_scores)))
        shadows.append((named.layer, "_flash_attention", False))
    return shadows


def first_tensor(output: Any) -> Any | None:
    """The tensor of an output, or the first one of a tuple, list or dict; None if there is none."""
    tensors = [leaf for leaf in keras.tree.flatten(output) if keras.ops.is_tensor(leaf)]
    return tensors[0] if tensors else None


def replace_first(output: Any, tensor: Any, replacement: Any) -> Any:
    """The output with `tensor` replaced wherever it stands."""
    if output is tensor or replacement is tensor:
        return replacement if output is tensor else output
    return keras.tree.map_structure(lambda leaf: replacement if leaf is tensor else leaf, output)
