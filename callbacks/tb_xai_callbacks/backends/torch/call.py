# SPDX-License-Identifier: Apache-2.0
"""Into and out of a torch model: how the probe is handed over, and which of its outputs is explained."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tb_xai_callbacks.backends.torch.layout import first_tensor
from tb_xai_callbacks.measure.scores import Scoring, wrong_scores
from tb_xai_callbacks.probe.trees import arrays_of, map_arrays

#: Selects the tensor to explain from what the model returns.
Output = str | int | Callable[[Any], Any] | None


@dataclass(frozen=True)
class Call:
    """How the probe is put through a model.

    model: the module, or what stands for it. inputs: the probe's, numpy. settings: keywords of every call.
    output: which of the outputs is explained. place: device and float type of the model.
    """

    model: Any
    inputs: Any
    settings: Mapping[str, Any]
    output: Output
    place: tuple[torch.device, torch.dtype]

    def select(self, returned: Any) -> Tensor:
        """See `select_output`."""
        return select_output(returned, self.output)


def select_output(returned: Any, output: Output) -> Tensor:
    """The tensor to explain of what a model returned.

    Raises:
        TypeError: if there is none, with what was returned and how to select.
    """
    chosen: Any = returned
    if callable(output):
        chosen = output(returned)
    elif output is not None:
        try:
            chosen = returned[output]
        except (LookupError, TypeError):
            chosen = None
    elif isinstance(returned, Mapping):
        chosen = returned.get("logits")
    elif isinstance(returned, (tuple, list)) and returned:
        chosen = first_tensor(returned[0])
    elif not isinstance(returned, Tensor):
        chosen = getattr(returned, "logits", None)
    if isinstance(chosen, Tensor):
        return chosen
    keys = f" with keys {sorted(map(str, returned))}" if isinstance(returned, Mapping) else ""
    tried = f" with output={output!r}" if output is not None else ""
    raise TypeError(
        f"the model returned a {type(returned).__name__}{keys}, from which no tensor was selected{tried}; "
        'say which: output="logits", output=0 or output=lambda returned: …'
    )


def model_place(model: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Where the model lives and what its floats are; CPU and float32 for one without parameters."""
    parameters = [p for p in model.parameters() if p.is_floating_point()]
    return (parameters[0].device, parameters[0].dtype) if parameters else (torch.device("cpu"), torch.float32)


def to_device(inputs: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Numpy arrays → fresh tensors on `device`; floats take the parameters' type."""

    def convert(array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array)).to(device, copy=True)
        return tensor.to(dtype) if tensor.is_floating_point() else tensor

    return map_arrays(inputs, convert)


def to_numpy(tensor: Tensor) -> np.ndarray:
    """Any tensor → numpy; floats, also those that numpy lacks, as float32."""
    tensor = tensor.detach()
    return (tensor.float() if tensor.is_floating_point() else tensor).cpu().numpy()


def call(model: nn.Module, inputs: Any, settings: Mapping[str, Any]) -> Any:
    """Call a model with one input, a tuple of inputs, or keywords; `settings` are keywords besides."""
    if isinstance(inputs, dict) and _takes_keywords(model, inputs):
        return model(**inputs, **settings)
    if isinstance(inputs, (tuple, list)):
        return model(*inputs, **settings)
    return model(inputs, **settings)


def scoring_of(function: Callable[[Any], Any], device: torch.device) -> Scoring:
    """See `Observer.scoring`: gradients by autograd."""

    def scoring(outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.inference_mode(False), torch.enable_grad():
            tensor = torch.from_numpy(np.ascontiguousarray(outputs)).to(device, copy=True).requires_grad_()
            try:
                scores = function(tensor)
            except Exception as error:
                raise wrong_scores(f"nothing but {type(error).__name__}: {error}", len(outputs)) from error
            if problem := _no_scores(scores, len(outputs)):
                raise wrong_scores(problem, len(outputs))
            (slopes,) = torch.autograd.grad(scores.sum(), tensor, allow_unused=True)
            if slopes is None:
                raise wrong_scores("scores that do not depend on the outputs", len(outputs))
        return to_numpy(scores), to_numpy(slopes)

    return scoring


def _no_scores(scores: Any, samples: int) -> str:
    """What is wrong with what the user's function returned; "" for scores [samples] with a gradient."""
    if not isinstance(scores, Tensor):
        return f"a {type(scores).__name__}"
    if scores.shape != (samples,):
        return f"a tensor of shape {list(scores.shape)}"
    if not scores.is_floating_point():
        return f"a tensor of {str(scores.dtype).removeprefix('torch.')}"
    return "" if scores.requires_grad else "scores without a gradient, detached or made anew"


def _takes_keywords(model: nn.Module, inputs: Mapping[str, Any]) -> bool:
    parameters = inspect.signature(model.forward).parameters
    anything = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    return anything or all(name in parameters for name in inputs)


def shapes_of(inputs: Any) -> str:
    """The shapes of the probe's arrays, for messages."""
    return ", ".join(str(list(array.shape)) for array in arrays_of(inputs))


def detached(value: Any) -> Any:
    """The same without the graph that would be kept alive with it."""
    if isinstance(value, Tensor):
        return value.detach() if value.requires_grad else value
    if isinstance(value, dict):
        return {key: detached(item) for key, item in value.items()}
    if type(value) in (tuple, list):
        return type(value)(detached(item) for item in value)
    return value
