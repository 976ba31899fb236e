# SPDX-License-Identifier: Apache-2.0
"""A statistic of your own: one more column for every layer, and one more choice in the tab's layer strips."""

import numpy as np
from training import train

from tb_xai_plugin import open_log
from tb_xai_plugin.format.columns import Statistic


def hoyer(values: np.ndarray) -> float:
    """Hoyer's sparseness of an activation [n …]: 0 where all values are alike, 1 where one alone is not 0.

    Hoyer 2004, "Non-negative matrix factorization with sparseness constraints", equation 5.
    """
    sizes = np.abs(values).ravel().astype(np.float64)
    root, length = np.sqrt(sizes.size), np.linalg.norm(sizes)
    return float((root - sizes.sum() / length) / (root - 1)) if length else float("nan")


SPARSENESS = Statistic(
    "activation", "hoyer", "sparseness", "How few values carry the layer’s output (Hoyer 2004).",
    scale="share", high=1, compute=hoyer,
)  # fmt: skip


def test_it_is_logged_beside_ours_with_its_description(tmp_path):
    train(tmp_path, statistics=(SPARSENESS,))
    run = open_log(tmp_path)["."]
    stats = run.layer_stats("activation")
    sparse, zeros = stats.column("hoyer"), stats.column("zero_fraction")
    after_relu, before_relu = stats.layers.index("1"), stats.layers.index("0")
    assert ((sparse >= 0) & (sparse <= 1)).all()
    assert (sparse[:, after_relu] > sparse[:, before_relu]).all()  # a ReLU sets values to zero
    assert (zeros[:, after_relu] > 0).all()
    described = {column.name: column for column in run.descriptions.columns}
    assert (described["hoyer"].title, described["hoyer"].key) == ("sparseness", "hoyer")


def test_one_that_fails_is_off_by_itself(tmp_path):
    def broken(values: np.ndarray) -> float:
        raise ArithmeticError("no such thing")

    statistic = Statistic("weight", "broken", "broken", "Fails.", compute=broken)
    train(tmp_path, statistics=(SPARSENESS, statistic))
    run = open_log(tmp_path)["."]
    assert np.isnan(run.layer_stats("weight").column("broken")).all()
    assert np.isfinite(run.layer_stats("weight").column("norm")).all()
    states = {signal.name: (signal.state, signal.reason) for signal in run.status.signals}
    assert states["statistics/broken"] == ("off", "ArithmeticError: no such thing")
    assert states["weights"][0] == "captured"
