"""A customer's vector from a live history, by one small linear system, without training.

Implicit-feedback ALS holds the items' factors ``Y`` fixed and solves for one customer

    (YᵀY + λI + Y_uᵀ (C_u - I) Y_u) x = Y_uᵀ c_u

with ``Y_u`` the rows of the items in the history and ``C_u`` their confidences on a diagonal: Hu, Koren and
Volinsky, "Collaborative Filtering for Implicit Feedback Datasets" (2008), equation 4, in the convention of the
``implicit`` package (the confidence is the stored value, 1 for what was never seen).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

__all__ = ["Folded", "fold_in", "folded"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Folded:
    """A solved customer: the vector, and what it takes to say which item of the history made which score.

    Shapes: ``vector`` f32[f]; ``cholesky`` f32[f, f], the lower factor of the system (its upper triangle is not
    cleared); ``rows`` f32[m, f]; ``weights`` f32[m].
    """

    vector: Floats
    cholesky: Floats
    rows: Floats
    weights: Floats

    def contributions(self, items: Floats) -> Floats:
        """How much each item of the history adds to the scores of ``items`` f32[k, f]: f32[k, m].

        Row sums are the scores: Hu, Koren and Volinsky (2008), equation 7.
        """
        solved, info = lapack.spotrs(self.cholesky, items.T, lower=1)
        if info != 0:
            raise ArithmeticError("the customer's system cannot be solved")
        return np.asarray((self.rows @ solved).T * self.weights, dtype=np.float32)


def folded(rows: Floats, weights: Floats, gram: Floats, regularization: float) -> Folded:
    """Solve for one customer.

    Args:
        rows: factors of the items in the history, f32[m, f].
        weights: their confidences, f32[m], at least 1.
        gram: ``YᵀY`` over all items, f32[f, f].
        regularization: λ.

    Raises:
        ArithmeticError: the system is not positive definite, which a positive λ rules out for finite factors.
    """
    system = (rows.T * (weights - 1.0)) @ rows
    system += gram
    system.ravel()[:: system.shape[0] + 1] += regularization
    # Symmetric, so the transpose is the same matrix in the column order that LAPACK works on without a copy.
    cholesky, vector, info = lapack.sposv(system.T, weights @ rows, lower=1, overwrite_a=1, overwrite_b=1)
    if info != 0:
        raise ArithmeticError("the customer's system is not positive definite")
    return Folded(vector, cholesky, rows, weights)


def fold_in(rows: Floats, weights: Floats, gram: Floats, regularization: float) -> Floats:
    """The customer's vector f32[f]; arguments and errors as in :func:`folded`."""
    return folded(rows, weights, gram, regularization).vector
