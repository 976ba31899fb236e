# SPDX-License-Identifier: Apache-2.0
"""Lightning: `ExplainCallback`."""

from tb_xai_callbacks.hosts.lightning import ExplainCallback

__all__ = ["ExplainCallback"]
