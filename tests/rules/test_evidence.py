# SPDX-License-Identifier: Apache-2.0
"""Statistics are found by name wherever they stand, also when a resumed run has others."""

from dataclasses import replace

import numpy as np
import pytest
from evidence_builder import build, records, stuck
from hypothesis import given
from hypothesis import strategies as st

from tb_xai_plugin.format import records as r
from tb_xai_plugin.format.errors import UnknownNameError
from tb_xai_plugin.rules import RULES, Diagnosis, Evidence

TABLE = r.LayerTable("t", (r.Layer("a", "Linear", (2,)), r.Layer("b", "Linear", (2,))))


def stats(step, *columns):
    """Row 0 holds the step plus a hundred times the place of the column's name in the alphabet."""
    values = np.array([[step + 100 * ord(name), 0] for name in columns], np.float32).T
    return r.LayerStats("activation", r.PROBE, 1, "t", columns, values)


def known(*recorded):
    evidence = Evidence()
    evidence.add(0, TABLE)
    for step, columns in enumerate(recorded):
        evidence.add(step, stats(step, *columns))
    return evidence


def diagnosed(change, **options):
    diagnosis = Diagnosis(RULES)
    for step, found in records(**options):
        for record in found:
            diagnosis.add(step, change(step, record) if isinstance(record, r.LayerStats) else record)
        if diagnosis.due(step):
            diagnosis.look(step)
    assert diagnosis._broken == {}
    return diagnosis.findings()


def with_own(step, record):
    """A statistic of the user's own, first among the others."""
    values = np.insert(record.values, 0, 1e9, axis=1)
    return replace(record, columns=("mine", *record.columns), values=values)


def backwards(step, record):
    return replace(record, columns=record.columns[::-1], values=record.values[:, ::-1])


def resumed(step, record):
    """From step 100 on with a statistic more, as a resumed run may have it."""
    return with_own(step, record) if step >= 100 else record


def no_more(step, record):
    return record if step >= 100 else with_own(step, record)


@pytest.mark.parametrize("change", [with_own, backwards, resumed, no_more])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight": lambda step, cells: cells.put(..., "update_ratio", 0.9), "loss": stuck},
        {"weight_gradient": lambda step, cells: cells.put("conv.weight", "norm", 1e-9)},
        {"live": lambda step, counts: counts["relu2"].fill(0)},
    ],
    ids=["healthy", "high", "vanishing", "dead"],
)
def test_rules_find_the_same_wherever_a_statistic_stands(change, options):
    plain = diagnosed(lambda step, record: record, steps=160, **options)
    assert diagnosed(change, steps=160, **options) == plain
    assert bool(plain.findings) == bool(options)


COLUMN_LISTS = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, unique=True), min_size=1, max_size=6)


@given(COLUMN_LISTS)
def test_values_stay_with_their_names_when_columns_change(recorded):
    evidence = known(*recorded)
    for name in recorded[-1]:
        since = 0  # a step without a statistic has lost what was known of it before
        for step, columns in enumerate(recorded):
            since = step + 1 if name not in columns else since
        steps, values = evidence.every("activation", name)
        want = [step + 100 * ord(name) if step >= since else np.nan for step in range(len(recorded))]
        assert steps.tolist() == list(range(len(recorded)))
        np.testing.assert_array_equal(values[:, 0], want)
        np.testing.assert_array_equal(evidence.first("activation", name)[0], want[0])
        np.testing.assert_array_equal(evidence.column("activation", name, 100)[1], values)


def test_a_statistic_that_is_not_there_is_told_from_one_that_is():
    evidence = known("ab")
    assert evidence.has("activation")
    assert evidence.has("activation", "b")
    assert not evidence.has("activation", "c")
    assert not evidence.has("weight", "b")
    with pytest.raises(UnknownNameError, match="activation has no column 'c'; columns: a, b"):
        evidence.column("activation", "c", 1)


def test_weights_without_update_ratios_switch_the_rules_on_them_off_and_no_other():
    def without(step, record):
        keep = [place for place, name in enumerate(record.columns) if name != "update_ratio"]
        return replace(record, columns=tuple(record.columns[p] for p in keep), values=record.values[:, keep])

    states = {rule.rule: rule.state for rule in diagnosed(without, steps=60).rules}
    assert states["update_ratio_high"] == "off"
    assert states["no_update"] == "watching"
    assert build(steps=5).has("weight", "update_ratio")
