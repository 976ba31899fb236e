# SPDX-License-Identifier: Apache-2.0
"""Attributions by Captum, for methods that are not ours: it is imported when one is asked for, not before.

Everything is run inside the probe's context, which puts back modes and random numbers; here they are seeded,
so that maps of different steps differ by the model alone. Baselines are zeros.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

#: Coalitions of KernelSHAP, perturbed samples of LIME.
PERTURBED = 256
#: What DeepLIFT may miss of the change of the score before it is not believed.
MISSED = 0.02
SEED = 0
MISSING = "Captum is not installed: pip install 'tb-xai-plugin[attribution]'"
NEEDS_MODULES = (
    "DeepLIFT by Captum is silently wrong unless every nonlinearity is a module of its own that it knows "
    "(nn.ReLU, ELU, LeakyReLU, Sigmoid, Tanh, Softplus, Softmax, MaxPool), and {}; "
    "use such modules, or leave deep_lift out of methods"
)
#: Nonlinear functions as `__torch_function__` names them.
NONLINEAR = frozenset({
    "relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "glu", "sigmoid",
    "tanh", "softplus", "softmax", "log_softmax", "logsigmoid", "hardtanh", "hardswish", "hardsigmoid",
    "threshold", "softsign", "clamp", "clamp_min", "clamp_max", "maximum", "minimum", "abs", "exp", "log",
    "sqrt", "rsqrt", "square", "pow", "max_pool1d", "max_pool2d", "max_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "layer_norm", "group_norm", "rms_norm", "instance_norm",
    "scaled_dot_product_attention", "multi_head_attention_forward",
})  # fmt: skip


class Scored(nn.Module):
    """A model as the module that Captum takes: from its inputs [k …] to the explained scores [k].

    Args:
        modules: the user's model, whose modules Captum hooks.
        score: from inputs [k …] and their rows in the probe [k] to scores [k].
        samples: how many the probe has.
    """

    def __init__(self, modules: nn.Module, score: Callable[[Tensor, Tensor], Tensor], samples: int) -> None:
        super().__init__()
        self.explained = modules
        self.train(modules.training)
        self._score = score
        self._samples = samples

    def forward(self, inputs: Tensor) -> Tensor:
        """The samples one after the other, as often as they come: DeepLIFT runs them beside the baselines."""
        rows = torch.arange(len(inputs), device=inputs.device) % self._samples
        return self._score(inputs, rows)

    def of_sample(self, row: int) -> Callable[[Tensor], Tensor]:
        """The score of one sample in many versions [k …] -> [k]."""
        return lambda inputs: self._score(inputs, torch.full((len(inputs),), row, device=inputs.device))


def attribute(method: str, scored: Scored, inputs: Tensor, groups: Tensor) -> Tensor:
    """Attributions [n …] of the inputs [n …] by one of `METHODS`.

    groups: int of one input's shape; what has one number is taken away together, and shares what it gets.

    Raises:
        ValueError: if Captum is not there, or cannot explain this model, with the reason.
    """
    try:
        import captum.attr  # noqa: F401
    except ImportError as error:
        raise ValueError(MISSING) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(SEED)
        found = METHODS[method](scored, inputs, groups)
    return found.detach()


def _deep_lift(scored: Scored, inputs: Tensor, groups: Tensor) -> Tensor:
    """One pass of the samples and the baselines together, checked for completeness."""
    from captum.attr import DeepLift

    if reason := _no_deep_lift(scored, inputs):
        raise ValueError(reason)
    found: Tensor = DeepLift(scored).attribute(inputs, torch.zeros_like(inputs))
    with torch.no_grad():
        change = scored(inputs) - scored(torch.zeros_like(inputs))
    missed = (found.flatten(1).sum(1) - change).abs().max()
    if missed > MISSED * change.abs().max().clamp(min=1e-6):
        raise ValueError(
            f"DeepLIFT does not add up on this model: it misses {missed.item():.3g} of a change of the "
            f"score by {change.abs().max().item():.3g}, so a part of it has no rule in Captum; "
            "leave deep_lift out of methods"
        )
    return found


def _no_deep_lift(scored: Scored, inputs: Tensor) -> str:
    """Why Captum's DeepLIFT would be wrong on this model; "" if nothing is known against it."""
    from captum.attr._core.deep_lift import SUPPORTED_NON_LINEAR

    seen = _Nonlinear(tuple(SUPPORTED_NON_LINEAR))
    with seen.watching(scored), torch.no_grad(), seen:
        scored(inputs)
    if seen.functions:
        return NEEDS_MODULES.format(f"{', '.join(sorted(seen.functions))} ran outside of one")
    again = [name for name, count in seen.calls.items() if count > 1]
    return NEEDS_MODULES.format(f"{again[0]} runs {seen.calls[again[0]]} times a pass") if again else ""


