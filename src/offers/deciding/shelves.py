"""The catalogue as ranking reads it: a snapshot of its arrays, and rows by category."""

from __future__ import annotations

import threading

import numpy as np

from offers.clock import Clock
from offers.deciding.serving_model import ServingModel
from offers.ranking.arrays import Shelf
from offers.ranking.candidates import CategoryIndex
from offers.state.catalogue import Catalogue

__all__ = ["Shelves"]

_GROWN_AFTER = 2.0
_CHANGED_AFTER = 30.0


class Shelves:
    """Snapshots of a live catalogue.

    The category index is rebuilt by a request (one at a time, the others go on with the old one) when the model
    changed, at most every 2 s when the catalogue grew, and every 30 s when it changed: on 90,000 items that takes
    about 20 ms. Categories are compared again with the live catalogue where the index is used.
    """

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._lock = threading.Lock()
        self._index = CategoryIndex(np.empty(0, np.int32), np.empty(0, np.float32))
        self._model: str | None = None
        self._rows = 0
        self._version: object = None
        self._built = float("-inf")

    def now(self) -> Shelf:
        """The arrays of this moment. Rows that were looked up before are inside them."""
        c = self._catalogue
        return Shelf(c.price, c.offerable, c.group, c.category, c.replenishable)

    def categories(self, serving: ServingModel | None) -> CategoryIndex:
        """Rows by category, the most popular first."""
        model = None if serving is None else serving.version
        if self._stale(model) and self._lock.acquire(blocking=False):
            try:
                if self._stale(model):
                    self._rebuild(serving, model)
            finally:
                self._lock.release()
        return self._index

    def _stale(self, model: str | None) -> bool:
        c = self._catalogue
        if model != self._model:
            return True
        if c.version == self._version and c.n == self._rows:
            return False
        age = self._clock.monotonic() - self._built
        return age > (_GROWN_AFTER if c.n > self._rows else _CHANGED_AFTER)

    def _rebuild(self, serving: ServingModel | None, model: str | None) -> None:
        c = self._catalogue
        version, n = c.version, c.n
        popularity = np.zeros(n, np.float32) if serving is None else serving.popularity_by_row(n)
        self._index = CategoryIndex(c.category[:n], popularity)
        self._model, self._rows, self._version, self._built = model, n, version, self._clock.monotonic()
