"""What is trained and how, as one TOML file: every number that shapes a model."""

from __future__ import annotations

import difflib
import re
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from offers.errors import InvalidInput

__all__ = ["AlsRecipe", "CopurchaseRecipe", "DataRecipe", "GateRecipe", "Recipe", "SimilarRecipe", "read_recipe"]

Count = Annotated[int, Meta(ge=1, le=10_000_000)]
Positive = Annotated[float, Meta(gt=0, le=1e9)]
NotNegative = Annotated[float, Meta(ge=0, le=1e9)]
Seed = Annotated[int, Meta(ge=0, le=2**32 - 1)]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class DataRecipe(_Part, frozen=True):
    """What is learned from. Half-lives in days; 0 means that nothing fades."""

    min_item_orders: Count
    half_life_days: NotNegative
    popularity_half_life_days: NotNegative


class AlsRecipe(_Part, frozen=True):
    """The factorisation. ``confidence_weight`` as in :func:`offers.ranking.weights.confidence`."""

    factors: Annotated[int, Meta(ge=1, le=1024)]
    confidence_weight: Positive
    regularization: Positive
    iterations: Annotated[int, Meta(ge=1, le=1000)]
    seed: Seed


class CopurchaseRecipe(_Part, frozen=True):
    """Complements; arguments of :func:`offers.learning.copurchase.copurchase`."""

    min_support: Count
    shrink: NotNegative
    damping: Annotated[float, Meta(ge=0, le=1)]
    top: Annotated[int, Meta(ge=1, le=1000)]


class SimilarRecipe(_Part, frozen=True):
    """Items of like taste; arguments of :func:`offers.learning.similar.similar`."""

    top: Annotated[int, Meta(ge=1, le=1000)]
    most_items: Annotated[int, Meta(ge=0, le=200_000)]


class GateRecipe(_Part, frozen=True):
    """How a model is judged; :mod:`offers.learning.gate` says what by."""

    holdout_days: Count
    k: Annotated[int, Meta(ge=1, le=1000)]
    customers: Count
    min_customers: Count
    proof_from_customers: Count
    confidence: Annotated[float, Meta(gt=0, lt=1)]
    resamples: Annotated[int, Meta(ge=100, le=1_000_000)]
    seed: Seed


class Recipe(_Part, frozen=True):
    """A whole recipe; every field must be given, so that a file says all that a model was made with."""

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_.-]{0,63}$")]
    data: DataRecipe
    als: AlsRecipe
    copurchase: CopurchaseRecipe
    similar: SimilarRecipe
    gate: GateRecipe

    def document(self) -> dict[str, Any]:
        """As plain values, for the manifest."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


def read_recipe(path: Path | None = None) -> Recipe:
    """The recipe in the TOML file ``path``; None: the one that comes with the package.

    Raises:
        InvalidInput: the file cannot be read, or a field is unknown, missing or out of range; the pointer names it.
    """
    if path is None:
        text, name = resources.files("offers.learning").joinpath("recipes/default.toml").read_bytes(), "default.toml"
    else:
        name = path.name
        try:
            text = path.read_bytes()
        except OSError:
            raise InvalidInput(f"the recipe {path} cannot be read") from None
    try:
        return msgspec.toml.decode(text, type=Recipe)
    except msgspec.ValidationError as error:
        raise _fault(name, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidInput(f"the recipe {name} is not valid TOML") from None


def _fault(name: str, message: str) -> InvalidInput:
    """From msgspec's sentence to a pointer and, for a misspelt field, the nearest name."""
    what, _, where = message.partition(" - at ")
    pointer = "".join(f"/{part}" for part in re.findall(r"\.(\w+)", where))
    if unknown := re.search(r"unknown field `(.+?)`", what):
        part = next((f for f in msgspec.structs.fields(Recipe) if pointer == f"/{f.name}"), None)
        known = [f.name for f in msgspec.structs.fields(Recipe if part is None else part.type)]
        near = difflib.get_close_matches(unknown[1], known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return InvalidInput.at(f"{pointer}/{unknown[1]}", "unknown_field", f"recipe {name}: no such field{hint}")
    if missing := re.search(r"missing required field `(.+?)`", what):
        return InvalidInput.at(f"{pointer}/{missing[1]}", "missing", f"recipe {name}: this field is needed")
    return InvalidInput.at(pointer, "invalid", f"recipe {name}: {what[:1].lower()}{what[1:]}")
