"""One training, from order lines to an artifact, and its way through the gate into the registry."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from threadpoolctl import threadpool_limits

from offers.artifact.assemble import assemble
from offers.artifact.format import Parameters, estimate_bytes
from offers.artifact.registry import Registry
from offers.artifact.store import save
from offers.clock import Clock, SystemClock
from offers.errors import GateRefused
from offers.learning.dataset import Dataset, read_lines
from offers.learning.gate import GateReport, judge
from offers.learning.learned import Report, learn
from offers.learning.recipe import Recipe
from offers.learning.similar import similar

__all__ = ["ENGINE", "Registered", "Trained", "train", "train_and_register"]

ENGINE = "local"
"""Named in the manifest of what this module trains."""

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished training. ``timings``: seconds by step; ``bytes``: size of the arrays; ``gate`` None: not asked."""

    model_id: str
    gate: GateReport | None
    timings: dict[str, float]
    counts: dict[str, int]
    bytes: int

    @property
    def fit_seconds(self) -> float:
        """Spent inside the ALS package's own ``fit`` calls."""
        return self.timings["fit"] + self.timings.get("gate_fit", 0.0)

    @property
    def training_seconds(self) -> float:
        """All of the training but the gate's own work (its ``fit`` call is counted)."""
        return sum(seconds for step, seconds in self.timings.items() if step != "gate")


@dataclass(frozen=True, slots=True)
class Registered:
    """``promoted``: the model is now current, by this call; ``previous``: what was. ``refused``: why it is not."""

    trained: Trained
    promoted: bool
    previous: str | None
    refused: str | None


class _Stopwatch:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - start

    def move(self, seconds: float, source: str, target: str) -> None:
        """Book ``seconds`` that were measured within ``source`` under ``target`` instead."""
        self.seconds[source] -= seconds
        self.seconds[target] = self.seconds.get(target, 0.0) + seconds


def train(
    order_lines: pl.LazyFrame,
    recipe: Recipe,
    artifacts: Path,
    *,
    clock: Clock | None = None,
    ledger_version: int | None = None,
    ledger_uri: str | None = None,
    judged: bool = True,
    report: Report | None = None,
    note: Note | None = None,
) -> Trained:
    """Learn a model from ``order_lines`` and save it under ``artifacts``, promoted by nobody.

    First a model of the past is judged on the latest days, then the model to be served learns from everything.

    Args:
        order_lines: columns as :func:`offers.learning.dataset.read_lines` says, net of refunds.
        judged: false leaves the gate out; such a model is promoted by force only.
        report: progress. note: remarks for people (sizes).

    Raises:
        InvalidInput: there is too little to learn from.
    """
    with threadpool_limits(1, "blas"):
        # Products here are small or run side by side already: a second pool of threads only gets in the way.
        return _train(
            order_lines,
            recipe,
            artifacts,
            clock or SystemClock(),
            (ledger_version, ledger_uri),
            judged,
            report or _silent,
            note or _mute,
        )


def _train(
    order_lines: pl.LazyFrame,
    recipe: Recipe,
    artifacts: Path,
    clock: Clock,
    ledger: tuple[int | None, str | None],
    judged: bool,
    told: Report,
    remark: Note,
) -> Trained:
    watch = _Stopwatch()
    created_at = clock.now_us()
    with watch("read"):
        told("read orders", 0, None)
        lines = read_lines(order_lines)
    with watch("dataset"):
        dataset = Dataset.of(lines, lines.last_at, recipe.data.min_item_orders)
    remark(_sizes(dataset, recipe))
    gate = None
    if judged:
        with watch("gate"):
            gate = judge(lines, recipe, told)
        watch.move(gate.fit_seconds, "gate", "gate_fit")
    with watch("learn"):
        learned = learn(dataset, recipe, told)
    watch.move(learned.fit_seconds, "learn", "fit")
    with watch("similar"):
        alike = similar(
            learned.factors,
            learned.popularity,
            top=recipe.similar.top,
            most_items=recipe.similar.most_items,
            on_share=lambda share: told("compare items", round(share * 100), 100),
        )
    counts = {
        "items": dataset.n_items,
        "items_left_out": len(lines.item_ids) - dataset.n_items,
        "customers": lines.n_persons,
        "orders": lines.n_orders,
        "lines": len(lines),
    }
    with watch("save"):
        arrays = assemble(
            dataset.item_ids,
            learned.factors,
            learned.popularity,
            dataset.item_baskets,
            learned.complements,
            alike,
        )
        model_id = save(
            artifacts,
            arrays,
            engine=ENGINE,
            recipe=recipe.document(),
            parameters=Parameters(
                n_items=dataset.n_items,
                n_factors=recipe.als.factors,
                n_baskets=dataset.baskets.shape[0],
                regularization=recipe.als.regularization,
                confidence_weight=recipe.als.confidence_weight,
                half_life_days=recipe.data.half_life_days,
                as_of=dataset.as_of,
            ),
            created_at=created_at,
            ledger_version=ledger[0],
            ledger_uri=ledger[1],
            counts=counts,
            metrics={} if gate is None else gate.metrics(),
            timings={step: round(seconds, 3) for step, seconds in watch.seconds.items()},
            gate=None if gate is None else gate.verdict,
        )
    told("save", 1, 1)
    size = sum(array.nbytes for array in arrays.values())
    remark(f"model {model_id}: {size / 1e6:.1f} MB")
    return Trained(model_id, gate, watch.seconds, counts, size)


def train_and_register(
    order_lines: pl.LazyFrame,
    recipe: Recipe,
    registry: Registry,
    *,
    author: str,
    reason: str,
    force: bool = False,
    promote: bool = True,
    clock: Clock | None = None,
    ledger_version: int | None = None,
    ledger_uri: str | None = None,
    report: Report | None = None,
    note: Note | None = None,
) -> Registered:
    """Train, and make the model current if the gate lets it (or ``force``, which the history records).

    A model that the gate refuses is kept and can be promoted by force later. A model that is current already, because
    nothing changed, is not promoted again.

    Raises:
        InvalidInput: there is too little to learn from.
        OffersError: ``artifact_damaged``: what was written cannot be read back.
    """
    trained = train(
        order_lines,
        recipe,
        registry.artifacts,
        clock=clock,
        ledger_version=ledger_version,
        ledger_uri=ledger_uri,
        report=report,
        note=note,
    )
    before = registry.current()
    if not promote or before == trained.model_id:
        return Registered(trained, False, before, None)
    try:
        previous = registry.promote(trained.model_id, author, reason, forced=force)
    except GateRefused as error:
        return Registered(trained, False, before, error.detail)
    return Registered(trained, True, previous, None)


def _sizes(dataset: Dataset, recipe: Recipe) -> str:
    """What the model will take at most, before it is trained."""
    n = dataset.n_items
    id_bytes = sum(len(i.encode()) for i in dataset.item_ids) // n + 1
    compared = min(n, recipe.similar.most_items)
    size = estimate_bytes(n, recipe.als.factors, n * recipe.copurchase.top, compared * recipe.similar.top, id_bytes)
    solving = (n + dataset.lines.n_persons) * recipe.als.factors * 4
    return (
        f"{len(dataset.lines)} lines, {dataset.lines.n_orders} orders, {dataset.lines.n_persons} customers, {n} items; "
        f"the model takes at most {size / 1e6:.0f} MB, shared by all workers on a machine; "
        f"factorising takes {solving / 1e6:.0f} MB on {len(os.sched_getaffinity(0))} cores"
    )


def _silent(_step: str, _done: int, _total: int | None) -> None:
    return None


def _mute(_text: str) -> None:
    return None