class _Nonlinear(TorchFunctionMode):
    """Notes nonlinear functions outside of the `known` kinds of modules, and those modules' calls."""

    def __init__(self, known: tuple[type[nn.Module], ...]) -> None:
        super().__init__()
        self.functions: set[str] = set()
        self.calls: Counter[str] = Counter()
        self._known = known
        self._inside = 0

    @contextmanager
    def watching(self, scored: Scored) -> Iterator[None]:
        """Know when one of the modules runs."""
        handles = []
        for name, module in scored.explained.named_modules():
            if type(module) in self._known:
                handles.append(module.register_forward_pre_hook(self._entering(name)))
                handles.append(module.register_forward_hook(self._left))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _entering(self, name: str) -> Callable[..., None]:
        def enter(*_: Any) -> None:
            self._inside += 1
            self.calls[name] += 1

        return enter

    def _left(self, *_: Any) -> None:
        self._inside -= 1

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "").strip("_")
        if not self._inside and name in NONLINEAR:
            self.functions.add(name)
        return func(*args, **(kwargs or {}))


def _lrp(scored: Scored, inputs: Tensor, groups: Tensor) -> Tensor:
    """Layer-wise relevance propagation by the ε-rule; two passes (Bach et al., PLoS ONE 2015)."""
    from captum.attr import LRP
    from captum.attr._utils.lrp_rules import EpsilonRule

    # Linear layers that Captum has no default for; the rule is the general one.
    known = (nn.Conv1d, nn.Flatten, nn.Identity, nn.AvgPool1d, nn.AdaptiveAvgPool1d, nn.BatchNorm1d)
    ruled = [module for module in scored.modules() if type(module) in known]
    method = LRP(scored)
    # This rule changes no weights. Putting them back would write to the user's parameters all the same.
    method._restore_state = lambda: None
    try:
        for module in ruled:
            module.rule = EpsilonRule()
        found: Tensor = method.attribute(inputs)
        return found
    except TypeError as error:
        kinds = sorted({type(m).__name__ for m in scored.explained.modules() if not any(m.children())})
        raise ValueError(
            f"Captum's LRP has no rule for a layer of this model ({', '.join(kinds)}); "
            "leave lrp out of methods"
        ) from error
    finally:
        for module in scored.modules():
            for name in ("rule", "activations"):
                vars(module).pop(name, None)


def _feature_ablation(scored: Scored, inputs: Tensor, groups: Tensor) -> Tensor:
    """What the score loses without each group; a pass for each."""
    from captum.attr import FeatureAblation

    found = FeatureAblation(scored).attribute(inputs, baselines=0, feature_mask=groups[None])
    return _shared(found, groups)


def _kernel_shap(scored: Scored, inputs: Tensor, groups: Tensor) -> Tensor:
    """Shapley values from `PERTURBED` coalitions of a sample's groups (Lundberg & Lee 2017)."""
    from captum.attr import KernelShap

    return _one_by_one(KernelShap, scored, inputs, groups)


def _lime(scored: Scored, inputs: Tensor, groups: Tensor) -> Tensor:
    """A sparse linear model of `PERTURBED` versions, weighted by likeness (Ribeiro et al. 2016)."""
    from captum.attr import Lime

    return _one_by_one(Lime, scored, inputs, groups)


def _one_by_one(method: Callable[..., Any], scored: Scored, inputs: Tensor, groups: Tensor) -> Tensor:
    """A model of the model for each sample; several versions of it go through at once."""
    found = []
    for row in range(len(inputs)):
        torch.manual_seed(SEED)
        one = method(scored.of_sample(row)).attribute(
            inputs[row : row + 1],
            baselines=0,
            feature_mask=groups[None],
            n_samples=PERTURBED,
            perturbations_per_eval=max(len(inputs), 16),
        )
        found.append(one)
    return _shared(torch.cat(found), groups)


def _shared(found: Tensor, groups: Tensor) -> Tensor:
    """What each group got, divided among its members, so that the map's total is that of the groups."""
    return found / torch.bincount(groups.flatten())[groups]


METHODS: dict[str, Callable[[Scored, Tensor, Tensor], Tensor]] = {
    "deep_lift": _deep_lift,
    "lrp": _lrp,
    "feature_ablation": _feature_ablation,
    "kernel_shap": _kernel_shap,
    "lime": _lime,
}
