# SPDX-License-Identifier: Apache-2.0
"""The programs of `tests/diagnosis`, which is a folder of tests and no package: it goes on the path here."""

from __future__ import annotations

import sys
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[2]
for _folder in (_REPOSITORY / "callbacks", _REPOSITORY, _REPOSITORY / "tests" / "diagnosis"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

import outcomes  # noqa: E402
import programs_data  # noqa: E402
from outcomes import Outcome  # noqa: E402
from programs import BY_NAME, PROGRAMS  # noqa: E402
from programs_loop import Program, Script  # noqa: E402

__all__ = ["BY_NAME", "PROGRAMS", "Outcome", "Program", "Script", "outcomes", "programs_data"]
