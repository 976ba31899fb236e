# SPDX-License-Identifier: Apache-2.0
"""Rules on explanations: what they measure, and good practice that looks like a fault."""

import numpy as np
import pytest
from evidence_builder import TABLE, build, records
from made_maps import (
    LABELS,
    SAMPLES,
    always,
    at_edge,
    attribution,
    boxes,
    healthy,
    moving,
    probe,
    similar,
    within,
)

from tb_xai_callbacks.measure.trust import pointing_game, relevance_mass
from tb_xai_plugin.rules import RULES, Diagnosis, Evidence
from tb_xai_plugin.rules.engine import OFF, WAITING, WATCHING
from tb_xai_plugin.rules.maps import KEEP_SNAPSHOTS, NUMBERS, pooled

OURS = ("looks_elsewhere", "maps_all_alike", "map_stuck_at_border")
BY_NAME = {rule.name: rule for rule in RULES if rule.name in OURS}


def found(**options):
    """Names of our rules that find something."""
    evidence = build(**options)
    return [name for name, rule in BY_NAME.items() if list(rule.check(evidence))]


def symptom(name, **options):
    (one,) = BY_NAME[name].check(build(**options))
    return one


def numbers(heat, regions=None, **changes):
    """The numbers of one snapshot, by name."""
    evidence = Evidence()
    evidence.add(0, probe(regions))
    evidence.add(0, attribution(heat, **changes))
    (trail,) = evidence.maps.trails.values()
    return dict(zip(NUMBERS, trail.values[-1], strict=True))


# ---- what is measured


def test_the_share_inside_and_the_pointing_game_are_those_of_the_trust_measures():
    regions = boxes()
    regions[3] = False
    heat = within(0.4, seed=5)
    heat[5] = 0
    seen = numbers(heat, regions)
    assert seen["inside"] == pytest.approx(np.nanmean(relevance_mass(heat, regions)), abs=0.02)
    assert seen["even"] == pytest.approx(144 / 1024)
    # Where the hottest cell is, not the hottest point between cells.
    assert seen["pointing"] == pytest.approx(np.nanmean(pointing_game(heat, regions)), abs=0.15)


def test_negative_relevance_and_maps_that_are_not_finite_do_not_count():
    heat = within(0.4)
    signed = np.where(np.arange(8)[:, None] == np.arange(8), -100.0, heat)
    positive = np.where(signed < 0, 0, signed)
    assert numbers(signed, boxes()) == numbers(positive, boxes())
    broken = heat.copy()
    broken[0, 0, 0] = np.nan
    dark = heat.copy()
    dark[0] = 0
    assert numbers(broken, boxes()) == pytest.approx(numbers(dark, boxes()))


def test_maps_are_averaged_and_a_cell_counts_in_parts():
    made = pooled(np.arange(6.0).reshape(1, 1, 6), 1, 4)
    np.testing.assert_allclose(made[0, 0], [1 / 3, 5 / 3, 10 / 3, 14 / 3])
    assert pooled(np.ones((2, 5, 7)), 3, 4) == pytest.approx(1)
    fine = np.kron(within(0.4), np.ones((8, 8)))  # 64×64
    assert numbers(fine, boxes())["inside"] == pytest.approx(0.4, abs=1e-6)


def test_what_cannot_be_told_is_not_a_number():
    few = within(0.4)
    few[3:] = 0
    seen = numbers(few, boxes())
    assert np.isnan([seen[name] for name in ("inside", "even", "pointing", "alike", "ring", "corner")]).all()
    assert np.isnan(numbers(within(0.4))["inside"])
    assert np.isnan(numbers(within(0.4), predictions=[1] * SAMPLES)["alike"])
    assert np.isnan(numbers(similar(0.4, side=4))["ring"])
    assert np.isnan(numbers(similar(0.4, side=4))["alike"])
    assert np.isnan(numbers(np.ones((SAMPLES, 8, 8)))["alike"])


def test_accuracy_is_that_of_the_snapshot():
    seen = numbers(within(0.4), right=0.75)
    assert (seen["accuracy"], seen["guess"]) == pytest.approx((0.75, 1 / 3))


@pytest.mark.parametrize(
    "changes", [{"kind": "series"}, {"hash": "other"}, {"kind": "tensor"}], ids=lambda c: str(c)
)
def test_maps_of_what_is_no_picture_and_of_other_samples_are_passed_over(changes):
    evidence = Evidence()
    evidence.add(0, attribution(within(0.4)))
    evidence.add(0, probe(boxes(), **changes))
    evidence.add(0, attribution(within(0.4)))
    assert evidence.maps.trails == {}


def test_of_another_probe_or_model_nothing_is_kept():
    evidence = Evidence()
    evidence.add(0, TABLE)
    evidence.add(0, probe(boxes()))
    evidence.add(0, attribution(within(0.4)))
    evidence.add(5, probe(boxes()))
    assert evidence.maps.trails
    evidence.add(9, probe(boxes(), hash="other"))
    assert not evidence.maps.trails


def test_memory_does_not_grow_with_the_run():
    evidence = Evidence()
    evidence.add(0, probe(boxes()))
    heat = within(0.4)
    for step in range(3 * KEEP_SNAPSHOTS):
        evidence.add(step, attribution(heat))
    (trail,) = evidence.maps.trails.values()
    assert KEEP_SNAPSHOTS <= len(trail.steps) <= 2 * KEEP_SNAPSHOTS


# ---- looks elsewhere


