# SPDX-License-Identifier: Apache-2.0
"""The Hugging Face Trainer: `ExplainCallback`."""

from tb_xai_callbacks.hosts.transformers import ExplainCallback

__all__ = ["ExplainCallback"]
