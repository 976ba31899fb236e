# SPDX-License-Identifier: Apache-2.0
"""Plain PyTorch loops: `watch(model, optimizer, log_dir=…)`."""

from tb_xai_callbacks.hosts.torch import Watch, watch

__all__ = ["Watch", "watch"]
