"""A response is not four yoghurts: how many offers may come from one category."""

from __future__ import annotations

from offers.domain.offer import Relation

__all__ = ["REPLACING", "CategoryCap"]

REPLACING: frozenset[Relation] = frozenset({"upsell", "substitute"})
"""Relations that by their nature stay in the category of what they replace; the cap is not for them."""


class CategoryCap:
    """At most half of a response, rounded up, from one narrowest category."""

    def __init__(self, limit: int) -> None:
        self.most = max(1, -(-limit // 2))
        self._taken: dict[int, int] = {}

    def full(self, category: int, relation: Relation) -> bool:
        """Whether this category has had its share; items without a category (-1) are never too many."""
        return category >= 0 and relation not in REPLACING and self._taken.get(category, 0) >= self.most

    def take(self, category: int) -> None:
        self._taken[category] = self._taken.get(category, 0) + 1
