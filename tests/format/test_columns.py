# SPDX-License-Identifier: Apache-2.0
"""A statistic is described once, and its names are those that importers know."""

import math

import pytest

from tb_xai_plugin.format import records as r
from tb_xai_plugin.format.columns import COLUMNS, SCALES, Column, Statistic, columns_of


def test_the_names_that_importers_know_are_those_of_the_description():
    assert columns_of("activation") == r.LAYER_COLUMNS
    assert r.GRADIENT_COLUMNS == columns_of("gradient") == columns_of("activation")[:-1]
    assert columns_of("weight") == r.WEIGHT_COLUMNS
    assert columns_of("weight_gradient") == r.WEIGHT_GRADIENT_COLUMNS
    assert r.LAYER_COLUMNS == (
        "count", "mean", "std", "min", "max", "norm", "zero_fraction", "nonfinite_count", "dead_fraction",
        "participation_ratio",
    )  # fmt: skip
    assert (*r.LAYER_SIGNALS, *r.PARAMETER_SIGNALS) == tuple(dict.fromkeys(c.signal for c in COLUMNS))


def test_columns_of_your_own_come_after_those_of_the_product():
    own = (Column("weight", "kurtosis", "kurtosis", "m"), Column("gradient", "skew", "skew", "m"))
    assert columns_of("weight", own) == (*r.WEIGHT_COLUMNS, "kurtosis")
    assert columns_of("activation", own) == r.LAYER_COLUMNS


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: f"{column.signal}-{column.name}")
def test_a_statistic_says_what_it_is(column):
    assert column.title
    assert column.meaning.endswith(".")
    assert column.scale in SCALES
    assert column.low <= column.high
    assert math.isfinite(column.low + column.high)


def test_no_two_statistics_have_the_same_name_in_an_address():
    keys = [column.key for column in COLUMNS if column.key]
    assert len(set(keys)) == len(keys)
    names = [(column.signal, column.name) for column in COLUMNS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"signal": "activations"}, "signal='activations'; expected one of activation, gradient"),
        ({"scale": "linaer"}, "scale='linaer'; expected one of share"),
        ({"name": "norm"}, "named 'norm', which is taken: activation has count, mean"),
        ({"name": ""}, "named ''"),
        ({"key": "dead"}, "key='dead' is taken"),
    ],
)
def test_a_statistic_that_cannot_be_is_refused_with_what_can(given, says):
    with pytest.raises(ValueError, match=says):
        Statistic(**{"signal": "activation", "name": "mine", "title": "t", "meaning": "m", **given})


def test_the_address_of_a_statistic_of_your_own_is_its_name_where_that_is_free():
    assert Statistic("activation", "kurtosis", "t", "m").key == "kurtosis"
    assert Statistic("weight", "rank", "t", "m").key == "weight-rank"
    assert Statistic("weight", "kurtosis", "t", "m", key="k4").key == "k4"
