"""The gate: a model is served only if it beats plain popularity on what customers did next.

Judged by NDCG, question by question, on the same people; the difference comes with a bootstrap interval over them.
With enough people (``proof_from_customers``) the interval must lie above zero; with fewer, which cannot prove anything
either way, the difference itself must. A question with too few people (``min_customers``) is not judged, and a model
that no question could judge does not pass.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from offers.artifact.format import Verdict
from offers.errors import InvalidInput
from offers.learning.accuracy import Accuracy, accuracy, bootstrap_interval
from offers.learning.dataset import Dataset, Lines
from offers.learning.holdout import Case, Holdout, hidden_days
from offers.learning.learned import Lists, Report, learn
from offers.learning.recipe import GateRecipe, Recipe

__all__ = ["GateReport", "Measured", "judge"]


@dataclass(frozen=True, slots=True)
class Measured:
    """One question: means over ``cases`` people, and the difference of NDCG with its interval.

    ``judged`` is false with too few people; the interval is then absent.
    """

    question: str
    cases: int
    judged: bool
    model: Accuracy
    popularity: Accuracy
    difference: float
    low: float | None
    high: float | None

    def sentence(self, k: int) -> str:
        """For people."""
        if not self.judged:
            return f"{self.question}: not judged, only {self.cases} people bought in the hidden days"
        return (
            f"{self.question}: NDCG@{k} {self.model.ndcg:.4f} against popularity's {self.popularity.ndcg:.4f} "
            f"({self.difference:+.4f}, interval {self.low:+.4f} to {self.high:+.4f}), recall@{k} "
            f"{self.model.recall:.4f} against {self.popularity.recall:.4f}, {self.cases} people"
        )


@dataclass(frozen=True, slots=True)
class GateReport:
    """``cut``: µs where the hidden days begin; ``days`` of them; ``fit_seconds`` of the judged model's ALS."""

    passed: bool
    reasons: tuple[str, ...]
    k: int
    cut: int | None
    days: float
    measured: tuple[Measured, ...]
    fit_seconds: float

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.passed, self.reasons)

    def sentences(self) -> list[str]:
        """For people: every question, then why it did not pass."""
        return [m.sentence(self.k) for m in self.measured] + [f"refused: {reason}" for reason in self.reasons]

    def metrics(self) -> dict[str, Any]:
        """For the manifest: nothing that depends on the machine's speed."""
        return {
            "k": self.k,
            "holdout_from": self.cut,
            "holdout_days": round(self.days, 3),
            "questions": {m.question: asdict(m) for m in self.measured},
        }


def judge(lines: Lines, recipe: Recipe, report: Report) -> GateReport:
    """Learn from the past of ``lines`` by ``recipe`` and compare with popularity on the hidden days.

    Everything drawn at random is drawn by the recipe's seed: the same lines give the same report.
    """
    gate = recipe.gate
    days = hidden_days(lines, gate.holdout_days)
    generator = np.random.default_rng(gate.seed)
    holdout = Holdout.of(lines, gate.holdout_days, gate.customers, generator)
    try:
        past = Dataset.of(holdout.past, holdout.cut, recipe.data.min_item_orders)
    except InvalidInput:
        return GateReport(False, ("there is too little history to judge by",), gate.k, None, days, (), 0.0)
    learned = learn(past, recipe, report, " of the past")
    lists = Lists(learned, recipe, gate.k)
    total = sum(map(len, holdout.cases.values()))
    measured, done = [], 0
    for question, cases in holdout.cases.items():
        model, rival = [], []
        for case in cases:
            model.append(_of(lists.by_model(case), case, gate.k))
            rival.append(_of(lists.by_popularity(case), case, gate.k))
            done += 1
            if done % 100 == 0 or done == total:
                report("judge", done, total)
        measured.append(_measured(question, model, rival, gate, generator))
    reasons = _reasons(measured, gate)
    return GateReport(not reasons, reasons, gate.k, holdout.cut, days, tuple(measured), learned.fit_seconds)


def _of(ranked: Any, case: Case, k: int) -> Accuracy:
    return accuracy(ranked, case.wanted, k)


def _measured(
    question: str, model: list[Accuracy], rival: list[Accuracy], gate: GateRecipe, generator: np.random.Generator
) -> Measured:
    better = np.array([m.ndcg - r.ndcg for m, r in zip(model, rival, strict=True)])
    judged = len(better) >= gate.min_customers
    low, high = bootstrap_interval(better, gate.confidence, gate.resamples, generator) if judged else (None, None)
    difference = float(better.mean()) if len(better) else 0.0
    means = Accuracy.mean(model), Accuracy.mean(rival)
    return Measured(question, len(better), judged, *means, difference, low, high)


def _reasons(measured: list[Measured], gate: GateRecipe) -> tuple[str, ...]:
    judged = [m for m in measured if m.judged]
    if not judged:
        most = max((m.cases for m in measured), default=0)
        return (f"{most} people bought in the hidden days, {gate.min_customers} are needed to judge",)
    reasons = []
    for m in judged:
        if m.difference <= 0:
            reasons.append(f"{m.question}: popularity is as good ({m.difference:+.4f} NDCG@{gate.k})")
        elif m.cases >= gate.proof_from_customers and (m.low is None or m.low <= 0):
            reasons.append(f"{m.question}: not proven better than popularity (interval from {m.low:+.4f})")
    return tuple(reasons)
