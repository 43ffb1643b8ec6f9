"""What must never appear in a response, decided for one candidate at a time, each refusal with its step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from offers.domain.offer import Relation
from offers.ranking.arrays import Shelf
from offers.ranking.diversity import REPLACING, CategoryCap

__all__ = ["STEPS", "Barred", "Gate", "Refused"]

#: Every step that may drop a candidate, in the order in which they are asked.
STEPS: tuple[str, ...] = (
    "unavailable",
    "in_cart",
    "excluded",
    "already_bought",
    "currency",
    "shown_already",
    "same_group",
    "near_substitute",
    "bought_together",
    "one_per_line",
    "diversity",
)

Refused = tuple[int, str, float]
"""Row, step, score of the relation."""

_MOST_REFUSED = 500


@dataclass(slots=True)
class Barred:
    """Rows and groups that a request rules out.

    ``cart``: in the cart or the item of the page. ``bought``: bought and not to be offered again. ``cart_groups``
    bar variants of what is in the cart from every relation that does not replace it; ``groups`` bar variants of
    what is on the page already or was bought for good; ``base_categories`` bar more of the same from complements.
    """

    cart: set[int] = field(default_factory=set)
    excluded: set[int] = field(default_factory=set)
    bought: set[int] = field(default_factory=set)
    shown: set[int] = field(default_factory=set)
    groups: set[int] = field(default_factory=set)
    cart_groups: set[int] = field(default_factory=set)
    base_categories: set[int] = field(default_factory=set)

    @classmethod
    def of(
        cls,
        shelf: Shelf,
        *,
        cart: Iterable[int] = (),
        excluded: Iterable[int] = (),
        bought: Iterable[int] = (),
        shown: Iterable[int] = (),
        bases: Iterable[int] = (),
    ) -> Barred:
        """From rows; ``bought`` are those not to be offered again, ``bases`` those that complements are sought for."""
        barred = cls(set(cart), set(excluded), set(bought), set(shown))
        group_of, kind_of = shelf.group.item, shelf.replenishable.item
        barred.cart_groups.update(map(group_of, barred.cart))
        barred.base_categories.update(map(shelf.category.item, bases))
        barred.groups.update(map(group_of, barred.shown))
        barred.groups.update(group_of(row) for row in barred.bought if kind_of(row) == 0)
        for numbers in (barred.groups, barred.cart_groups, barred.base_categories):
            numbers.discard(-1)
        return barred


class Gate:
    """Lets candidates of one response through, remembering what it let through. Not shared between requests."""

    def __init__(
        self,
        shelf: Shelf,
        barred: Barred,
        limit: int,
        *,
        currency: str | None,
        currency_of: Callable[[int], str | None],
        together: Callable[[int, int], bool],
        keep_refused: bool = False,
    ) -> None:
        """``together(base, row)``: whether the two are often bought together, so neither is a version of the other."""
        self._offerable = shelf.offerable
        self._group = shelf.group
        self._category = shelf.category
        self._barred = barred
        self._cap = CategoryCap(limit)
        self._currency = currency
        self._currency_of = currency_of
        self._together = together
        self._rows: set[int] = set(barred.shown)
        self._groups: set[int] = set(barred.groups)
        self._bases: set[int] = set()
        self._refused: dict[int, Refused] | None = {} if keep_refused else None

    @property
    def refused(self) -> list[Refused]:
        """What was refused and not let through by another relation; empty unless asked for."""
        return [r for r in (self._refused or {}).values() if r[0] not in self._rows or r[0] in self._barred.shown]

    def admit(self, row: int, relation: Relation, score: float, base: int = -1, *, crowded: bool = False) -> str | None:
        """None when the candidate is let through (and counted), else the step that refuses it.

        ``crowded`` waives diversity, for a response that cannot be filled otherwise.
        """
        step = self._fault(row, relation, base, crowded)
        if step is not None:
            if self._refused is not None and len(self._refused) < _MOST_REFUSED:
                self._refused.setdefault(row, (row, step, score))
            return step
        self._rows.add(row)
        group = self._group.item(row)
        if group >= 0:
            self._groups.add(group)
        self._cap.take(self._category.item(row))
        if base >= 0:
            self._bases.add(base)
        return None

    def stands(self, row: int) -> str | None:
        """For an offer of an earlier decision: the step that forbids showing it now, or None (and it is counted).

        Only what must never appear is asked about: not diversity, and not what made it a candidate.
        """
        step = self._forbidden(row)
        if step is None:
            self._rows.add(row)
            group = self._group.item(row)
            if group >= 0:
                self._groups.add(group)
        return step

    def _forbidden(self, row: int) -> str | None:
        barred = self._barred
        if not self._offerable.item(row):
            return "unavailable"
        if row in barred.cart:
            return "in_cart"
        if row in barred.excluded:
            return "excluded"
        if row in barred.bought:
            return "already_bought"
        if self._currency is not None and self._currency_of(row) != self._currency:
            return "currency"
        if row in self._rows:
            return "shown_already"
        if self._group.item(row) in self._groups:
            return "same_group"
        return None

    def _fault(self, row: int, relation: Relation, base: int, crowded: bool) -> str | None:
        step = self._forbidden(row)
        if step is not None:
            return step
        category = self._category.item(row)
        if relation in REPLACING:
            if base in self._bases and relation == "upsell":
                return "one_per_line"
            if base >= 0 and self._currency_of(row) != self._currency_of(base):
                return "currency"
            if base >= 0 and self._together(base, row):
                return "bought_together"
        else:
            if self._group.item(row) in self._barred.cart_groups:
                return "same_group"
            if relation == "cross_sell" and category in self._barred.base_categories:
                return "near_substitute"
        if not crowded and self._cap.full(category, relation):
            return "diversity"
        return None
