# SPDX-License-Identifier: Apache-2.0
"""Rules on updates ‖Δw‖/‖w‖: layers that get none, steps that are too large or too small."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tb_xai_plugin.rules.evidence import Evidence
from tb_xai_plugin.rules.rule import ERROR, INFO, WARNING, Symptom, rule


def moves(evidence: Evidence, window: int) -> tuple[np.ndarray, np.ndarray]:
    """(steps [t], bool [t-1 p]): between which observations a parameter changed, told by its moments.

    Update ratios are not known without an optimizer, or where it never steps; moments always are.
    """
    steps, norm = evidence.column("weight", "norm", window, 2)
    _, mean = evidence.column("weight", "mean", window, 2)
    _, low = evidence.column("weight", "min", window, 2)
    changes = np.abs(np.diff(norm, axis=0)) + np.abs(np.diff(mean, axis=0)) + np.abs(np.diff(low, axis=0))
    moved: np.ndarray = np.not_equal(changes, 0)
    return steps, moved


@rule("no update", ERROR, needs=("weight",), min_steps=10, leads_to=("no_update",))
def no_training(evidence: Evidence, *, window: int = 20) -> Iterator[Symptom]:
    """No parameter changed at all in 20 steps."""
    steps, moved = moves(evidence, window)
    if len(steps) < 3 or steps[-1] - steps[0] < window // 2 or moved.any() or not moved.size:
        return
    cause, advice = _why_still(evidence)
    yield Symptom(
        "", 0.0, 0.0, "parameters that changed", "nothing is trained",
        f"No weight changed between steps {steps[0]} and {steps[-1]}", cause, advice, since=int(steps[0]),
    )  # fmt: skip


def _why_still(evidence: Evidence) -> tuple[str, str]:
    gradients = evidence.has("weight_gradient")
    largest = 0.0
    if gradients:
        _, norms = evidence.column("weight_gradient", "norm", 20)
        largest = float(np.nan_to_num(norms).max(initial=0))
    rate = evidence.scalar("learning_rate")
    if len(rate) and rate[-1] == 0:
        return (
            "the learning rate is 0",
            "Look at the schedule: a warm-up must begin above 0, a decay must not end early.",
        )
    if not any(p.in_optimizer for p in evidence.table.parameters):
        return (
            "the optimizer has none of this model's parameters",
            "Make it from model.parameters() of this very model.",
        )
    if not any(p.trainable for p in evidence.table.parameters):
        return "no parameter requires a gradient", "Set requires_grad on what is to be trained."
    if largest > 0:
        return (
            "there are gradients, but no optimizer step is taken",
            "Call optimizer.step() after loss.backward().",
        )
    return ("every gradient is zero or missing: the loss does not depend on the weights (detached, constant output, "
            "saturated) or backward() is not called",
            "Check the head and the loss, detach() and no_grad(), and that loss.backward() runs.")  # fmt: skip


@rule("no update", WARNING, needs=("weight",), min_steps=15, hold=10, leads_to=("saturation",), spreads=True)
def no_update(evidence: Evidence, *, window: int = 30) -> Iterator[Symptom]:
    """A layer's weights did not change in 30 steps while others did.

    Frozen on purpose (`requires_grad=False`) is no fault and not reported.
    """
    steps, moved = moves(evidence, window)
    if len(steps) < 4 or steps[-1] - steps[0] < window // 2 or not moved.any():
        return
    still = np.asarray(~moved.any(axis=0))
    for layer, rows in _by_layer(evidence).items():
        known = [p for p in (evidence.table.parameters[row] for row in rows) if p.trainable]
        if len(known) == len(rows) and still[rows].all() and layer not in evidence.table.never_executed:
            missing = not any(p.in_optimizer for p in known)
            cause, advice = _why_no_update(evidence, rows, missing)
            yield Symptom(
                layer, 0.0, 0.0, "parameters that changed", f"{layer} is not trained",
                f"The weights of {layer} did not change between steps {steps[0]} and {steps[-1]}; other layers' did",
                cause, advice, since=int(steps[0]),
            )  # fmt: skip


def _by_layer(evidence: Evidence) -> dict[str, list[int]]:
    """Rows of the parameters of each layer that has a matrix."""
    found: dict[str, list[int]] = {}
    with_matrix = {evidence.layer_of(int(row)) for row in evidence.matrices}
    for row in range(len(evidence.table.parameters)):
        layer = evidence.layer_of(row)
        if layer in with_matrix:
            found.setdefault(layer, []).append(row)
    return found


def _why_no_update(evidence: Evidence, rows: list[int], missing: bool) -> tuple[str, str]:
    if missing:
        return "no optimizer has its parameters", "Add them: optimizer = …(model.parameters(), …)."
    if evidence.has("weight_gradient"):
        _, norms = evidence.column("weight_gradient", "norm", 30)
        found = norms[:, rows]
        if np.isnan(found).all():
            return ("no gradient reaches it: it is detached from the loss (detach(), .data, no_grad(), an argmax) or "
                    "its output is not used", "Remove the detach(), or freeze the layer explicitly if that is meant.")  # fmt: skip
        if not np.nan_to_num(found).any():
            return ("its gradient is exactly zero: what follows is dead, saturated or constant",
                    "Look at the layers after it, at their dead units first.")  # fmt: skip
    return (
        "its learning rate is zero or its update is undone",
        "Look at its parameter group and at what sets weights.",
    )


@rule("learning rate", ERROR, needs=("update_ratio",), min_steps=4, hold=3, leads_to=("uphill_updates",))
def update_ratio_high(
    evidence: Evidence,
    *,
    once: float = 1.0,
    short: float = 0.4,
    long: float = 0.1,
    harmful: float = 0.03,
    settle: int = 10,
) -> Iterator[Symptom]:
    """The largest update ratio of a weight matrix is above 1 once, above 0.4 at the median of 5 steps, or
    above 0.1 at the median of 25 steps after step 10, and the loss does not fall all the same.

    Where the loss only ever rose, by 10 %, 0.03 over 25 steps is enough.
    Healthy runs peak at 0.17 for one step (0.35 with BatchNorm) and stay below 0.044 over 25. Matrices that began near zero are
    left out: they have to grow. Normalised networks bear more, which their falling loss shows.
    """
    recent = evidence.mean_loss(10)
    if recent < 0.8 * evidence.first_loss():
        return
    yield from _replaced(evidence, once)
    if evidence.mean_loss(20) > 1.1 * evidence.first_loss() and evidence.never_fell():
        long = harmful
    for window, limit, begin, least in ((5, short, 3, 2), (25, long, settle + 15, 3)):
        if evidence.step < begin:
            continue
        steps, ratios = matrix_ratios(evidence, window)
        if len(steps) < least or not ratios.size:
            continue
        worst = ratios.max(axis=1)
        value = float(np.median(worst))
        if value > limit:
            row = int(evidence.matrices[int(np.median(ratios, axis=0).argmax())])
            yield _too_high(evidence, row, value, limit, window, int(steps[worst > limit][0]))
            return


def _replaced(evidence: Evidence, limit: float, window: int = 10) -> Iterator[Symptom]:
    """A single step that changed a matrix by more than its own size in the last 10 steps."""
    steps, ratios = matrix_ratios(evidence, window)
    if evidence.step < 3 or not ratios.size or not ratios.max() > limit:
        return
    at, which = np.unravel_index(int(ratios.argmax()), ratios.shape)
    row = int(evidence.matrices[which])
    yield _too_high(evidence, row, float(ratios[at, which]), limit, 1, int(steps[at]))


def matrix_ratios(evidence: Evidence, window: int) -> tuple[np.ndarray, np.ndarray]:
    """(steps [t], update ratios [t m]) of the matrices, 0 where unknown or begun near zero."""
    steps, ratios = evidence.column("weight", "update_ratio", window)
    rows = evidence.matrices
    ratios = np.nan_to_num(ratios[:, rows], nan=0.0, posinf=1e9)
    known = np.isfinite(evidence.column("weight", "update_ratio", window)[1][:, rows]).any(axis=1)
    norm, count = evidence.first("weight", "norm")[rows], evidence.first("weight", "count")[rows]
    tiny = norm / np.sqrt(np.maximum(count, 1)) < 1e-4
    return steps[known], np.where(tiny, 0.0, ratios)[known]


def _too_high(evidence: Evidence, row: int, value: float, limit: float, window: int, since: int) -> Symptom:
    layer = evidence.layer_of(row)
    rate = evidence.scalar("learning_rate")
    told = f" (learning rate {rate[-1]:.3g}, {evidence.setup.optimizer})" if len(rate) else ""
    single = window == 1
    return Symptom(
        layer, value, limit, "update ratio ‖Δw‖/‖w‖" + (f", median of {window} steps" if window > 1 else ""), "the steps are too large",
        f"{'A single step changed' if single else 'Each step changes'} the weights of {layer} by {value:.0%} of their size{told}",
        "the learning rate is too high for these gradients",
        "Cut the learning rate 3 to 10 times, warm it up, or clip gradients.", since=since, sure=single,
    )  # fmt: skip


@rule(
    "learning rate",
    WARNING,
    needs=("update_ratio", "loss"),
    min_steps=50,
    hold=10,
    leads_to=("high_initial_loss",),
)
def update_ratio_low(
    evidence: Evidence, *, tiny: float = 5e-5, small: float = 1e-3, window: int = 50
) -> Iterator[Symptom]:
    """The median update ratio of even the fastest matrix is below 5e-5 (2.5e-4 after 150 steps) and the loss
    above 90 % of its first; or below 1e-3 and after 150 steps the loss still falls but is above 95 % of the best constant's.

    Healthy medians lie between 1.2e-4 and 2.5e-2; the smaller ones belong to runs that have learned.
    """
    steps, ratios = matrix_ratios(evidence, window)
    if len(steps) < 3 or not ratios.any():
        return
    value = float(np.median(ratios.max(axis=1)))
    loss, first = evidence.mean_loss(window), evidence.first_loss()
    base = evidence.setup.base_loss
    stuck = loss > 0.9 * first and not loss < 0.95 * base
    tiny *= 5 if evidence.step >= 150 else 1
    slow = evidence.step >= 150 and loss > 0.95 * base and _still_falls(evidence, window)
    if not ((value < tiny and stuck) or (value < small and slow)):
        return
    rate = evidence.scalar("learning_rate")
    told = f" at a learning rate of {rate[-1]:.3g}" if len(rate) else ""
    yield Symptom(
        "", value, tiny if value < tiny else small, f"largest update ratio, median of {window} steps",
        "the steps are too small",
        f"No layer changes by more than {value:.2g} of its size per step{told}, and the loss is still "
        f"{loss / first:.0%} of the first one",
        "the learning rate is too low", "Raise the learning rate 10 times, and again if nothing breaks.",
    )  # fmt: skip


def _still_falls(evidence: Evidence, window: int) -> bool:
    """Slow is only what moves at all: the mean loss is lower than the first ones' by two standard errors."""
    first, recent = evidence.first_losses, evidence.recent_losses(window)
    if len(first) < 16 or not np.isfinite(first).all():
        return False
    error = np.sqrt(first.var() / len(first) + recent.var() / len(recent))
    return bool(recent.mean() < first.mean() - 2 * error)


@rule("learning rate", INFO, needs=("update_ratio",), min_steps=200, hold=50)
def lagging_layer(evidence: Evidence, *, ratio: float = 0.01, window: int = 200) -> Iterator[Symptom]:
    """A matrix's update ratio is below 1 % of the median matrix's, at the median over 200 steps."""
    steps, ratios = matrix_ratios(evidence, window)
    if len(steps) < 8 or ratios.shape[1] < 3:
        return
    middle = np.median(ratios, axis=0)
    usual = float(np.median(middle))
    for index in np.flatnonzero((middle > 0) & (middle < ratio * usual)):
        layer = evidence.layer_of(int(evidence.matrices[index]))
        yield Symptom(
            layer, float(middle[index] / usual), ratio, "update ratio over the median layer's", f"{layer} lags behind",
            f"The weights of {layer} change by {middle[index]:.2g} of their size per step, the median layer's by "
            f"{usual:.2g}",
            "its parameter group has a lower learning rate, or its weights began much larger",
            "Look at parameter groups and initialisation.", severity=INFO,
        )  # fmt: skip
