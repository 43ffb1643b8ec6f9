"""Alternating least squares for implicit feedback, by the ``implicit`` package: the only module that imports it.

Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets" (2008), solved by conjugate gradients
(Takács, Pilászy and Tikk, 2011). In ``implicit`` the weight of what was never bought is fixed at 1, so the scale of
the confidences and the regularisation have to be chosen together.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from threadpoolctl import threadpool_limits

__all__ = ["Factorised", "factorise"]


@dataclass(frozen=True, slots=True)
class Factorised:
    """Item factors f32[n, f] and the seconds that the package's ``fit`` took. Customers are folded in when asked for,
    so their factors are not kept."""

    factors: npt.NDArray[np.float32]
    seconds: float


def factorise(
    confidences: sparse.csr_matrix[Any],
    *,
    factors: int,
    regularization: float,
    iterations: int,
    seed: int,
    on_iteration: Callable[[int], None] | None = None,
) -> Factorised:
    """Factorise customers × items.

    ``implicit`` runs one thread per core of its own; BLAS is held at one thread meanwhile, since two thread pools on
    the same cores slow each other down severalfold.

    Where nobody bought anything as a known customer there is no taste to find: all factors are zero.

    Args:
        confidences: CSR f32, values at least 1 where a customer bought an item.
        on_iteration: called with the number of finished iterations.
    """
    if confidences.nnz == 0:
        return Factorised(np.zeros((confidences.shape[1], factors), np.float32), 0.0)
    # Imported here: a process that only serves never pays for it. Before the limit: it reaches loaded libraries only.
    from implicit.cpu.als import AlternatingLeastSquares

    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=factors,
            regularization=regularization,
            iterations=iterations,
            num_threads=len(os.sched_getaffinity(0)),
            random_state=seed,
        )

        def told(iteration: int, _seconds: float, _loss: float | None) -> None:
            if on_iteration is not None:
                on_iteration(iteration + 1)

        start = time.perf_counter()
        model.fit(confidences, show_progress=False, callback=told)
        seconds = time.perf_counter() - start
    return Factorised(np.ascontiguousarray(model.item_factors, np.float32), seconds)
