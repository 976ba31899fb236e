# SPDX-License-Identifier: Apache-2.0
"""The records by their old path; `format.records` has them."""

from tb_xai_plugin.format.records import *  # noqa: F403
