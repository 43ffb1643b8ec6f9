"""The gate lets through what beats popularity and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import polars as pl
import pytest

from offers.learning.dataset import read_lines
from offers.learning.gate import GateReport, judge
from offers.learning.recipe import Recipe, read_recipe

Shop = Callable[..., pl.LazyFrame]


def _recipe(**gate: Any) -> Recipe:
    recipe = read_recipe()
    return msgspec.structs.replace(
        recipe,
        als=msgspec.structs.replace(recipe.als, factors=8, iterations=5),
        gate=msgspec.structs.replace(recipe.gate, **gate),
    )


def _judged(frame: pl.LazyFrame, recipe: Recipe) -> GateReport:
    return judge(read_lines(frame), recipe, lambda *_: None)


def test_people_of_taste_are_served_better_than_by_popularity(taste_shop: Shop) -> None:
    report = _judged(taste_shop(240, loyal=True), _recipe())
    assert report.passed, report.sentences()
    assert [m.question for m in report.measured] == ["discover", "next_basket", "cart"]
    for measured in report.measured:
        assert measured.judged
        assert measured.model.ndcg > measured.popularity.ndcg
        assert measured.low is not None
        assert measured.high is not None
        assert 0 < measured.low < measured.difference < measured.high
    text = "\n".join(report.sentences())
    assert "NDCG@10" in text
    assert "interval" in text
    assert msgspec.json.decode(msgspec.json.encode(report.metrics()))["questions"]["cart"]["cases"] > 0


def test_people_who_buy_at_random_prove_nothing_and_the_refusal_says_by_how_much(taste_shop: Shop) -> None:
    report = _judged(taste_shop(240, loyal=False), _recipe())
    assert not report.passed
    assert report.verdict.reasons == report.reasons
    assert all("popularity" in reason for reason in report.reasons)
    assert any("refused: " in line for line in report.sentences())


def test_the_same_lines_give_the_same_report(taste_shop: Shop) -> None:
    frame = taste_shop(60, loyal=True)
    assert _judged(frame, _recipe()).metrics() == _judged(frame, _recipe()).metrics()


def test_too_few_people_are_not_judged_by(taste_shop: Shop) -> None:
    report = _judged(taste_shop(12, loyal=True), _recipe())
    assert not report.passed
    assert "30 are needed" in report.reasons[0]
    assert all(not m.judged and m.low is None for m in report.measured)
    assert all("not judged" in line for line in report.sentences()[:3])


@pytest.mark.parametrize("seed", [1, 2])
def test_few_people_need_a_difference_and_many_need_proof(taste_shop: Shop, seed: int) -> None:
    frame = taste_shop(240, loyal=False, seed=seed)
    lenient = _judged(frame, _recipe(proof_from_customers=100_000))
    strict = _judged(frame, _recipe(proof_from_customers=1))
    assert not any("not proven" in reason for reason in lenient.reasons)
    assert set(lenient.reasons) <= set(strict.reasons)
    assert len(strict.reasons) == sum((m.low or 0) <= 0 for m in strict.measured)


def test_a_history_of_one_day_has_nothing_to_judge_by(taste_shop: Shop) -> None:
    frame = taste_shop(60, loyal=True).with_columns(pl.col("occurred_at").min())
    assert not _judged(frame, _recipe()).passed
