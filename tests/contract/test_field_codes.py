"""Every code of a single field that the source can answer is documented, and no documented one is made up."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import offers
from offers.web.field_codes import FIELD_CODES

SOURCE = Path(offers.__file__).parent
#: Modules that answer over HTTP; those of files have codes of their own.
FILES = [
    *SOURCE.glob("web/*.py"),
    *SOURCE.glob("deciding/*.py"),
    *(SOURCE / "intake" / f"{name}.py" for name in ("events", "items", "customers", "fields")),
]
#: Call -> place of the code among its arguments.
CALLS = {"FieldError": 1, "at": 1, "fault": 1}
#: Functions that return a code, alone or first of a pair.
MAKERS = {"id_code", "time_fault", "shape_fault", "_plain"}


def _texts(node: ast.AST) -> set[str]:
    """Text constants that an expression can be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    if isinstance(node, ast.IfExp):
        return _texts(node.body) | _texts(node.orelse)
    if isinstance(node, ast.Tuple) and node.elts:
        return _texts(node.elts[0])
    return set()


def _used() -> set[str]:
    found: set[str] = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                place = CALLS.get(name)
                if place is not None and len(node.args) == 3:
                    found |= _texts(node.args[place])
            elif isinstance(node, ast.FunctionDef) and node.name in MAKERS:
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        found |= _texts(inner.value)
    return found


def test_codes_in_the_source_and_in_the_document_are_the_same() -> None:
    used = _used()
    assert len(used) > 20
    assert used - FIELD_CODES.keys() == set()
    assert FIELD_CODES.keys() - used == set()


def test_codes_are_on_the_page(api: Any) -> None:
    page = api.call("GET", "/docs", key=None).get_data(as_text=True)
    assert all(f'id="field-{code}"' in page for code in FIELD_CODES)
