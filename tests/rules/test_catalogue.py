# SPDX-License-Identifier: Apache-2.0
"""Rules by name, and an order that the rules themselves give."""

import random
from dataclasses import replace

import pytest

from tb_xai_plugin.format.records import Finding
from tb_xai_plugin.rules import RULES, Diagnosis, Rule, rules_named
from tb_xai_plugin.rules.folding import Causes
from tb_xai_plugin.rules.rule import INFO, WARNING, rule

BY_NAME = {each.name: each for each in RULES}


def mine(name="mine", **options):
    return Rule(name, "family", WARNING, "definition", lambda evidence: (), **options)


def finding(name, first=10, layer=""):
    return Finding(name, WARNING, layer, first, 100, 1.0, 0.0, "message", "advice")


def roots(rules, *findings):
    return {f.key: f.root for f in Causes(rules).fold(findings, {})}


def test_rules_are_found_by_name_and_taken_as_they_are():
    own = mine()
    assert rules_named(["plateau", own, BY_NAME["dead_layer"], "plateau"]) == (
        BY_NAME["plateau"], own, BY_NAME["dead_layer"],
    )  # fmt: skip
    assert rules_named("plateau") == (BY_NAME["plateau"],)
    assert rules_named(()) == ()
    assert rules_named((*RULES, own)) == (*RULES, own)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["dead_layr"], "no rule 'dead_layr'; nearest: dead_layer"),
        ([mine(leads_to=("plato",))], "what 'mine' leads to: no rule 'plato'; nearest: plateau"),
        ([mine(told_before=("minne",))], "what 'mine' leads to: no rule 'minne'; nearest: mine"),
        ([max], "expected rules and names of rules, got <built-in function max>"),
    ],
)
def test_what_is_no_rule_is_refused_with_the_nearest(given, says):
    with pytest.raises(ValueError, match=says):
        rules_named(given)


def test_rules_of_your_own_may_lead_to_one_another():
    rules = (mine("one", leads_to=("two",)), mine("two", leads_to=("plateau",)))
    assert rules_named(rules) == rules


def test_a_rule_has_the_name_of_its_function_and_the_first_paragraph_of_its_docstring():
    @rule("family", INFO, needs=("loss",), min_steps=3, hold=4, leads_to=("plateau",), spreads=True)
    def slow_start(evidence, *, share=0.5):
        """The loss is above half
        of the first one.

        A reason.
        """

    assert slow_start == Rule(
        "slow_start", "family", INFO, "The loss is above half of the first one.", slow_start.check,
        ("loss",), 3, 4, ("plateau",), (), True,
    )  # fmt: skip
    assert slow_start.check.__doc__


# ---- what leads to what


def test_every_rule_that_is_named_is_there():
    for each in RULES:
        assert {*each.leads_to, *each.told_before} <= set(BY_NAME), each.name


def test_causes_come_before_what_they_lead_to():
    causes = Causes(RULES)
    place = {name: number for number, name in enumerate(causes.order)}
    assert sorted(place) == sorted(BY_NAME)
    for each in RULES:
        for later in (*each.leads_to, *each.told_before):
            assert place[each.name] < place[later]
        for other in RULES:
            if causes.leads(each.name, other.name):
                assert place[each.name] < place[other.name]
                assert not causes.leads(other.name, each.name)


def test_the_order_does_not_come_of_the_place_in_the_list():
    """Rules that have a cause or a consequence keep their order however the list is shuffled."""
    leading = {(a.name, b.name) for a in RULES for b in RULES if Causes(RULES).leads(a.name, b.name)}
    for seed in range(20):
        shuffled = random.Random(seed).sample(RULES, len(RULES))
        causes = Causes(shuffled)
        assert {(a, b) for a in BY_NAME for b in BY_NAME if causes.leads(a, b)} == leading
        assert all(causes.order.index(a) < causes.order.index(b) for a, b in leading)
        found = [finding(name, 20 + place) for place, name in enumerate(Causes(RULES).order[8:])]
        assert {f.key: f.root for f in causes.fold(found, {})} == roots(RULES, *found)


def test_without_what_rules_say_nothing_follows_from_anything():
    silent = [replace(each, leads_to=(), told_before=(), spreads=False) for each in RULES]
    found = [finding(name, 20, layer) for name in BY_NAME for layer in ("a", "b")]
    assert set(roots(silent, *found).values()) == {""}
    assert Causes(silent).order == ()


def test_a_rule_of_your_own_explains_what_it_leads_to_and_all_that_follows():
    rules = (*RULES, mine(leads_to=("dead_layer",)))
    found = [finding("mine"), finding("dead_layer"), finding("plateau"), finding("uphill_updates", 30)]
    assert roots(rules, *found) == {
        "mine": "", "dead_layer": "mine", "plateau": "mine", "uphill_updates": "",
    }  # fmt: skip
    assert roots(rules, *found, finding("hidden_softmax"))["mine"] == ""


def test_a_rule_of_your_own_may_spread_and_come_of_another():
    rules = (*RULES, mine("effect", spreads=True), mine("cause", leads_to=("effect",)))
    both = [finding("effect", 10, "a"), finding("effect", 12, "b")]
    assert roots(rules, *both) == {"effect@a": "", "effect@b": "effect@a"}
    assert set(roots(rules, *both, finding("cause")).values()) == {"", "cause"}


def test_rules_that_lead_to_one_another_in_a_circle_are_told_all_the_same():
    rules = (mine("hen", leads_to=("egg",)), mine("egg", leads_to=("hen",)))
    assert Causes(rules).order == ("hen", "egg")
    assert roots(rules, finding("egg"), finding("hen")) == {"hen": "", "egg": "hen"}


def test_what_leads_there_by_way_of_a_rule_that_is_not_at_work_leads_there():
    def seen(evidence):
        return []

    diagnosis = Diagnosis([replace(BY_NAME[name], check=seen) for name in ("dead_layer", "plateau")])
    diagnosis.look(0)
    folded = diagnosis._causes.fold([finding("plateau", 20), finding("dead_layer", 10)], {})
    assert {f.key: f.root for f in folded} == {"dead_layer": "", "plateau": "dead_layer"}
