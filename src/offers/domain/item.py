"""An item of the catalogue as the shop describes it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Item"]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can be bought.

    Money (``price``, ``old_price``, ``cost``) is in minor units of ``currency``; ``price`` None means the
    item cannot be offered yet. ``stock`` None means unknown, which counts as available; ``categories`` runs
    from the broadest to the narrowest; ``group`` is GA4's ``item_group_id``: variants of one thing.
    ``replenishable`` None means unknown.
    """

    item_id: str
    item_name: str
    price: int | None = None
    currency: str = "USD"
    old_price: int | None = None
    cost: int | None = None
    stock: float | None = None
    available: bool = True
    categories: tuple[str, ...] = ()
    brand: str | None = None
    link: str | None = None
    image_link: str | None = None
    replenishable: bool | None = None
    group: str | None = None

    @property
    def offerable(self) -> bool:
        """Whether stock and price allow it to be offered now."""
        return self.available and self.price is not None and self.price > 0 and (self.stock is None or self.stock > 0)
