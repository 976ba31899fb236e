# SPDX-License-Identifier: Apache-2.0
"""The dry run: which layers a torch model executes, in which order, and what they are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tb_xai_plugin.format.records import Layer, LayerTable, Parameter

#: Leaves that only move or drop values: they would repeat the row before them.
PASS_THROUGH = (nn.Identity, nn.Flatten, nn.Unflatten, nn.modules.dropout._DropoutNd)
#: Leaves whose units are axis 1.
CHANNELS_FIRST = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._BatchNorm,
    nn.GroupNorm,
    nn.modules.instancenorm._InstanceNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
)
#: Functional nonlinearities that make a layer's units dead or alive.
FUNCTIONAL = {
    "relu": "relu",
    "relu_": "relu",
    "relu6": "relu",
    "leaky_relu": "leaky_relu",
    "elu": "elu",
    "gelu": "gelu",
    "silu": "silu",
    "mish": "mish",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
    "log_softmax": "log_softmax",
}
#: Leaves whose units are the last axis.
UNITS_LAST = (nn.Linear, nn.LayerNorm, nn.Embedding, nn.MultiheadAttention, nn.RNNBase)
#: Layers whose outputs come close to zero but never reach it.
SMOOTH_TYPES = frozenset({"GELU", "SiLU", "Mish"})


def is_row(module: nn.Module) -> bool:
    """Whether a module is a row of the statistics: a leaf, or an attention layer taken as one."""
    if isinstance(module, nn.MultiheadAttention):
        return True
    return not any(True for _ in module.children()) and not isinstance(module, PASS_THROUGH)


def first_tensor(output: Any) -> Tensor | None:
    """The tensor of an output that may be a tensor, or a tuple, list or dict of such."""
    if isinstance(output, Tensor):
        return output
    values = (
        output.values() if isinstance(output, dict) else output if isinstance(output, (tuple, list)) else ()
    )
    return next((found for value in values if (found := first_tensor(value)) is not None), None)


@dataclass
class Execution:
    """One module's part in the dry run; `tensor` keeps the output alive so that its id stays its own."""

    name: str
    module: nn.Module
    tensor: Tensor
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    calls: int = 1


@dataclass
class DryRun:
    """What happened: executions in the order in which they ended, and who used what."""

    num_samples: int
    executions: dict[str, Execution] = field(default_factory=dict)
    activations: dict[int, str] = field(default_factory=dict)
    attention: list[str] = field(default_factory=list)
    kept: list[Tensor] = field(default_factory=list)

    def ended(self, name: str, module: nn.Module, args: Any, output: Any) -> None:
        """Note one call of a module."""
        tensor = first_tensor(output)
        if tensor is None:
            return
        calls = self.executions[name].calls + 1 if name in self.executions else 1
        self.executions.pop(name, None)  # the last call counts, also for the order
        tensors = [value for value in args if isinstance(value, Tensor)]
        inputs = tuple(id(value) for value in tensors)
        self.executions[name] = Execution(name, module, tensor, inputs, tuple(tensor.shape), calls)
        self.kept += [tensor, *tensors]  # alive, their ids stay their own


class _NoteActivations(TorchFunctionMode):
    """Notes which tensors a functional nonlinearity is applied to; one that is a layer is a row itself."""

    def __init__(self, run: DryRun, in_row: Callable[[], bool]) -> None:
        super().__init__()
        self.run = run
        self.in_row = in_row

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = FUNCTIONAL.get(getattr(func, "__name__", ""))
        if name and args and isinstance(args[0], Tensor) and not self.in_row():
            self.run.kept.append(args[0])
            self.run.activations.setdefault(id(args[0]), name)
        return func(*args, **(kwargs or {}))


def dry_run(model: nn.Module, forward: Callable[[], Any], num_samples: int) -> DryRun:
    """Run the probe once and note every module's call. The caller provides the probe context."""
    run = DryRun(num_samples)
    running: list[bool] = []
    with ExitStack() as stack:
        for name, module in model.named_modules():
            if name:
                row = is_row(module)
                before = module.register_forward_pre_hook(lambda *_, row=row: running.append(row))
                after = module.register_forward_hook(_noting(run, running, name))
                stack.callback(before.remove)
                stack.callback(after.remove)
        with _NoteActivations(run, lambda: any(running)):
            forward()
    return run


def _noting(run: DryRun, running: list[bool], name: str) -> Callable[[nn.Module, Any, Any], None]:
    def hook(module: nn.Module, args: Any, output: Any) -> None:
        running.pop()
        run.ended(name, module, args, output)

    return hook