def test_it_is_dated_to_the_first_snapshot_that_stays_low():
    def once_before(step):
        return moving(0.12)(160 if step == 60 else step)

    assert symptom("looks_elsewhere", maps=once_before).since == 160


@pytest.mark.parametrize(
    "maps",
    [
        healthy,
        moving(0.12, since=280),  # seen once only
        lambda step: moving(0.12)(200 if step < 160 else 0),  # it comes to look at the object
        lambda step: moving(0.12, right=0.5)(step),  # it forgets
        lambda step: [attribution(within(0.64 if step < 60 else 0.3, seed=step), 0.4)],  # knew nothing then
        lambda step: [
            attribution(within(0.2 if step < 160 else 0.08, seed=step))
        ],  # hardly ever looked there
        lambda step: moving(0.64)(step) if step < 160 else [attribution(np.zeros((SAMPLES, 8, 8)))],
    ],
    ids=["healthy", "once", "learns", "forgets", "chance", "never", "no map"],
)
def test_it_is_silent_on_what_only_resembles_it(maps):
    assert "looks_elsewhere" not in found(maps=maps)


def test_a_map_that_narrows_to_a_part_of_its_object_is_no_finding():
    def narrowing(step):
        heat = within(0.6, seed=step)
        return [attribution(heat if step < 160 else heat**6)]

    assert "looks_elsewhere" not in found(maps=narrowing)


def test_one_method_of_three_is_outvoted():
    def several(*methods):
        return lambda step: [
            moving(0.12 if method in methods else 0.64, method=method)(step)[0] for method in ("a", "b", "c")
        ]

    assert "looks_elsewhere" not in found(maps=several("a"))
    assert "looks_elsewhere" in found(maps=several("a", "b"))


def test_without_regions_or_labels_it_says_what_is_missing():
    def states(given, **options):
        diagnosis = Diagnosis(tuple(BY_NAME.values()))
        for step, new in records(steps=60, probe=given, **options):
            for record in new:
                diagnosis.add(step, record)
        diagnosis.look(59)
        return {state.rule: (state.state, state.reason) for state in diagnosis.findings().rules}

    assert states(probe(boxes()))["looks_elsewhere"] == (WATCHING, "")
    for given in (probe(), probe(boxes(), labels=None)):
        state, reason = states(given)["looks_elsewhere"]
        assert state == OFF
        assert "give regions=" in reason
    assert states(None)["maps_all_alike"] == (WAITING, "waits for explanations")
    assert states(probe(kind="tabular"))["maps_all_alike"] == (OFF, "the inputs are no pictures")


# ---- all alike, at the border


@pytest.mark.parametrize(
    ("maps", "given"),
    [
        (always(np.ones((SAMPLES, 8, 8))), probe()),
        (lambda step: [attribution(similar(0.99) if step < 140 else within(0.4, seed=step))], probe()),
        (lambda step: [attribution(similar(0.99), predictions=[0] * SAMPLES)], probe()),
        (lambda step: [attribution(similar(0.99), method="attention_rollout")], probe()),
        (always(similar(0.99, side=4)), probe()),
        (always(within(0.6, boxes(0), seed=1)[:1].repeat(SAMPLES, 0)), probe(boxes(0))),
    ],
    ids=["even", "at first", "one class", "attention", "coarse", "classes share a region"],
)
def test_alike_maps_that_are_no_fault(maps, given):
    assert "maps_all_alike" not in found(maps=maps, probe=given)


def test_objects_in_the_middle_of_every_picture_do_not_make_maps_alike():
    y, x = np.mgrid[0:8, 0:8] - 3.5
    rng = np.random.default_rng(0)
    shifts = rng.normal(size=(SAMPLES, 2, 1, 1))
    blobs = np.exp(-((y - shifts[:, 0]) ** 2 + (x - shifts[:, 1]) ** 2) / 6)
    assert 0.5 < numbers(blobs)["alike"] < 0.95
    assert found(maps=always(blobs), probe=probe()) == []


@pytest.mark.parametrize(
    ("maps", "given"),
    [
        (always(np.ones((SAMPLES, 8, 8))), probe()),
        (always(at_edge(0.65, side=8)), probe()),  # the ring is 44 % of such a map
        (
            lambda step: [attribution(at_edge(0.9) if step < 140 else within(0.4, side=16, seed=step))],
            probe(),
        ),
        (always(within(0.6, boxes(3), side=16)), probe(boxes(3))),
        (
            always(np.stack([np.rot90(one, n % 4) for n, one in enumerate(at_edge(0.7, corner=True))])),
            probe(),
        ),
    ],
    ids=["even", "coarse", "at first", "objects at the border", "objects in several corners"],
)
def test_maps_at_the_border_that_are_no_fault(maps, given):
    assert "map_stuck_at_border" not in found(maps=maps, probe=given)


def test_what_a_shortcut_brings_is_told_under_it():
    """A tag in the corner: maps that lie there, all alike, come of it."""
    corner = np.full((SAMPLES, 8, 8), 0.01)
    corner[:, :2, :2] = 1
    corner[np.arange(SAMPLES), 5, LABELS] = 0.02

    def walks(step):
        return moving(0.64)(0) if step < 160 else [attribution(corner)]

    diagnosis = Diagnosis(RULES)
    for step, new in records(steps=400, maps=walks):
        for record in new:
            diagnosis.add(step, record)
        if diagnosis.due(step):
            diagnosis.look(step)
    told = {f.rule: f.root for f in diagnosis.findings().findings}
    assert told["looks_elsewhere"] == ""
    assert told["map_stuck_at_border"] == told["maps_all_alike"] == "looks_elsewhere"
