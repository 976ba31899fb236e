# SPDX-License-Identifier: Apache-2.0
"""The Explain tab of TensorBoard, and `open_log`, which reads the same logs in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tb_xai_plugin.log import open_log as open_log

__all__ = ["open_log"]


def __getattr__(name: str) -> Any:
    # TensorBoard imports this package at every start; numpy may only come with the first use.
    if name == "open_log":
        from tb_xai_plugin.log import open_log

        return open_log
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
