# SPDX-License-Identifier: Apache-2.0
"""Shapley values of Keras models of tables, by the library shap: imported when asked for, not before."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

MISSING = "shap is not installed: pip install 'tb-xai-plugin[attribution]'"
SEED = 0


def kernel_shap(score_of: Callable[[np.ndarray, int], np.ndarray], inputs: np.ndarray) -> np.ndarray:
    """Shapley values [n f] of tables [n f] against a baseline of zeros; the random numbers are numpy's.

    score_of takes versions [k f] of one sample and the sample's row, and gives its scores [k]. With at most
    about ten features every coalition is asked for, and the values are exact (Lundberg & Lee 2017).

    Raises:
        ValueError: if shap is not there.
    """
    try:
        import shap
    except ImportError as error:
        raise ValueError(MISSING) from error
    np.random.seed(SEED)
    logging.getLogger("shap").setLevel(logging.WARNING)
    baseline, found = np.zeros_like(inputs[:1]), []
    for row, sample in enumerate(inputs):
        explainer = shap.KernelExplainer(lambda versions, row=row: score_of(versions, row), baseline)
        values = explainer.shap_values(sample[None], nsamples=2 * sample.size + 1024, l1_reg=0, silent=True)
        found.append(np.asarray(values, dtype=np.float32).reshape(sample.shape))
    return np.stack(found)
