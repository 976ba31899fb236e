# SPDX-License-Identifier: Apache-2.0
"""The entry point TensorBoard imports at every start, data or not: standard library and base_plugin only."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from tensorboard.plugins import base_plugin

from tb_xai_plugin.names import MEDIA, SMALL

#: How many records of a tag TensorBoard keeps in memory; see `XaiLoader.fix_flags`.
SAMPLING_HINTS = {SMALL: 10_000, MEDIA: 1_000}

_log = logging.getLogger(__name__)


class XaiLoader(base_plugin.TBLoader):  # type: ignore[misc]  # TensorBoard has no types
    """Sets the sampling hints, then imports and builds `plugin.XaiPlugin` on TensorBoard's demand."""

    def fix_flags(self, flags: argparse.Namespace) -> None:
        """Ask TensorBoard to keep enough records; what the user set for a name wins, 0 means all.

        Unasked, TensorBoard keeps 10 maps a tag, and 10 (Python loader) or 100 (Rust) statistics, picked
        at random. A run has some 200 snapshots of a few to some hundred kilobytes, so 1000 maps a tag keep
        them all while bounding the memory of a run that logs without end; 10 000 statistics of some
        kilobytes cover a run that logs every tenth of 100 000 steps. Never raises: an exception here
        would stop TensorBoard.
        """
        hints = getattr(flags, "samples_per_plugin", None)
        if hints is None or hints == "":
            flags.samples_per_plugin = dict(SAMPLING_HINTS)
        elif isinstance(hints, dict):
            for name, hint in SAMPLING_HINTS.items():
                hints.setdefault(name, hint)
        else:
            _log.warning(
                "xai: --samples_per_plugin is a %s, not a dict; snapshots may be thinned out",
                type(hints).__name__,
            )

    def load(self, context: base_plugin.TBContext) -> Any:
        """The plugin, or None, with the reason in TensorBoard's log, if it cannot be imported or built."""
        try:
            from tb_xai_plugin.tab.plugin import XaiPlugin

            return XaiPlugin(context)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with us, TensorBoard must start
            _log.error("xai: the Explain tab is off: %s. `tb-xai doctor` says more.", error, exc_info=True)
            return None
