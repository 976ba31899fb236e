# SPDX-License-Identifier: Apache-2.0
"""What travels between the rooms: one frozen dataclass a record, arrays with named axes.

The letters in the shapes: n samples of the probe, h rows and w columns of a map. Arrays are numpy.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from PIL import Image

from tb_xai_plugin.format.columns import columns_of
from tb_xai_plugin.format.records_diagnosis import Finding as Finding
from tb_xai_plugin.format.records_diagnosis import Findings as Findings
from tb_xai_plugin.format.records_diagnosis import LossTrace as LossTrace
from tb_xai_plugin.format.records_diagnosis import RuleState as RuleState
from tb_xai_plugin.format.records_diagnosis import Setup as Setup
from tb_xai_plugin.format.records_own import ColumnDescription as ColumnDescription
from tb_xai_plugin.format.records_own import Descriptions as Descriptions
from tb_xai_plugin.format.records_own import KindDescription as KindDescription
from tb_xai_plugin.format.records_own import MethodDescription as MethodDescription
from tb_xai_plugin.format.records_own import Numbers as Numbers

TRAINING_BATCH = "training batch"
PROBE = "probe"

#: Names of the statistics in the order on disk; `columns.COLUMNS` says what each is. A record names its own.
LAYER_COLUMNS = columns_of("activation")
GRADIENT_COLUMNS = columns_of("gradient")
WEIGHT_COLUMNS = columns_of("weight")
WEIGHT_GRADIENT_COLUMNS = columns_of("weight_gradient")

#: The signals whose rows are layers, and those whose rows are parameters.
LAYER_SIGNALS = ("activation", "gradient")
PARAMETER_SIGNALS = ("weight", "weight_gradient")

#: Histogram layout (see `Histograms`): exponents -40 … 23 of each sign.
MIN_EXPONENT = -40
EXPONENTS = 64


@dataclass(frozen=True)
class Layer:
    """A layer that the forward pass executes; `output_shape` is without the batch axis."""

    name: str
    type: str
    output_shape: tuple[int, ...] = ()
    units: int = 0
    activation: str = ""
    calls: int = 1
    spatial: bool = False
    is_output: bool = False


@dataclass(frozen=True)
class Parameter:
    """A weight tensor; `in_optimizer` is False where nothing updates it.

    `group` is its parameter group, counted through all optimizers: the scalar `learning_rate` is that of
    group 0, `learning_rate/2` that of group 2.
    """

    name: str
    layer: str
    shape: tuple[int, ...] = ()
    trainable: bool = True
    in_optimizer: bool = True
    group: int = 0


@dataclass(frozen=True)
class LayerTable:
    """The row names of the statistics: layers in execution order, parameters in the model's order."""

    id: str
    layers: tuple[Layer, ...]
    parameters: tuple[Parameter, ...] = ()
    never_executed: tuple[str, ...] = ()


@dataclass(frozen=True)
class LayerStats:
    """Statistics of one signal, all rows at one step: `values` float32 [rows, columns], NaN for none."""

    signal: str
    source: str
    num_samples: int
    table: str
    columns: tuple[str, ...]
    values: np.ndarray


@dataclass(frozen=True)
class Histograms:
    """Signed log2 histograms of one signal at one step: `counts` uint64 [rows, 2 E + 2].

    A row's bins: E negative ones from the largest magnitude to the smallest, zero, E positive ones
    from the smallest to the largest, non-finite. Bin e holds 2**e <= |x| < 2**(e + 1); the first and
    the last exponent also hold what is beyond them. Of large tensors an even sample may have been counted,
    so a row's sum is at most the number of values.
    """

    signal: str
    source: str
    num_samples: int
    table: str
    counts: np.ndarray
    min_exponent: int = MIN_EXPONENT
    exponents: int = EXPONENTS


@dataclass(frozen=True)
class UnitCounts:
    """In how many of `num_samples` samples each unit is active: `live` uint32, layer after layer."""

    source: str
    num_samples: int
    table: str
    live: np.ndarray


@dataclass(frozen=True)
class Attribution:
    """What one method says about all probe samples at one layer: `heat` float32 [n, h, w] (or [n, …]).

    `scores` are the probabilities of `targets` (`probabilities` is True) or the explained outputs.
    Probabilities are those of the model: softmax of logits where its output is not one already.
    """

    method: str
    layer: str
    heat: np.ndarray
    targets: np.ndarray
    scores: np.ndarray
    predictions: np.ndarray
    prediction_scores: np.ndarray
    probabilities: bool = True
    signed: bool = False
    probe: str = ""
    call: int = 1
    calls: int = 1


