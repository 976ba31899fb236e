# SPDX-License-Identifier: Apache-2.0
"""What documents take from the code is what the code says now."""

from generate import documents


def test_generated_parts_are_up_to_date():
    for path, text in documents().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make docs`"
