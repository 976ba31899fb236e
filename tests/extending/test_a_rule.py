# SPDX-License-Identifier: Apache-2.0
"""A rule of your own: a pure function from evidence to symptoms, beside ours or instead of them."""

from collections.abc import Iterator

from training import train

from tb_xai_plugin import open_log
from tb_xai_plugin.rules import RULES, Evidence, Rule, Symptom


def loss_above(evidence: Evidence, *, limit: float = 0.9) -> Iterator[Symptom]:
    """The mean loss of the last five steps is above what the task is worth."""
    losses = evidence.losses[-5:]
    if len(losses) and losses.mean() > limit:
        yield Symptom(
            layer="", value=float(losses.mean()), threshold=limit, statistic="loss",
            title="loss above the goal", message=f"mean loss {losses.mean():.3g} over the last 5 steps",
            cause="training is too short, or the learning rate too small", advice="train longer",
        )  # fmt: skip


GOAL = Rule(
    "loss_above_goal", "goals", "warning", "Mean loss of five steps above 0.9.", loss_above,
    needs=("loss",), min_steps=5, hold=2,
)  # fmt: skip


def test_it_fires_beside_ours_and_falls_silent(tmp_path):
    train(tmp_path / "short", steps=16, rules=(*RULES, GOAL))
    train(tmp_path / "long", steps=80, rules=(GOAL,))
    runs = open_log(tmp_path)
    (finding,) = [found for found in runs["short"].findings if found.rule == "loss_above_goal"]
    assert finding.value > 0.9
    assert finding.advice == "train longer"
    still = [found for found in runs["long"].findings if found.last_step >= 79]
    assert not still