@dataclass(frozen=True)
class Trust:
    """How far to believe the maps of one method at one layer: `measures` name → float32 [n].

    deletion, insertion: area under the curve of the score while the most important tenth after tenth of
    the input is taken away from, or given back to, a blank one (share of the whole score; low and high are
    good). stability: rank correlation with the maps of slightly noisy inputs. randomisation: rank correlation
    with the map of the same network with random weights (low is good; Adebayo et al. 2018). gap: what the
    attributions miss of the score, as a share of it. pointing: 1 where the strongest value lies in the region
    that the user marked, else 0. mass: the share of the positive heat that lies in it. `missing`: what was
    not measured → why.
    """

    method: str
    layer: str
    measures: dict[str, np.ndarray]
    missing: dict[str, str] = field(default_factory=dict)
    probe: str = ""


@dataclass(frozen=True)
class Attention:
    """Attention probabilities of one layer: `weights` float32 [n, heads, queries, keys], rows sum to 1.

    `queries` and `keys` are the sizes before pooling; `entropy` float32 [heads] is in nats, the mean
    over samples and queries, taken before pooling.
    """

    layer: str
    weights: np.ndarray
    queries: int
    keys: int
    entropy: np.ndarray
    probe: str = ""


@dataclass(frozen=True)
class HeadStats:
    """Entropy per head of every attention layer: layer → (keys, entropy float32 [heads] in nats)."""

    layers: dict[str, tuple[int, np.ndarray]]


@dataclass(frozen=True)
class Probe:
    """The fixed samples that every explanation is about.

    `kind` is image, tokens, series, tabular or tensor. `labels` are classes, or None; `targets` are
    the values of a regression, or None. `images` are PNG bytes, `region_png` masks of one bit a pixel,
    empty for a sample without one.
    """

    hash: str
    kind: str
    shape: tuple[int, ...]
    images: tuple[bytes, ...] = ()
    tokens: tuple[tuple[str, ...], ...] = ()
    values: np.ndarray | None = None
    labels: np.ndarray | None = None
    targets: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    patch_grid: tuple[int, int] = (0, 0)
    prefix_tokens: int = 0
    region_png: tuple[bytes, ...] = ()

    @property
    def regions(self) -> np.ndarray | None:
        """Where in each picture the user says that the thing is, bool [n h w]; None if it was not said."""
        masks = [np.asarray(Image.open(io.BytesIO(png))) if png else None for png in self.region_png]
        shape = next((mask.shape for mask in masks if mask is not None), None)
        if shape is None:
            return None
        return np.stack([np.zeros(shape, bool) if mask is None else mask.astype(bool) for mask in masks])


@dataclass(frozen=True)
class Scalars:
    """Loss, learning rate and whatever else the host offers, by name.

    Each `group` has a tag of its own, because one tag holds one record a step: "" is of the training step,
    "checkup" of the check-up's samples, "validation" of the host's own validation.
    """

    values: dict[str, float]
    group: str = ""


@dataclass(frozen=True)
class Signal:
    """One signal's state: captured, waiting, or off with a reason and a remedy."""

    name: str
    state: str
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Notice:
    """Something the user should know: level info, warning or error."""

    level: str
    subject: str
    message: str
    step: int = 0


@dataclass(frozen=True)
class Cost:
    """What one part of the recorder (a signal, a check-up) cost so far.

    `runs` times it ran, `seconds` in all; `skipped` times it was due but put off to keep the budget.
    """

    name: str
    seconds: float
    runs: int
    skipped: int = 0


@dataclass(frozen=True)
class RunStatus:
    """How the run stands; the latest one counts. `max_overhead` 0 means no budget."""

    state: str
    host: str
    backend: str
    step: int
    versions: tuple[str, ...] = ()
    signals: tuple[Signal, ...] = ()
    notices: tuple[Notice, ...] = ()
    costs: tuple[Cost, ...] = ()
    training_seconds: float = 0.0
    max_overhead: float = 0.0
    dropped_records: int = 0
    target_layers: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    next_log_step: int = 0
    next_explain_step: int = 0
    log_every_n_steps: int = 0


#: Everything that is stored.
Record: TypeAlias = (
    LayerTable | LayerStats | Histograms | UnitCounts | Attribution | Trust | Attention | HeadStats | Probe
    | Scalars | RunStatus | LossTrace | Setup | Findings | Numbers | Descriptions
)  # fmt: skip
