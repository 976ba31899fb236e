# SPDX-License-Identifier: Apache-2.0
"""A torch module as a function of its inputs: gradients there, guided ones, and with shuffled weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from tb_xai_callbacks.backends.contract import Pulled
from tb_xai_callbacks.backends.torch.attention import attending_in_graph, by_heads
from tb_xai_callbacks.backends.torch.call import Call, call, to_device, to_numpy
from tb_xai_callbacks.backends.torch.captum import Scored, attribute
from tb_xai_callbacks.backends.torch.graph import pull_back
from tb_xai_callbacks.backends.torch.layout import first_tensor
from tb_xai_callbacks.backends.torch.map_layers import takes_series
from tb_xai_callbacks.measure.scores import Selection
from tb_xai_callbacks.probe.trees import arrays_of, map_arrays, with_first

#: So that the same network is shuffled alike at every step.
SHUFFLE_SEED = 0
RELUS = frozenset({"relu", "relu_", "relu6", "relu6_"})

#: Taps layers by name: a context in which their outputs are kept in the dict.
Tapping = Callable[[Sequence[str], dict[str, Tensor]], AbstractContextManager[None]]


class TorchExplainer:
    """See `backends.Explainer`; made by `TorchObserver.explaining`, inside its probe context.

    Args:
        how: the model and its call.
        tapping: taps layers.
        as_map: name, tensor -> array, channels first.
        guided: clip gradients at ReLUs.

    Raises:
        ValueError: if the inputs are whole numbers and no embedding takes them.
    """

    def __init__(
        self,
        how: Call,
        tapping: Tapping,
        as_map: Callable[[str, Tensor], np.ndarray],
        guided: bool,
    ) -> None:
        model, inputs = how.model, how.inputs
        self._model = model
        self._fixed = to_device(inputs, *how.place)
        self._place = how.place
        self._settings = how.settings
        self._select = how.select
        self._tapping = tapping
        self._as_map = as_map
        self._relus = _Relus(guided)
        main = arrays_of(inputs)[0]
        self.embedded = main.dtype.kind in "iu" and main.ndim == 2
        self._embedding: nn.Module | None = None
        if main.dtype.kind != "f" and not self.embedded:
            main = main.astype(np.float32)
        self.inputs = self._embed(main.shape) if self.embedded else main
        self.features_first = takes_series(model, main.shape)
        self.has_relu = False

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """See `Explainer.outputs`."""
        with torch.no_grad():
            return to_numpy(self._run(self._tensor(inputs)))

    def pull(self, inputs: np.ndarray, cotangent: np.ndarray, layers: Sequence[str] = ()) -> Pulled:
        """See `Explainer.pull`."""
        taps: dict[str, Tensor] = {}
        start = self._tensor(inputs).requires_grad_()
        with self._tapping(layers, taps), self._relus:
            output = self._run(start)
        self.has_relu = self.has_relu or self._relus.seen
        found = pull_back(output, {"": start, **taps}, cotangent)
        return Pulled(
            to_numpy(found.pop("")),
            {name: self._as_map(name, tap) for name, tap in taps.items()},
            {name: self._as_map(name, gradient) for name, gradient in found.items()},
        )

    def pull_unit(self, inputs: np.ndarray, layer: str, unit: np.ndarray) -> np.ndarray:
        """See `Explainer.pull_unit`."""
        taps: dict[str, Tensor] = {}
        start = self._tensor(inputs).requires_grad_()
        with self._tapping([layer], taps):
            self._run(start)
        tap = taps[layer]
        entries = torch.arange(tap[0].numel(), dtype=torch.float64).view(tap[:1].shape)
        own = torch.from_numpy(self._as_map(layer, entries).ravel()[unit].astype(np.int64)).to(tap.device)
        chosen = tap.flatten(1).gather(1, own[:, None])
        return to_numpy(pull_back(chosen, {"": start}, np.ones((len(inputs), 1), np.float32))[""])

    def attend(self, cotangent: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """See `Explainer.attend`."""
        with attending_in_graph(self._model) as weights, torch.enable_grad():
            output = self._select(call(self._model, self._fixed, self._settings))
        if not weights:
            raise ValueError("no attention was seen whose probabilities a gradient can reach")
        slopes = pull_back(output, weights, cotangent)
        return (
            {name: to_numpy(by_heads(tensor, tensor)) for name, tensor in weights.items()},
            {name: to_numpy(by_heads(tensor, slopes[name])) for name, tensor in weights.items()},
        )

    def delegate(self, method: str, inputs: np.ndarray, choice: Selection, groups: np.ndarray) -> np.ndarray:
        """See `Explainer.delegate`; all by Captum."""
        start = self._tensor(inputs)
        scores = self._scores(start, choice)
        modules = self._model.model if isinstance(self._model, Shuffled) else self._model
        scored = Scored(modules, lambda versions, rows: scores(self._run(versions, rows), rows), len(inputs))
        return to_numpy(attribute(method, scored, start, torch.from_numpy(groups).to(self._place[0])))

    def _scores(self, start: Tensor, choice: Selection) -> Callable[[Tensor, Tensor], Tensor]:
        """Outputs [k …] of versions of the samples `rows` [k] -> the explained scores [k]."""
        function = choice.function
        if function is None:
            weights = torch.from_numpy(choice.cotangent).to(self._place[0]).flatten(1)
            return lambda outputs, rows: (outputs.flatten(1) * weights[rows]).sum(1)
        samples = len(start)
        with torch.no_grad():
            usual = self._run(start)

        def scores(outputs: Tensor, rows: Tensor) -> Tensor:
            # The user's function sees every sample in its place: versions of one among the others.
            if len(rows) % samples == 0 and torch.equal(rows[:samples].cpu(), torch.arange(samples)):
                return torch.cat([function(part) for part in outputs.split(samples)])
            among = [
                usual.index_copy(0, row[None], one[None]) for row, one in zip(rows, outputs, strict=True)
            ]
            return torch.stack([function(all_)[row] for row, all_ in zip(rows, among, strict=True)])

        return scores

    def _tensor(self, inputs: np.ndarray) -> Tensor:
        device, dtype = self._place
        return torch.from_numpy(np.ascontiguousarray(inputs)).to(device, dtype, copy=True)

    def _run(self, start: Tensor, rows: Tensor | None = None) -> Tensor:
        """`start` [k …] are the probe's samples, or versions of those in `rows` [k]."""
        fixed = self._fixed if rows is None else map_arrays(self._fixed, lambda tensor: tensor[rows])
        if self._embedding is None:
            return self._select(call(self._model, with_first(fixed, start), self._settings))
        with _hooked(self._embedding, lambda *_: start):
            return self._select(call(self._model, fixed, self._settings))

    def _embed(self, shape: tuple[int, ...]) -> np.ndarray:
        """The embeddings [n t e] of the tokens; they take the place of the inputs from here on."""
        kept: list[tuple[nn.Module, Tensor]] = []

        def keep(module: nn.Module, args: Any, output: Any) -> None:
            tensor = first_tensor(output)
            if not kept and tensor is not None and tuple(tensor.shape[:2]) == shape:
                kept.append((module, tensor.detach()))

        with _all_hooked(self._model, keep), torch.no_grad():
            call(self._model, self._fixed, self._settings)
        if not kept:
            raise ValueError(
                "the inputs are whole numbers [n, tokens], but no nn.Embedding takes them as they are"
            )
        self._embedding, tensor = kept[0]
        return to_numpy(tensor)


