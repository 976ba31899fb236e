# SPDX-License-Identifier: Apache-2.0
"""Rules on explanations: the network looks elsewhere, everywhere alike, or always at the border.

The numbers of each snapshot are those of `rules/maps.py`. Where several maps are made (methods, layers), half
of those that can tell have to say so: one method alone, or an early layer, may be odd by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tb_xai_plugin.rules.evidence import Evidence
from tb_xai_plugin.rules.rule import INFO, WARNING, Symptom, rule

#: The family of these rules.
FAMILY = "explanations"


@dataclass(frozen=True)
class _Fall:
    """What one map's numbers were when it lay inside the regions, around step `at`, and what they are.

    `since` is the first step from which on it lies elsewhere, -1 if it does not.
    """

    place: str
    since: int
    inside: tuple[float, float]
    pointing: tuple[float, float]
    accuracy: tuple[float, float]
    at: int


@rule(
    FAMILY, WARNING, needs=("maps", "regions"), min_steps=20, hold=2,
    leads_to=("map_stuck_at_border", "maps_all_alike"), told_before=("lagging_layer",),
)  # fmt: skip
def looks_elsewhere(
    evidence: Evidence, *, fall: float = 0.5, over: float = 1.5, harm: float = 0.1, stay: int = 2
) -> Iterator[Symptom]:
    """In two snapshots running the share of the maps' positive relevance that lies inside the regions is at
    most half of what it was in three snapshots running, while no more than 10 points of the probe's accuracy are lost.

    Half, because a network that settles on a part of its object stays inside of it. It counts as having
    looked there if the share was 1.5 times that of an even map and the accuracy 1.5 times that of always
    naming the commonest label: maps of a network that knows nothing lie anywhere. Ten points are less than
    two of the sixteen samples of a usual probe. The pointing game must not have become better.
    Lapuschkin et al., "Unmasking Clever Hans predictors", Nature Communications 10, 2019, has such networks.
    """
    falls = [_fall(evidence, key, (fall, over, harm), stay) for key in evidence.maps.trails]
    known = [found for found in falls if found is not None]
    fallen = [found for found in known if found.since >= 0]
    if not fallen or 2 * len(fallen) < len(known):
        return
    worst = min(fallen, key=lambda found: found.inside[1] / found.inside[0])
    (before, now), (hit, hits), (right, rights) = worst.inside, worst.pointing, worst.accuracy
    yield Symptom(
        "", now, fall * before, "share of the map inside the region",
        "the network no longer looks at the object",
        f"{now:.0%} of the map of {worst.place} lies inside the samples' regions, {before:.0%} around step {worst.at}; "
        f"its hottest place lies there for {hits:.0%} of the samples, {hit:.0%} before. {rights:.0%} of the samples are "
        f"right, {right:.0%} before",
        "something outside of the regions gives the answer away, a shortcut: a mark, a border, a background that "
        "goes with the class",
        "See in Explanations where the maps moved to at that step; measure the accuracy on samples without it; crop, "
        "cover or shuffle it in the training data.", since=worst.since,
    )  # fmt: skip


def _fall(
    evidence: Evidence, key: tuple[str, str], limits: tuple[float, float, float], stay: int
) -> _Fall | None:
    """How one map fell, `since` -1 if it did not; None if it never lay inside the regions."""
    fall, over, harm = limits
    maps, steps = evidence.maps, evidence.maps.trails[key].steps
    inside, accuracy = maps.column(key, "inside"), maps.column(key, "accuracy")
    pointing, there = maps.column(key, "pointing"), np.flatnonzero(np.isfinite(inside))
    knows = accuracy >= over * maps.column(key, "guess")
    looked = knows & (inside >= over * maps.column(key, "even"))
    best, end = 0.0, -1
    for place in range(len(there) - 2):  # windows of three snapshots that have maps
        window = there[place : place + 3]
        if looked[window].all() and inside[window].mean() > best:
            best, end = float(inside[window].mean()), place + 2
    if end < 0:
        return None
    window, low = there[end - 2 : end + 1], inside[there] <= fall * best
    first = len(there) - int(np.argmin(low[::-1])) if not low.all() else 0
    late = there[first:]
    was = (best, float(pointing[window].mean()), float(accuracy[window].mean()))
    name, at = " at ".join(filter(None, key)), int(steps[window[1]])
    if len(late) < stay or first <= end:
        return _Fall(name, -1, (best, best), (was[1], was[1]), (was[2], was[2]), at)
    now = tuple(float(values[late[-stay:]].mean()) for values in (inside, pointing, accuracy))
    lost = now[2] < was[2] - harm or now[1] > was[1]
    since = -1 if lost else int(steps[late[0]])
    return _Fall(name, since, (best, now[0]), (was[1], now[1]), (was[2], now[2]), at)


def _late(evidence: Evidence, key: tuple[str, str], snapshots: int) -> slice | None:
    """The latest snapshots of a map, if all are of the second half of the steps so far."""
    steps = evidence.maps.trails[key].steps
    if len(steps) < snapshots or steps[-snapshots] < evidence.step / 2:
        return None
    return slice(len(steps) - snapshots, len(steps))


def _on_the_object(evidence: Evidence, key: tuple[str, str], place: slice, share: float) -> bool:
    """Whether regions are given and hold the larger part of the heat: then that is where it should be."""
    return bool((evidence.maps.column(key, "inside")[place] >= share).all())


@rule(FAMILY, WARNING, needs=("maps",), min_steps=100, hold=20, told_before=("lagging_layer",))
def maps_all_alike(
    evidence: Evidence, *, limit: float = 0.95, snapshots: int = 3, inside: float = 0.5
) -> Iterator[Symptom]:
    """In three snapshots of the second half of training so far the maps of two samples that are predicted
    differently have a median correlation above 0.95.

    The correlation is about each map's mean: maps that are even count as nothing, not as alike, and objects
    in the middle of all pictures give 0.5 to 0.9. Maps of fewer than 36 cells are too coarse to tell, and
    where regions hold half of the heat, it lies where it should. Attention is a network's way to all
    classes at once, so that its maps are left out. Adebayo et al., "Sanity checks for saliency maps",
    NeurIPS 2018: a map that says the same of everything explains nothing.
    """
    found = []
    judged = 0
    for key in evidence.maps.trails:
        place = _late(evidence, key, snapshots)
        if place is None or key[0].endswith("rollout"):
            continue
        values = evidence.maps.column(key, "alike")[place]
        judged += bool(np.isfinite(values).all())
        if (values > limit).all() and not _on_the_object(evidence, key, place, inside):
            found.append((float(values[-1]), " at ".join(filter(None, key))))
    if found and 2 * len(found) >= judged:
        value, name = max(found)
        yield Symptom(
            "", value, limit, "median correlation of maps of different classes", "the maps of all samples are alike",
            f"Maps of {name} for samples that are predicted differently have a median correlation of {value:.3f}: they "
            "do not tell why one is predicted and not the other",
            "the network decides by the same place in every picture (a mark, a border), or the method does not depend "
            "on the class here",
            "Look at the place that they share; try another method or layer, and measure randomisation (trust).",
        )  # fmt: skip


@rule(FAMILY, INFO, needs=("maps",), min_steps=100, hold=20, told_before=("lagging_layer",))
def map_stuck_at_border(
    evidence: Evidence, *, share: float = 0.6, snapshots: int = 3, inside: float = 0.5
) -> Iterator[Symptom]:
    """In three snapshots of the second half of training so far more than 60 % of the heat of three of four
    samples lies in the outermost ring of the map's cells, or in the same corner, a quarter of the sides.

    An even map of 16×16 cells has 23 % in its ring and 6 % in a corner. Of a coarser one the ring is larger:
    the limit is then half way between its share of the map and everything. Where regions hold half of the
    heat, the object itself is at the border.
    """
    found = []
    judged = 0
    for key, (rows, columns) in evidence.maps.sides.items():
        place = _late(evidence, key, snapshots)
        if place is None:
            continue
        ring, corner = (evidence.maps.column(key, name)[place] for name in ("ring", "corner"))
        judged += bool(np.isfinite(ring).all())
        even = 1 - (rows - 2) * (columns - 2) / (rows * columns)
        limit = max(share, (1 + even) / 2)
        if _on_the_object(evidence, key, place, inside):
            continue
        name = " at ".join(filter(None, key))
        if (corner > share).all():
            found.append((float(corner[-1]), share, name, "one corner"))
        elif (ring > limit).all():
            found.append((float(ring[-1]), limit, name, "the outermost ring"))
    if found and 2 * len(found) >= judged:
        value, limit, name, where = max(found)
        yield Symptom(
            "", value, limit, f"share of the map in {where}, reached by three of four samples",
            "the maps lie at the border",
            f"Of the maps of {name} {value:.0%} or more lies in {where}, for three of four samples",
            "a mark or frame there goes with the class; or padding with zeros draws the network to the edge",
            "Nothing if that is where the objects are (give regions= to say so); else crop or cover the border in some "
            "samples and see whether the accuracy holds.",
        )  # fmt: skip