def unit_axes(run: DryRun) -> dict[str, int]:
    """The axis of each module's units: by kind of layer, as in the input of an elementwise one, or as in
    the last row within a block."""
    axis_of: dict[int, int] = {}
    axes = {}
    last = -1
    for item in run.executions.values():
        dims = len(item.shape)
        if isinstance(item.module, CHANNELS_FIRST):
            axis = 1
        elif isinstance(item.module, UNITS_LAST):
            axis = dims - 1
        else:
            known = [axis_of[i] for i in (id(item.tensor), *item.inputs[:1]) if i in axis_of]
            inner = [last] if not is_row(item.module) and 0 < last < dims else []
            axis = [*known, *inner, 1 if dims == 4 else dims - 1][0]
        axes[item.name] = min(axis, max(dims - 1, 0))
        axis_of.setdefault(id(item.tensor), axes[item.name])
        last = axes[item.name] if is_row(item.module) else last
    return axes


def channels_last_names(run: DryRun, axes: dict[str, int]) -> frozenset[str]:
    """Modules with outputs [n h w c], as inside Swin.

    Told cautiously: the units lie on the last axis, and the first two of the others are alike, as those
    of channels first are only by chance.
    """
    shapes = {item.name: item.shape for item in run.executions.values()}
    return frozenset(
        name
        for name, shape in shapes.items()
        if len(shape) == 4 and axes[name] == 3 and shape[1] == shape[2] != shape[3]
    )


def picture_size(item: Execution, last: frozenset[str]) -> tuple[int, int]:
    """(rows, columns) of an output; (0, 0) where it has none. `last`: modules with channels last."""
    if len(item.shape) != 4:
        return (0, 0)
    first = 1 if item.name in last else 2
    return item.shape[first], item.shape[first + 1]


def rows(run: DryRun) -> list[Execution]:
    """The executions that are rows of the statistics, in execution order."""
    return [item for item in run.executions.values() if is_row(item.module)]


def layer_table(
    model: nn.Module,
    run: DryRun,
    axes: dict[str, int],
    last: frozenset[str],
    updated: dict[int, int] | None,
    trainable: set[int],
) -> LayerTable:
    """Rows, parameters and what never ran. `updated`: group by id of the parameters that an
    optimizer has; `trainable`: ids of those that require a gradient."""
    executed = rows(run)
    layers = tuple(
        Layer(
            name=item.name,
            type=type(item.module).__name__,
            output_shape=item.shape[1:],
            units=_units(item, axes[item.name], run.num_samples),
            activation=run.activations.get(id(item.tensor), ""),
            calls=item.calls,
            spatial=min(picture_size(item, last)) > 1,
            is_output=item is executed[-1],
        )
        for item in executed
    )
    row_names = {layer.name for layer in layers}
    parameters = tuple(
        Parameter(
            name=name,
            layer=_owner(name, row_names),
            shape=tuple(parameter.shape),
            trainable=id(parameter) in trainable,
            in_optimizer=updated is None or id(parameter) in updated,
            group=(updated or {}).get(id(parameter), 0),
        )
        for name, parameter in model.named_parameters()
    )
    names = "\n".join([*(f"{x.name}:{x.units}" for x in layers), *(p.name for p in parameters)])
    identity = hashlib.sha256(names.encode()).hexdigest()[:16]
    return LayerTable(identity, layers, parameters, _never_executed(model, run))


def _units(item: Execution, axis: int, num_samples: int) -> int:
    """Number of units; 0 where the first axis is not that of the samples, so that none can be counted."""
    return item.shape[axis] if len(item.shape) > 1 and item.shape[0] == num_samples else 0


def _owner(parameter: str, row_names: set[str]) -> str:
    """The row that a parameter belongs to; where there is none, its module."""
    above = ancestors(parameter)
    return next((name for name in above if name in row_names), above[0] if above else "")


def _never_executed(model: nn.Module, run: DryRun) -> tuple[str, ...]:
    """Modules with parameters of their own that did not run; those within a row ran with it."""
    executed = {name for name, item in run.executions.items() if is_row(item.module)}
    return tuple(
        name
        for name, module in model.named_modules()
        if name
        and name not in run.executions
        and any(True for _ in module.parameters(recurse=False))
        and executed.isdisjoint(ancestors(name))
    )


def ancestors(name: str) -> list[str]:
    """The paths of the modules that a module lies in, the nearest first."""
    parts = name.split(".")
    return [".".join(parts[:size]) for size in range(len(parts) - 1, 0, -1)]
