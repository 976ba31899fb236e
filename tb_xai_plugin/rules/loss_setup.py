# SPDX-License-Identifier: Apache-2.0
"""Rules on what is trained on what: head, loss, targets and inputs that do not fit one another.

They are judged from `records.Setup` alone, at the first steps, before the damage shows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tb_xai_plugin.rules.evidence import Evidence
from tb_xai_plugin.rules.rule import ERROR, INFO, WARNING, Symptom, rule

#: What a head can reach.
RANGES = {
    "softmax": (0.0, 1.0), "sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, np.inf),
    "softplus": (0.0, np.inf),
}  # fmt: skip
COMPARING = ("mse", "l1", "huber")
NAMES = {
    "cross_entropy": "cross-entropy", "nll": "negative log-likelihood", "bce": "binary cross-entropy",
    "bce_logits": "binary cross-entropy on logits", "mse": "squared error", "l1": "absolute error",
    "huber": "Huber loss", "kl": "KL divergence",
}  # fmt: skip


@rule("head and loss", ERROR, needs=("setup",), leads_to=("update_ratio_high",))
def broadcast_loss(evidence: Evidence) -> Iterator[Symptom]:
    """Outputs [B, 1] and targets [B] are compared as [B, B]: every output with every target."""
    shape = evidence.setup.broadcast_shape
    if shape:
        size = shape[0]
        yield Symptom(
            "", float(size * size), float(size), "compared pairs per batch",
            "the loss compares every output with every target",
            f"The loss compares outputs [{size}, 1] with targets [{size}] as [{size}, {size}]: "
            f"{size * size} pairs where {size} are meant",
            "one operand has a trailing axis of size 1 that the other lacks, so both are broadcast",
            "Give both the same shape: targets.unsqueeze(1), or outputs.squeeze(1), before the loss.",
            sure=True,
        )  # fmt: skip


@rule("head and loss", ERROR, needs=("setup",), leads_to=("update_ratio_high",))
def head_loss_mismatch(evidence: Evidence) -> Iterator[Symptom]:
    """The model's last operation and the loss do not fit, e.g. a softmax before a cross-entropy."""
    setup = evidence.setup
    found = _mismatch(evidence)
    if found is not None:
        what, cause, advice, certain = found
        harmless = not certain and evidence.learns()
        yield Symptom(
            _output_layer(evidence), 1.0, 0.0, "operations that exclude each other",
            f"the output and the loss do not fit: {what}",
            f"The model ends in {setup.head.replace('_', ' ') or 'an unknown operation'} and is trained with "
            f"{NAMES.get(setup.loss, setup.loss)}: {what}",
            cause, advice, severity=(WARNING if setup.head == "relu" else INFO) if harmless else "", sure=True,
        )  # fmt: skip


def _mismatch(evidence: Evidence) -> tuple[str, str, str, bool] | None:
    """(what, cause, advice, whether it can never work)."""
    setup = evidence.setup
    head, loss, links = setup.head, setup.loss, setup.link.split("+")
    units = setup.output_shape[-1] if setup.output_shape else 0
    softmaxes = [name for name in ("softmax", "log_softmax") if name in (head, *links)]
    if head.endswith("_over_batch"):
        return ("softmax over the batch", "the softmax runs along axis 0, over samples and not over classes",
                "Use softmax(dim=-1).", True)  # fmt: skip
    if softmaxes and units == 1:
        return ("softmax over one unit", "a softmax over a single output is 1 whatever the input is",
                "Use a sigmoid (or none, with a with-logits loss) for one output, or two outputs.", True)  # fmt: skip
    if "log_softmax" in links and (head == "softmax" or "softmax" in links):
        return ("softmax twice", "the loss applies its own log-softmax to probabilities",
                "Remove the model's softmax: cross-entropy wants logits.", False)  # fmt: skip
    return _logits_mismatch(head, loss, links) or _value_mismatch(evidence)


