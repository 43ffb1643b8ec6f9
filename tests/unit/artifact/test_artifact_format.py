"""Arrays that do not fit the format are refused by name; the id is the content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from offers.artifact.format import ARRAYS, Manifest, Parameters, Verdict, check, content_id, estimate_bytes, seal_of

Make = Callable[[int], dict[str, Any]]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("factors", lambda a: a.astype(np.float64)),
        ("factors", lambda a: np.full_like(a, np.nan)),
        ("norms", lambda a: a[:-1]),
        ("gram", lambda a: a[:-1]),
        ("co_indptr", lambda a: a[::-1].copy()),
        ("co_indices", lambda a: a + 6),
        ("co_score", lambda a: a[:1]),
        ("vocab_offsets", lambda a: a + 1),
        ("norm_order", lambda a: np.zeros_like(a)),
    ],
)
def test_arrays_that_do_not_fit_are_refused_by_name(make_arrays: Make, name: str, damage: Any) -> None:
    arrays = make_arrays(1)
    check(arrays)
    with pytest.raises(ValueError, match=name.split("_")[0]):
        check(arrays | {name: damage(arrays[name])})


def test_an_absent_array_is_named(make_arrays: Make) -> None:
    arrays = make_arrays(1)
    del arrays["gram"]
    with pytest.raises(ValueError, match="gram"):
        check(arrays)


def _manifest() -> Manifest:
    return Manifest("", 1, "local", {"name": "a"}, Parameters(6, 4, 10, 1.0, 2.0, 45.0, 0), {}, created_at=5)


@pytest.mark.parametrize(
    "change",
    [
        {"created_at": 6},
        {"ledger_version": 7},
        {"ledger_uri": "s3://x"},
        {"metrics": {"k": 1}},
        {"timings": {"fit": 1.0}},
        {"counts": {"items": 1}},
        {"gate": Verdict(False, ("no",))},
    ],
    ids=lambda c: next(iter(c)),
)
def test_time_place_and_judgement_do_not_enter_the_id_but_are_sealed(change: dict[str, Any]) -> None:
    before = _manifest()
    after = msgspec.structs.replace(before, **change)
    assert content_id(after) == content_id(before)
    assert seal_of(after) != seal_of(before)


@pytest.mark.parametrize(
    "change",
    [{"engine": "spark"}, {"recipe": {"name": "b"}}, {"parameters": Parameters(6, 4, 10, 1.0, 2.0, 45.0, 1)}],
    ids=lambda c: next(iter(c)),
)
def test_engine_recipe_and_parameters_enter_the_id(change: dict[str, Any]) -> None:
    assert content_id(msgspec.structs.replace(_manifest(), **change)) != content_id(_manifest())


def test_the_estimate_is_the_size_of_the_arrays(make_arrays: Make) -> None:
    arrays = make_arrays(1)
    blob = arrays["vocab_blob"].nbytes
    without_ids = sum(arrays[name].nbytes for name in ARRAYS) - blob
    assert estimate_bytes(6, 4, co_pairs=3, similar_pairs=0, id_bytes=0) == without_ids
