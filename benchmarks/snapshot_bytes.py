# SPDX-License-Identifier: Apache-2.0
"""Bytes that one Grad-CAM snapshot of 16 samples takes on disk, by the size of the layer's map."""

import numpy as np

from tb_xai_plugin.records import Attribution
from tb_xai_plugin.summary import record_summary

for side in (7, 14, 28, 56):
    record = Attribution(
        method="grad_cam",
        layer="layer4",
        heat=np.random.default_rng(0).random((16, side, side), dtype=np.float32),
        targets=np.arange(16),
        scores=np.ones(16),
        predictions=np.arange(16),
        prediction_scores=np.ones(16),
        probe="0" * 16,
    )
    print(f"{side:3d} × {side:<3d} {record_summary(record).ByteSize():8,d} bytes")