def _logits_mismatch(head: str, loss: str, links: list[str]) -> tuple[str, str, str, bool] | None:
    if loss == "nll" and not {"log", "log_softmax"} & {head, *links}:
        what = "probabilities" if head == "softmax" else "logits"
        return (f"{what} into a loss that expects log-probabilities",
                "negative log-likelihood picks the output of the true class and does no logarithm itself",
                "Use cross_entropy on logits, or log_softmax before nll_loss.", True)  # fmt: skip
    if links == ["log"] and head in ("linear", "relu", "tanh"):
        return ("raw outputs into a loss that expects probabilities",
                "the loss takes the logarithm of outputs that are no probabilities",
                "End in a softmax, or tell the loss that it gets logits (from_logits=True).", True)  # fmt: skip
    if loss == "bce" and head in ("linear", "relu", "tanh", "leaky_relu") and "sigmoid" not in links:
        return (f"{'logits' if head == 'linear' else head} into a loss that expects probabilities",
                "binary cross-entropy takes the logarithm of outputs that are no probabilities",
                "Use binary_cross_entropy_with_logits, or a sigmoid at the end.", True)  # fmt: skip
    if loss == "bce_logits" and (head in ("sigmoid", "softmax") or "sigmoid" in links):
        return (f"{head if head in ('sigmoid', 'softmax') else 'sigmoid'} before a loss that expects logits",
                "the loss applies its own sigmoid to what is a probability already",
                "Remove the model's sigmoid, or use binary_cross_entropy.", False)  # fmt: skip
    if loss == "cross_entropy" and head in ("relu", "sigmoid", "tanh"):
        return (f"{head} before cross-entropy",
                f"the {head} bounds the logits, so no class can be told from the others with certainty",
                "End in a linear layer: cross-entropy wants unbounded logits.", False)  # fmt: skip
    return None


def _value_mismatch(evidence: Evidence) -> tuple[str, str, str, bool] | None:
    setup = evidence.setup
    units = setup.output_shape[-1] if setup.output_shape else 0
    if setup.task == "regression" and setup.loss in ("cross_entropy", "nll") and units > 0:
        return ("a classification loss on values", "the targets are no classes but real numbers",
                "Use mse_loss, l1_loss or huber_loss.", False)  # fmt: skip
    if setup.loss in COMPARING and setup.task == "classification" and len(setup.class_counts) > 2:
        return ("a regression loss on classes", "squared error treats class numbers or one-hot rows as values, "
                "and its gradients fade where the output is confidently wrong",
                "Use cross-entropy on logits.", False)  # fmt: skip
    if head_is(setup.head, "softmax") and setup.task == "regression" and setup.loss in COMPARING:
        return ("softmax on values", "the outputs sum to 1, which real-valued targets do not",
                "End in a linear layer.", True)  # fmt: skip
    return None


def head_is(head: str, name: str) -> bool:
    """Whether the head is of a kind, over whichever axis."""
    return head == name or head == f"{name}_over_batch"


def _output_layer(evidence: Evidence) -> str:
    layers = evidence.table.layers
    return layers[-1].name if layers else ""


@rule("head and loss", ERROR, needs=("setup",), leads_to=("update_ratio_high",))
def target_range(evidence: Evidence, *, slack: float = 1e-6, outside: float = 0.01) -> Iterator[Symptom]:
    """Targets beyond what the head can reach.

    `slack` forgives rounding; `outside` is the share of the targets' range that must lie beyond, because a
    rounded edge is no fault.
    """
    setup = evidence.setup
    low, high = RANGES.get(setup.head, (-np.inf, np.inf))
    if setup.task != "regression" or setup.loss not in (*COMPARING, "bce", "other"):
        low, high = -np.inf, np.inf
    if setup.loss in ("bce", "bce_logits"):
        low, high = 0.0, 1.0
    span = max(setup.target_high - setup.target_low, slack)
    beyond = max(low - setup.target_low, setup.target_high - high, 0.0)
    if beyond > slack and beyond / span > outside:
        yield Symptom(
            _output_layer(evidence), setup.target_low if setup.target_low < low else setup.target_high,
            low if setup.target_low < low else high, "target value",
            f"the targets lie outside what {setup.head or 'the loss'} can reach",
            f"Targets from {setup.target_low:.3g} to {setup.target_high:.3g} meet outputs that stay within "
            f"{low:g} and {high:g}",
            f"the model ends in {setup.head}" if setup.head in RANGES else "the loss is one of probabilities",
            "End in a linear layer, or scale the targets into the head's range.", sure=True,
        )  # fmt: skip


