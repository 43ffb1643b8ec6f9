"""From order lines to a registered artifact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from offers.artifact.model import Model
from offers.artifact.registry import Registry
from offers.artifact.store import verify
from offers.clock import HeldClock
from offers.errors import InvalidInput
from offers.learning.recipe import Recipe, read_recipe
from offers.learning.train import Registered, train, train_and_register

Shop = Callable[..., pl.LazyFrame]


@pytest.fixture
def recipe() -> Recipe:
    default = read_recipe()
    return msgspec.structs.replace(default, als=msgspec.structs.replace(default.als, factors=8, iterations=5))


@pytest.fixture
def registry(tmp_path: Path, clock: HeldClock) -> Registry:
    return Registry(tmp_path / "models", clock)


def _registered(frame: pl.LazyFrame, recipe: Recipe, registry: Registry, **options: Any) -> Registered:
    return train_and_register(frame, recipe, registry, author="ann", reason="nightly", **options)


def test_a_good_model_is_trained_judged_promoted_and_readable(
    taste_shop: Shop, recipe: Recipe, registry: Registry, clock: HeldClock
) -> None:
    steps: dict[str, tuple[int, int | None]] = {}
    notes: list[str] = []
    done = _registered(
        taste_shop(90, loyal=True),
        recipe,
        registry,
        clock=clock,
        ledger_version=12,
        ledger_uri="/ledger",
        report=lambda step, at, of: steps.__setitem__(step, (at, of)),
        note=notes.append,
    )
    assert (done.promoted, done.previous, done.refused) == (True, None, None)
    assert registry.current() == done.trained.model_id
    assert verify(registry.path(done.trained.model_id)) == []
    model = Model.open(registry.path(done.trained.model_id))
    manifest = model.manifest
    assert (manifest.ledger_version, manifest.ledger_uri, manifest.engine) == (12, "/ledger", "local")
    assert manifest.created_at == clock.now_us()
    assert msgspec.convert(manifest.recipe, Recipe) == recipe
    assert manifest.gate is not None
    assert manifest.gate.passed
    assert manifest.metrics["questions"]["discover"]["difference"] > 0
    assert manifest.counts["customers"] == 90
    assert model.n_items == 90
    assert model.n_baskets == 720
    # Within a kind, neighbours by number are always bought together: the best complement, in every basket of it.
    ids = list(model.item_ids)
    for index, name in enumerate(ids):
        at = int(model.co_indptr[index])
        number = int(name[1:])
        assert ids[model.co_indices[at]] == f"i{number + 1 - 2 * (number % 2):02}"
        assert model.co_together[at] == model.item_baskets[index]
        alike = model.similar_indices[model.similar_indptr[index] : model.similar_indptr[index + 1]][:5]
        assert {int(ids[j][1:]) // 30 for j in alike} == {number // 30}
    assert np.isclose(model.popularity.sum(), 1.0)
    assert all(of is None or at == of for step, (at, of) in steps.items())
    assert {"factorise", "factorise of the past", "judge", "save"} <= set(steps)
    assert "at most" in notes[0]
    assert done.trained.model_id in notes[-1]


def test_training_again_on_the_same_facts_changes_nothing(taste_shop: Shop, recipe: Recipe, registry: Registry) -> None:
    frame = taste_shop(90, loyal=True)
    first = _registered(frame, recipe, registry)
    again = _registered(frame.collect().reverse().lazy(), recipe, registry)
    assert again.trained.model_id == first.trained.model_id
    assert (again.promoted, again.previous, again.refused) == (False, first.trained.model_id, None)
    assert len(registry.history()) == 1


def test_a_refused_model_is_kept_and_promoted_by_force_only(
    taste_shop: Shop, recipe: Recipe, registry: Registry
) -> None:
    good = _registered(taste_shop(90, loyal=True), recipe, registry)
    bad = _registered(taste_shop(240, loyal=False), recipe, registry)
    assert not bad.promoted
    assert bad.previous == good.trained.model_id == registry.current()
    assert bad.refused is not None
    assert "popularity" in bad.refused
    forced = _registered(taste_shop(240, loyal=False), recipe, registry, force=True)
    assert (forced.promoted, forced.previous) == (True, good.trained.model_id)
    assert registry.history()[-1].forced


def test_a_model_that_nobody_judged_is_not_promoted_unless_it_is_judged_later(
    taste_shop: Shop, recipe: Recipe, registry: Registry
) -> None:
    frame = taste_shop(90, loyal=True)
    unjudged = train(frame, recipe, registry.artifacts, judged=False)
    assert unjudged.gate is None
    assert "gate" not in unjudged.timings
    done = _registered(frame, recipe, registry)
    assert done.trained.model_id == unjudged.model_id
    assert done.promoted


def test_not_promoting_is_possible(taste_shop: Shop, recipe: Recipe, registry: Registry) -> None:
    done = _registered(taste_shop(90, loyal=True), recipe, registry, promote=False)
    assert not done.promoted
    assert registry.current() is None
    assert [info.id for info in registry.list()] == [done.trained.model_id]


def test_guests_alone_teach_complements(
    make_lines: Callable[[Any], pl.LazyFrame], recipe: Recipe, registry: Registry
) -> None:
    frame = make_lines([(f"o{i}", None, i / 4, [f"a{i % 5}", f"b{i % 5}", "c"]) for i in range(400)])
    done = _registered(frame, recipe, registry)
    model = Model.open(registry.path(done.trained.model_id))
    ids = list(model.item_ids)
    a0 = ids.index("a0")
    assert {"b0", "c"} == {ids[j] for j in model.co_indices[model.co_indptr[a0] : model.co_indptr[a0 + 1]]}
    assert not model.factors.any()
    assert done.promoted, done.refused


def test_too_little_is_said_and_leaves_nothing(
    make_lines: Callable[[Any], pl.LazyFrame], recipe: Recipe, registry: Registry
) -> None:
    with pytest.raises(InvalidInput):
        _registered(make_lines([("o1", "c:a", 0.0, ["a"])]), recipe, registry)
    assert list(registry.list()) == []


def test_timings_add_up_and_leave_the_judging_out(taste_shop: Shop, recipe: Recipe, registry: Registry) -> None:
    trained = train(taste_shop(90, loyal=True), recipe, registry.artifacts)
    assert trained.fit_seconds == trained.timings["fit"] + trained.timings["gate_fit"]
    assert trained.training_seconds == pytest.approx(sum(trained.timings.values()) - trained.timings["gate"])
