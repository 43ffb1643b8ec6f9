"""A model joined to the live catalogue: made once when the model is swapped in, then read by every request."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from offers.artifact.model import Model
from offers.ranking.arrays import Ints, ModelView
from offers.state.catalogue import Catalogue

__all__ = ["POPULAR", "ServingModel", "ServingModels", "Slot"]

POPULAR = 500
"""Popular items kept at hand for filling."""

_HEAD = 64
"""Popular items that are scored for everybody when only candidates are."""


class Slot(Protocol):
    """Where the published model is found."""

    @property
    def current(self) -> Model | None: ...


def _plain(array: Any) -> Any:
    """The same memory as a base array: indexing a memory map costs microseconds more each time."""
    return np.asarray(array)


@dataclass(frozen=True, slots=True)
class ServingModel:
    """``view``: the arrays; ``popular``: (row, share of the most popular) by falling share; ``head``: indexes."""

    model: Model
    version: str
    view: ModelView
    popular: tuple[tuple[int, float], ...]
    head: Ints

    @classmethod
    def of(cls, model: Model, catalogue: Catalogue) -> ServingModel:
        """Join ``model`` to ``catalogue``, which gains rows for items that only the model knows."""
        to_row = np.asarray(catalogue.ensure_rows(model.item_ids), np.int32)
        to_index = np.full(int(to_row.max()) + 1 if len(to_row) else 0, -1, np.int32)
        to_index[to_row] = np.arange(len(to_row), dtype=np.int32)
        norms, order = _plain(model.norms), _plain(model.norm_order)
        popularity = _plain(model.popularity)
        view = ModelView(
            factors=_plain(model.factors),
            gram=np.ascontiguousarray(model.gram, np.float32),
            regularization=float(model.regularization),
            confidence_weight=float(model.confidence_weight),
            half_life_days=float(model.half_life_days),
            norms=norms,
            norm_order=None if np.array_equal(order, np.arange(len(order))) else order,
            popularity=popularity,
            item_baskets=_plain(model.item_baskets),
            co_indptr=_plain(model.co_indptr),
            co_indices=_plain(model.co_indices),
            co_score=_plain(model.co_score),
            co_together=_plain(model.co_together),
            similar_indptr=_plain(model.similar_indptr),
            similar_indices=_plain(model.similar_indices),
            similar_score=_plain(model.similar_score),
            to_row=to_row,
            to_index=to_index,
        )
        by_popularity = np.argsort(-popularity, kind="stable")[:POPULAR]
        most = float(popularity[by_popularity[0]]) if len(by_popularity) else 1.0
        popular = tuple(
            (int(to_row[i]), float(popularity[i]) / most) for i in by_popularity.tolist() if popularity[i] > 0
        )
        return cls(model, model.version, view, popular, by_popularity[:_HEAD].astype(np.int32))

    def popularity_by_row(self, n: int) -> Any:
        """Popularity f32[n] of catalogue rows; 0 where the model knows none."""
        by_row = np.zeros(n, np.float32)
        inside = self.view.to_row < n
        by_row[self.view.to_row[inside]] = self.view.popularity[inside]
        return by_row


class ServingModels:
    """The slot's model, joined to the catalogue; safe for threads. The last two are kept, for requests in flight."""

    def __init__(self, slot: Slot, catalogue: Catalogue) -> None:
        self._slot = slot
        self._catalogue = catalogue
        self._joining = threading.Lock()
        self._joined: tuple[ServingModel, ...] = ()

    def current(self) -> ServingModel | None:
        """The published model, joined; None before the first. A request takes it once and keeps it throughout."""
        model = self._slot.current
        if model is None:
            return None
        for joined in self._joined:
            if joined.model is model:
                return joined
        return self.join(model)

    def join(self, model: Model) -> ServingModel:
        """``model`` joined to the catalogue, once."""
        with self._joining:
            for joined in self._joined:
                if joined.model is model:
                    return joined
            made = ServingModel.of(model, self._catalogue)
            self._joined = (made, *self._joined[:1])
            return made
