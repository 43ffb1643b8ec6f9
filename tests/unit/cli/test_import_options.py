"""``--map`` takes one pair or several, before or after the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from offers.cli import imports


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(
        imports, "_run", lambda function, file, output, given, **more: calls.append({**given, "file": file})
    )
    return calls


@pytest.mark.parametrize(
    "arguments",
    [
        ["F", "--map", "a=item_id", "b c=item_name", "d=price", "--currency", "GBP"],
        ["--map", "a=item_id", "b c=item_name", "--currency", "GBP", "F", "--map", "d=price"],
        ["--currency", "GBP", "--map=a=item_id", "b c=item_name", "--map", "d=price", "F"],
        ["--map", "a=item_id", "--map", "b c=item_name", "--map", "d=price", "F", "--currency=GBP"],
    ],
)
def test_pairs(arguments: list[str], seen: list[dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("a,b c,d\n")
    done = CliRunner().invoke(imports.command, ["items", *[str(path) if a == "F" else a for a in arguments]])
    assert done.exit_code == 0, done.output
    (given,) = seen
    assert given["mapping"] == {"a": "item_id", "b c": "item_name", "d": "price"}
    assert (given["file"], given["currency"], given["partial"]) == (path, "GBP", False)


@pytest.mark.parametrize("pair", ["item_id", "=item_id", "sku="])
def test_a_pair_that_is_none_is_refused(pair: str, tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("a\n")
    done = CliRunner().invoke(imports.command, ["orders", str(path), "--map", pair])
    assert done.exit_code == 2


def test_a_file_that_is_not_there_is_named() -> None:
    done = CliRunner().invoke(imports.command, ["orders", "/no/such/file.csv"])
    assert done.exit_code == 2
    assert "/no/such/file.csv" in done.output
