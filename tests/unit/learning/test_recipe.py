"""A recipe says everything, and what is wrong with one is named."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from offers.errors import InvalidInput
from offers.learning.recipe import Recipe, read_recipe

ROOT = Path(__file__).resolve().parents[3]


def test_the_shipped_recipe_is_the_documented_one() -> None:
    shown = ROOT / "models" / "default.toml"
    shipped = ROOT / "src" / "offers" / "learning" / "recipes" / "default.toml"
    assert shown.read_bytes() == shipped.read_bytes()
    assert read_recipe(shown) == read_recipe()


def test_the_document_in_a_manifest_makes_the_same_recipe() -> None:
    recipe = read_recipe()
    assert msgspec.convert(recipe.document(), Recipe) == recipe


@pytest.mark.parametrize(
    ("old", "new", "pointer", "code", "words"),
    [
        ("factors = 64", "factor = 64", "/als/factor", "unknown_field", "did you mean 'factors'"),
        ("[als]", "[alz]", "/alz", "unknown_field", "did you mean 'als'"),
        ("shrink = 20.0", "shrink = -1.0", "/copurchase/shrink", "invalid", ">= 0"),
        ("factors = 64", "factors = 0", "/als/factors", "invalid", ">= 1"),
        ("k = 10", 'k = "ten"', "/gate/k", "invalid", "int"),
        ('name = "default"', "", "/name", "missing", "needed"),
    ],
)
def test_a_fault_is_named_with_its_pointer(
    tmp_path: Path, old: str, new: str, pointer: str, code: str, words: str
) -> None:
    text = (ROOT / "models" / "default.toml").read_text()
    path = tmp_path / "mine.toml"
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidInput) as caught:
        read_recipe(path)
    fault = caught.value.errors[0]
    assert (fault.pointer, fault.code) == (pointer, code)
    assert words in fault.detail
    assert "mine.toml" in fault.detail


@pytest.mark.parametrize("content", [b"[als", b"\xff\xfe"])
def test_what_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="the recipe mine"):
        read_recipe(path)


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_recipe(tmp_path / "none.toml")