class _Relus(TorchFunctionMode):
    """Notes ReLUs; where guided, only positive gradients pass back through their outputs."""

    def __init__(self, guided: bool) -> None:
        super().__init__()
        self.guided = guided
        self.seen = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") in RELUS:
            self.seen = True
            if self.guided and isinstance(output, Tensor) and output.requires_grad:
                output.register_hook(lambda gradient: gradient.clamp(min=0))
        return output


class Shuffled:
    """A module called with the entries of its weight matrices shuffled; the module itself stays as it is."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.forward = model.forward
        generator = torch.Generator().manual_seed(SHUFFLE_SEED)
        self.weights = {
            name: _shuffled(parameter.detach(), generator)
            for name, parameter in model.named_parameters()
            if parameter.dim() > 1
        }

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """One pass."""
        return functional_call(self.model, self.weights, args, kwargs)

    def named_modules(self) -> Iterator[tuple[str, nn.Module]]:
        """The modules of the module by path."""
        modules: Iterator[tuple[str, nn.Module]] = self.model.named_modules()
        return modules

    def modules(self) -> Iterator[nn.Module]:
        """The modules of the module."""
        return self.model.modules()


def _shuffled(values: Tensor, generator: torch.Generator) -> Tensor:
    order = torch.randperm(values.numel(), generator=generator)
    return values.flatten()[order.to(values.device)].view_as(values)


@contextmanager
def _hooked(module: nn.Module, hook: Callable[..., Any]) -> Iterator[None]:
    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _all_hooked(model: Any, hook: Callable[..., Any]) -> Iterator[None]:
    handles = [m.register_forward_hook(hook) for m in model.modules() if isinstance(m, nn.Embedding)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
