# SPDX-License-Identifier: Apache-2.0
"""The names TensorBoard knows us by; standard library only, because the loader imports them at start."""

from __future__ import annotations

#: The tab: its address is `/#xai`, its routes are `data/plugin/xai/…`.
PLUGIN_NAME = "xai"
#: Data names: small tensors, and maps and pictures. Each has its own sampling hint.
SMALL = "xai"
MEDIA = "xai_media"
