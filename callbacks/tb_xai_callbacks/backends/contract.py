# SPDX-License-Identifier: Apache-2.0
"""Who runs and differentiates the model: the contract that every backend fulfils.

A backend is imported only by the host that uses it, so importing this package costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from tb_xai_callbacks.measure.outcome import LossFacts
from tb_xai_callbacks.measure.scores import Scoring, Selection
from tb_xai_plugin.format.records import LayerTable


@dataclass(frozen=True)
class TargetLayer:
    """A layer whose output can be explained: as a map, or (`has_map` is False) unit by unit.

    `grid` is (rows, columns) where the output is tokens [n, tokens, channels], of which the first
    `prefix_tokens` (class token, registers) are no part of the grid; None where it is [n, c, h, w]
    already, of volumes [n, c, d, h, w]. Backends always hand over channels first, but of a layer without a
    map the axes that it has: `units_axis` is that of its units.
    """

    name: str
    grid: tuple[int, int] | None = None
    prefix_tokens: int = 0
    has_map: bool = True
    units_axis: int = 1


@dataclass(frozen=True)
class Layout:
    """What a dry run of the model on the probe found out.

    `candidates` are all layers with a spatial output in execution order; `auto` the one that
    `target_layers="auto"` means (None: no spatial layer, `no_target_reason` says why).
    `sigmoid_output` says that what `capture` hands over went through a sigmoid already, `features_first`
    that inputs [n a b] are series [n c t] rather than [n t c]. `no_output_reason` says why it is not known
    which of the model's outputs to explain; "" where it is. `seconds` is what the forward pass took.
    """

    table: LayerTable
    candidates: tuple[TargetLayer, ...] = ()
    auto: TargetLayer | None = None
    no_target_reason: str = ""
    attention_layers: tuple[str, ...] = ()
    no_attention_reason: str = ""
    call_counts: dict[str, int] = field(default_factory=dict)
    sigmoid_output: bool = False
    features_first: bool = False
    no_output_reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Absence:
    """Why something cannot be observed, and what to do about it; `level` of the notice: info or warning."""

    reason: str
    remedy: str = ""
    level: str = "info"


@dataclass(frozen=True)
class CaptureRequest:
    """What one probe pass is to bring: one forward pass, and a backward pass if there are scores to choose.

    `layers` are those whose outputs are kept, with the chosen score's gradient there; `choose` takes outputs
    [n, …] to what is explained of them. `statistics` names reductions to take on the probe: activation,
    gradient, weight_gradient.
    """

    layers: tuple[str, ...] = ()
    choose: Callable[[np.ndarray], Selection] | None = None
    attention: bool = False
    statistics: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Reduction:
    """Statistics of one signal at one step, reduced on the device and copied to the host once.

    values float32 [rows, columns] (NaN: the row has no value), counts uint64 [rows, 2 E + 2] in the
    layout of `records.Histograms`, live uint32 [sum of units] or None. `arrays` are the values themselves by
    row, float32, where the observer keeps them (see `Training.keeping`).
    """

    signal: str
    source: str
    num_samples: int
    values: np.ndarray
    counts: np.ndarray | None = None
    live: np.ndarray | None = None
    arrays: tuple[np.ndarray | None, ...] | None = None


#: Reductions whose copy to the host may still be under way; called on the sink's thread.
Pending = Callable[[], Sequence[Reduction]]
#: By the signal that they are of. What fails for one of them is raised by its own `Pending`.
Reductions = Mapping[str, Pending]


@dataclass(frozen=True)
class Capture:
    """One probe pass. Activations and gradients by layer, float32 numpy: [n c h w] or [n tokens c].

    attention: by layer, probabilities [n, heads, queries, keys]. `statistics` are those reductions on the
    probe that were asked for and that there are: of gradients only where the backend knows the loss.
    """

    outputs: np.ndarray
    choice: Selection | None = None
    activations: dict[str, np.ndarray] = field(default_factory=dict)
    gradients: dict[str, np.ndarray] = field(default_factory=dict)
    attention: dict[str, np.ndarray] = field(default_factory=dict)
    statistics: Reductions = field(default_factory=dict)


@dataclass(frozen=True)
class Pulled:
    """One differentiated pass: gradients of the score at the input [n …] and, by layer, activations and
    gradients as in `Capture`."""

    gradient: np.ndarray
    activations: dict[str, np.ndarray] = field(default_factory=dict)
    gradients: dict[str, np.ndarray] = field(default_factory=dict)


class Explainer(Protocol):
    """The model as a function of its inputs, in inference mode, on the samples of the probe.

    `inputs` is what it is differentiated by: float inputs [n …], or the embeddings [n t e] of tokens.
    """

    inputs: np.ndarray
    #: Whether `inputs` are embeddings.
    embedded: bool
    #: Whether inputs [n a b] are series [n c t].
    features_first: bool

    @property
    def has_relu(self) -> bool:
        """Whether a guided pass came through a ReLU whose gradient it could clip."""
        ...

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs [n, …] for other values of `inputs`."""
        ...

    def pull(self, inputs: np.ndarray, cotangent: np.ndarray, layers: Sequence[str] = ()) -> Pulled:
        """Gradients of the sum of outputs × cotangent, at the inputs and at layers."""
        ...

    def pull_unit(self, inputs: np.ndarray, layer: str, unit: np.ndarray) -> np.ndarray:
        """Gradients at the inputs [n …] of one unit of a layer: that of the flat index `unit` [n] by sample.

        The index counts the entries of the layer's output of one sample, channels first.
        """
        ...

    def attend(self, cotangent: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Attention [n heads queries keys] on the probe and the score's gradient there, by layer in order.

        Raises:
            ValueError: if no attention with probabilities in the graph was seen.
        """
        ...

    def delegate(self, method: str, inputs: np.ndarray, choice: Selection, groups: np.ndarray) -> np.ndarray:
        """Attributions [n …] at the inputs by a library: deep_lift, lrp, feature_ablation, kernel_shap, lime.

        `groups` [...] numbers the parts of one input that are taken away together.

        Raises:
            ValueError: if the library is not there, or has nothing true to say about this model.
        """
        ...


class Model(Protocol):
    """The model, run on the probe. Whatever a pass changes is as before after it."""

    def layout(self) -> Layout:
        """Dry-run the probe once and say what there is."""
        ...

    def capture(self, request: CaptureRequest) -> Capture:
        """One pass over the probe in inference mode; flags, buffers and RNG are as before after it."""
        ...

    def outputs(self, inputs: Any) -> np.ndarray:
        """Outputs [n, …] for other samples than the probe, in inference mode."""
        ...

    def weights(self) -> Iterator[tuple[str, np.ndarray]]:
        """Name and values, a float32 copy, of every weight as it is now, in the order of the layer table."""
        ...

    def scoring(self, function: Callable[[Any], Any]) -> Scoring:
        """The user's function, from an output tensor [n, …] to scores [n], as one of arrays; with gradients.

        Called within `capture` and `explaining`.

        Raises:
            ValueError: when it is called, if the function does not return one score a sample.
        """
        ...

    def explaining(self, guided: bool = False, randomised: bool = False) -> AbstractContextManager[Explainer]:
        """The model as a function of the probe's inputs; training finds everything as it was.

        `guided`: gradients are clipped at every ReLU (guided backpropagation). `randomised`: the entries of
        every weight matrix are shuffled, with a seed of our own.

        Raises:
            ValueError: if the inputs cannot be differentiated.
        """
        ...


class Training(Protocol):
    """The training steps, as far as they can be seen. Nothing it does changes them."""

    #: True: `collect` brings the training batch itself, taken before its update, so it belongs to the
    #: step before. False: layers are seen on the probe only, after the update.
    observes_training: bool
    #: Signals of reductions whose rows' values are to be kept in `Reduction.arrays`. Set before training.
    keeping: frozenset[str]

    def arm(self, wanted: frozenset[str]) -> None:
        """Observe the next training step, as far as that can be: the reductions that are wanted."""
        ...

    def disarm(self) -> None:
        """Stop observing: remove every hook. Safe to call at any time."""
        ...

    def collect(self) -> Reductions:
        """What the armed step brought, empty if none was; disarms.

        Reductions of activation, gradient, weight_gradient and weight. In training the weights are those
        that the batch saw, with the update ratio of the step that followed.
        """
        ...

    def parameters(self, wanted: frozenset[str]) -> Reductions:
        """The weights as they are now; `update_ratio` is NaN where it is not known."""
        ...

    def last_batch(self, wanted: frozenset[str]) -> Reductions:
        """Activations of the most recent training batch with the weights as they are now, if there is one."""
        ...

    def note_loss(self, loss: Any) -> None:
        """The loss of the armed step, with its graph where there is one; read before `collect`."""
        ...

    def close(self) -> None:
        """The run is over: nothing of ours stays at the model."""
        ...


class Facts(Protocol):
    """What is known of the model and its training."""

    backend: str
    versions: tuple[str, ...]
    #: Columns of the outputs [n, c]; 0 where they are of another shape or not known.
    num_outputs: int

    @property
    def loss_facts(self) -> LossFacts | None:
        """What is known of the loss; None before it was seen."""
        ...

    @property
    def missing(self) -> Mapping[str, Absence]:
        """Signals that cannot be seen in this training, by name."""
        ...

    def optimizer_facts(self) -> tuple[str, dict[str, float]]:
        """The optimizer's name and its options as they are now; ("", {}) if there is none."""
        ...

    def numbers(self, values: Sequence[Any]) -> Callable[[], np.ndarray]:
        """Numbers that may lie on the device [k] -> float32 [k]; called on the sink's thread."""
        ...


class Observer(Model, Training, Facts, Protocol):
    """A model as the recorder sees it: what every backend fulfils, and all that others may call."""
