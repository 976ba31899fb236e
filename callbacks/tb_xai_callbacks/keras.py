# SPDX-License-Identifier: Apache-2.0
"""Keras 3: `ExplainCallback`."""

from tb_xai_callbacks.hosts.keras import ExplainCallback

__all__ = ["ExplainCallback"]
