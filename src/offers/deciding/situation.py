"""Who asks, with what in the cart, in the numbers that ranking works on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from offers.deciding.ports import PersonView
from offers.deciding.request import OfferRequest
from offers.domain.ids import Person
from offers.errors import FieldError
from offers.ranking.arrays import Shelf
from offers.ranking.filters import Barred
from offers.ranking.taste import History, barred_by_history
from offers.ranking.weights import SECONDS_A_DAY
from offers.state.catalogue import Catalogue

__all__ = ["Situation", "situate"]


@dataclass(frozen=True, slots=True)
class Situation:
    """One request against the live catalogue.

    ``cart``: rows of the known lines, in order, and ``paid`` their unit prices in minor units (the line's own, else
    the catalogue's; 0 unknown). ``page``: row of the item of a product page. ``bases``: rows that complements are
    sought for: cart and page, or else the latest order.
    """

    person: Person | None
    history: History
    cart: tuple[int, ...]
    paid: tuple[int, ...]
    page: int | None
    bases: tuple[int, ...]
    barred: Barred
    shelf: Shelf
    warnings: tuple[FieldError, ...]

    @property
    def looked_at(self) -> tuple[int, ...]:
        """Rows of cart and page."""
        return self.cart if self.page is None else (*self.cart, self.page)


def situate(
    request: OfferRequest,
    view: PersonView | None,
    catalogue: Catalogue,
    shelf_now: Callable[[], Shelf],
    now_us: int,
    bought_again_after_days: float,
    shown: Iterable[int],
    newest: int | None = None,
    bars: bool = True,
) -> Situation:
    """Translate ids to rows; ``view`` None when the history could not be had. ``shown``: rows of the same page.

    ``newest``: how much of the history becomes taste (None: all of it); all of it says what must not be offered,
    unless ``bars`` is false.
    """
    row_of = catalogue.row_of
    now_s = now_us / 1e6
    recent = now_s - bought_again_after_days * SECONDS_A_DAY
    items = view.items if view is not None else ()
    told = [(row, item) for item in items[:newest] if (row := row_of.get(item[0])) is not None]
    rows = [row for row, _ in told]
    bought = [item for _, item in told]
    # Where age settles it for everything that is sold, an old purchase is not even looked up.
    barring = items if catalogue.once_only else [item for item in items if item[3] > recent]
    last_bought = [(row, item[3]) for item in barring if (row := row_of.get(item[0])) is not None] if bars else []
    cart: dict[int, int] = {}
    warnings: list[FieldError] = []
    for place, line in enumerate(request.cart):
        row = row_of.get(line.item_id)
        if row is None:
            warnings.append(FieldError(f"/cart/{place}/item_id", "unknown_item", "no such item in the catalogue"))
        elif row not in cart or cart[row] == 0:
            cart[row] = line.price or 0
    page = row_of.get(request.page_item) if request.context and request.page_item is not None else None
    excluded = [row for item_id in request.exclude if (row := row_of.get(item_id)) is not None]
    # Only now: the catalogue grows by appending, so every row found above is inside arrays taken after it.
    shelf = shelf_now()
    history = History.of(rows, [item[1] for item in bought], [(now_s - item[3]) / SECONDS_A_DAY for item in bought])
    bought_rows = barred_by_history(shelf, last_bought, recent)
    in_cart = tuple(cart)
    looked_at = in_cart if page is None else (*in_cart, page)
    bases = looked_at or tuple(row for row, item in zip(rows, bought, strict=True) if item[3] == bought[0][3])
    return Situation(
        person=view.person if view is not None else Person.of(request.customer_id, request.visitor_id),
        history=history,
        cart=in_cart,
        paid=tuple(price or shelf.price.item(row) for row, price in cart.items()),
        page=page,
        bases=bases,
        barred=Barred.of(shelf, cart=looked_at, excluded=excluded, bought=bought_rows, shown=shown, bases=bases),
        shelf=shelf,
        warnings=tuple(warnings),
    )