@rule("data", WARNING, leads_to=("update_ratio_high",))
def unscaled_inputs(
    evidence: Evidence, *, largest: float = 10.0, spread: float = 100.0, faintest: float = 0.01
) -> Iterator[Symptom]:
    """A feature's root mean square is above 10, or above 100 times the median feature's, or all are below
    0.01, and no normalisation comes first.

    Standardised data have 1, raw digits 6, raw 8-bit images 100 and more: `largest` lies between.
    `spread` finds columns in units of their own. Of no account where the run learns all the same.
    """
    setup = evidence.setup
    top, middle = setup.feature_rms_max, setup.feature_rms_median
    too_large, faint = top > largest, top < faintest
    if setup.normalises or not (too_large or faint or top > spread * middle > 0):
        return
    value, threshold = (top, largest) if too_large else (top / max(middle, 1e-12), spread)
    if faint:
        value, threshold = top, faintest
    yield Symptom(
        "", value, threshold,
        "root mean square of the largest feature" if too_large or faint else "largest over median feature",
        "the inputs are all but zero" if faint else "the inputs are not scaled",
        f"Inputs range from {setup.input_low:.4g} to {setup.input_high:.4g}; the largest feature has a root mean "
        f"square of {top:.3g}, the median one {middle:.3g}",
        "activations and gradients are as small as the inputs, so nothing is learned from them"
        if faint
        else "large inputs make large activations and gradients, and steps that suit no other layer",
        "Standardise the inputs: subtract the mean and divide by the standard deviation of each feature.",
        severity=INFO if evidence.learns() else "", sure=True,
    )  # fmt: skip


@rule("data", WARNING, needs=("setup",), leads_to=("update_ratio_high",))
def unscaled_targets(evidence: Evidence, *, largest: float = 10.0) -> Iterator[Symptom]:
    """Values to be predicted have a mean or standard deviation above 10, so that outputs near 0 are far off.

    Initial outputs have a size of about 1; at 10 the first squared errors are 100 times what they are made
    for. Of no account where the run learns all the same.
    """
    setup = evidence.setup
    size = max(abs(setup.target_mean), setup.target_std)
    if setup.task != "regression" or setup.loss not in COMPARING or not size > largest:
        return
    yield Symptom(
        "", size, largest, "mean or standard deviation of the targets", "the targets are not scaled",
        f"Targets range from {setup.target_low:.4g} to {setup.target_high:.4g} (mean {setup.target_mean:.3g}, "
        f"standard deviation {setup.target_std:.3g})",
        "outputs begin near 0, so the first errors and gradients are as large as the targets",
        "Standardise the targets, and scale predictions back.",
        severity=INFO if evidence.learns() else "", sure=True,
    )  # fmt: skip


@rule("head and loss", WARNING, leads_to=("update_ratio_high",))
def hidden_softmax(evidence: Evidence) -> Iterator[Symptom]:
    """A softmax over the units of a hidden layer feeds a dense layer."""
    for layer in evidence.setup.hidden_softmax:
        yield Symptom(
            layer, 1.0, 0.0, "softmax within the network", f"{layer} is a softmax inside the network",
            f"{layer} squeezes its units through a softmax before the next layer",
            "its outputs sum to 1, so they are tiny and hardly depend on one another's gradients",
            "Use a ReLU, GELU or tanh between layers; keep softmax for the output.",
            severity=INFO if evidence.learns() else WARNING, sure=True,
        )  # fmt: skip
