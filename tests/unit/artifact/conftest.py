"""Tiny real artifacts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offers.artifact.assemble import Pairs, assemble
from offers.artifact.format import Parameters, Verdict
from offers.artifact.registry import Registry
from offers.artifact.store import save
from offers.clock import HeldClock

Arrays = dict[str, np.ndarray[Any, Any]]


@pytest.fixture
def make_arrays() -> Callable[[int], Arrays]:
    """Arrays of six items and four factors that differ by seed; the third id is not ASCII."""

    def made(seed: int) -> Arrays:
        generator = np.random.default_rng(seed)
        ids = ["i0", "i1", "молоко-2", "i3", "i4", "i5"]
        pairs = Pairs(
            np.array([0, 2, 3, 3, 3, 3, 3]), np.array([1, 2, 0]), np.array([0.5, 0.4, 0.3]), np.array([7, 5, 7])
        )
        factors = generator.normal(size=(6, 4))
        return assemble(ids, factors, generator.random(6), np.arange(6) + 5, pairs, Pairs.none(6))

    return made


@pytest.fixture
def save_model(make_arrays: Callable[[int], Arrays]) -> Callable[..., str]:
    """Saves the arrays of a seed under a directory; returns the id."""

    def saved(directory: Path, seed: int = 1, **fields: Any) -> str:
        fields = {"engine": "local", "recipe": {"name": "tiny"}, "created_at": seed, "gate": Verdict(True)} | fields
        return save(directory, make_arrays(seed), parameters=Parameters(6, 4, 10, 1.0, 2.0, 45.0, 0), **fields)

    return saved


@pytest.fixture
def registry(tmp_path: Path, clock: HeldClock) -> Registry:
    return Registry(tmp_path / "models", clock)
