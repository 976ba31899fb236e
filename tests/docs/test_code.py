# SPDX-License-Identifier: Apache-2.0
"""The Python in the documents parses, and what it imports from us is there."""

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest
from documents import DOCUMENTS, blocks

#: The public doors import their framework, so their names are read from the source instead.
DOORS = tuple(f"tb_xai_callbacks.{name}" for name in ("torch", "keras", "lightning", "transformers"))

CODE = [(path, code) for path, text in DOCUMENTS.items() for code in blocks(text, "python")]


def _imports(code):
    """(module, name) of everything that is imported from us; the name is None for a plain import."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module.startswith("tb_xai_"):
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names if alias.name.startswith("tb_xai_"))


def _bound(statements):
    """The names that a module's statements bind."""
    for node in statements:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _has(module, name):
    if module not in DOORS:
        return name is None or hasattr(importlib.import_module(module), name)
    source = Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8")
    return name is None or name in set(_bound(ast.parse(source).body))


def test_there_is_code_of_every_host():
    imported = {module for _, code in CODE for module, _ in _imports(code)}
    assert {*DOORS, "tb_xai_plugin", "tb_xai_plugin.rules"} <= imported


@pytest.mark.parametrize(("path", "code"), CODE)
def test_the_code_parses_and_what_it_imports_is_there(path, code):
    ast.parse(code)
    for module, name in _imports(code):
        assert importlib.util.find_spec(module) is not None, f"{path} imports {module}, which is not there"
        assert _has(module, name), f"{path} imports {name} from {module}, which has none"


def test_the_check_of_names_can_fail():
    assert not _has("tb_xai_callbacks.torch", "wotch")
    assert not _has("tb_xai_plugin", "open_lock")
