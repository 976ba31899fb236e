# SPDX-License-Identifier: Apache-2.0
"""Findings that belong together have one root, and the worst come first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_xai_plugin.format.records import Finding
from tb_xai_plugin.rules import RULES
from tb_xai_plugin.rules.folding import SLACK, Causes
from tb_xai_plugin.rules.rule import SEVERITIES

SEVERITY = {rule.name: rule.severity for rule in RULES}
CAUSES = Causes(RULES)
fold = CAUSES.fold

# What the rules say, as a whole: the order in which people are told, and what stands at its two ends.
ORDER = (
    "broadcast_loss", "head_loss_mismatch", "target_range", "hidden_softmax", "unscaled_inputs",
    "unscaled_targets", "constant_init", "bad_init", "update_ratio_high", "uphill_updates", "dead_layer",
    "no_training", "no_update", "saturation", "vanishing_gradients", "exploding_gradients",
    "attention_collapse", "dying_layer", "rank_collapse", "update_ratio_low", "high_initial_loss",
    "negative_loss", "nonfinite", "constant_output", "worse_than_constant", "constant_prediction",
    "missing_class", "oscillation", "plateau", "overfitting", "dead_head",
    "looks_elsewhere", "maps_all_alike", "map_stuck_at_border", "lagging_layer",
)  # fmt: skip
#: Choices of the user: nothing else leads to them.
CHOICES = frozenset(ORDER[:8])
#: What is no cause of anything else.
ENDS = frozenset(ORDER[ORDER.index("constant_output") :]) - {"looks_elsewhere"}
#: What does not come of anything else, though it stands late in the order.
OF_ITSELF = frozenset({"lagging_layer", "dead_head", "looks_elsewhere"})
#: What the maps are like is no matter of training gone wrong: of these, only one leads to the others.
OF_MAPS = frozenset({"maps_all_alike", "map_stuck_at_border"})
#: Of one rule at several layers, the first one explains the others.
SPREADING = frozenset(
    {"dead_layer", "saturation", "no_update", "nonfinite", "dying_layer", "attention_collapse"}
)
DEPTH = {name: place for place, name in enumerate("abcdef")}


def finding(rule, first=10, layer="", severity=None):
    severity = severity or SEVERITY.get(rule, "warning")
    return Finding(rule, severity, layer, first, 100, 1.0, 0.0, "message", "advice")


def roots(*findings):
    """Key -> key of the root, in the order in which they are told."""
    return {f.key: f.root for f in fold(findings, DEPTH)}


def test_what_the_rules_say_gives_the_order_in_which_people_are_told():
    assert CAUSES.order == ORDER
    leads = {(a, b) for a in ORDER for b in ORDER if CAUSES.leads(a, b)}
    assert leads == {
        (a, b)
        for place, a in enumerate(ORDER)
        for b in ORDER[place + 1 :]
        if a not in ENDS and b not in CHOICES | OF_ITSELF and (a == "looks_elsewhere") == (b in OF_MAPS)
    }
    assert {rule.name for rule in RULES if rule.spreads} == SPREADING


def test_nothing_found_is_nothing_folded():
    assert fold([], {}) == ()


def test_a_finding_alone_stands_for_itself():
    assert roots(finding("plateau")) == {"plateau": ""}


def test_an_incident_has_one_root_and_the_others_follow_from_it():
    found = roots(
        finding("worse_than_constant", 200),
        finding("constant_output", 60),
        finding("dead_layer", 30, "c"),
        finding("dead_layer", 30, "b"),
        finding("update_ratio_high", 20, "a"),
    )
    assert found == {
        "update_ratio_high@a": "",
        "dead_layer@b": "update_ratio_high@a",
        "dead_layer@c": "update_ratio_high@a",
        "constant_output": "update_ratio_high@a",
        "worse_than_constant": "update_ratio_high@a",
    }


def test_roots_have_no_roots():
    everything = [finding(name, 10 + place) for place, name in enumerate(ORDER)]
    folded = {f.key: f for f in fold(everything, DEPTH)}
    for each in folded.values():
        assert not each.root or folded[each.root].root == ""


def test_what_the_user_chose_comes_of_nothing_else():
    assert set(roots(*(finding(name, 20) for name in CHOICES)).values()) == {""}


@pytest.mark.parametrize("choice", sorted(CHOICES))
def test_what_the_user_chose_explains_what_comes_of_it(choice):
    severity = "warning" if SEVERITY[choice] == "info" else None
    assert roots(finding(choice, 0, severity=severity), finding("plateau", 250))["plateau"] == choice


def test_what_is_an_end_explains_nothing():
    assert set(roots(*(finding(name, 20, severity="error") for name in ENDS)).values()) == {""}


@pytest.mark.parametrize("name", sorted(OF_ITSELF))
def test_some_findings_come_of_nothing(name):
    assert roots(finding("update_ratio_high", 0), finding(name, 300))[name] == ""


def test_what_follows_from_something_itself_is_no_root():
    found = roots(finding("update_ratio_high", 120), finding("dead_layer", 110), finding("plateau", 100))
    assert found == {"update_ratio_high": "", "dead_layer": "update_ratio_high", "plateau": ""}


def test_a_remark_explains_nothing():
    assert roots(finding("bad_init", 0, severity="info"), finding("plateau", 250))["plateau"] == ""


@pytest.mark.parametrize(("late", "root"), [(10, "dead_layer"), (11, "")])
def test_a_cause_may_be_seen_a_little_after_what_it_leads_to(late, root):
    found = roots(finding("dead_layer", 100 + late), finding("plateau", 100))
    assert found["plateau"] == root


@pytest.mark.parametrize("rule", sorted(SPREADING))
def test_of_one_rule_at_several_layers_the_first_explains_the_others(rule):
    found = roots(finding(rule, 20, "a"), finding(rule, 10, "c"), finding(rule, 10, "b"))
    assert found == {f"{rule}@b": "", f"{rule}@c": f"{rule}@b", f"{rule}@a": f"{rule}@b"}


def test_of_other_rules_every_layer_stands_for_itself():
    assert set(
        roots(finding("vanishing_gradients", 1, "a"), finding("vanishing_gradients", 1, "b")).values()
    ) == {""}


def test_a_rule_of_the_users_is_neither_cause_nor_consequence():
    found = roots(finding("mine", 0), finding("dead_layer", 5), finding("plateau", 250))
    assert found == {"dead_layer": "", "plateau": "dead_layer", "mine": ""}


def test_the_worst_incident_comes_first_and_its_root_before_what_follows():
    found = roots(
        finding("lagging_layer", 0),
        finding("bad_init", 0, severity="info"),
        finding("unscaled_inputs", 0),
        finding("worse_than_constant", 200),
        finding("overfitting", 300),
    )
    assert list(found) == [
        "unscaled_inputs",  # a warning, but of an incident with an error
        "worse_than_constant",
        "overfitting",
        "bad_init",
        "lagging_layer",
    ]
    assert found["overfitting"] == "unscaled_inputs"


def test_roots_come_before_all_that_follows():
    found = roots(finding("update_ratio_high", 20), finding("dead_layer", 30), finding("no_training", 0))
    assert list(found) == ["update_ratio_high", "no_training", "dead_layer"]


FINDINGS = st.lists(
    st.builds(
        finding,
        st.sampled_from([*ORDER, "mine"]),
        st.integers(0, 300),
        st.sampled_from(["", "a", "b"]),
        st.sampled_from(SEVERITIES),
    ),
    unique_by=lambda f: f.key,
    max_size=12,
)


@given(FINDINGS)
def test_folding_loses_nothing_and_never_chains(found):
    folded = fold(found, DEPTH)
    assert sorted(f.key for f in folded) == sorted(f.key for f in found)
    by_key = {f.key: f for f in folded}
    for each in folded:
        if each.root:
            root = by_key[each.root]
            assert root.root == ""
            assert root.severity != "info"
            assert root.first_step <= each.first_step + SLACK
            assert each.rule not in CHOICES
    worst = [min(SEVERITIES.index(f.severity) for f in folded if (each.root or each.key) in (f.key, f.root))
             for each in folded]  # fmt: skip
    assert worst == sorted(worst)
    assert {f.key: f.root for f in fold(folded, DEPTH)} == {f.key: f.root for f in folded}
