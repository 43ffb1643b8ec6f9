"""The catalogue inside one process: columns by row for ranking, JSON by row for responses."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable, Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from offers.domain.item import Item
from offers.domain.money import CURRENCIES, to_major
from offers.errors import StateUnavailable
from offers.state.catalogue_store import CatalogueMark, CatalogueStore
from offers.state.texts import Texts

__all__ = ["Catalogue"]

_log = logging.getLogger(__name__)
_SEPARATOR = "\x1f"
_SLACK = 1024
# A zero byte never stands in JSON, so it parts the values that are kept.
_OBJECT = b'{"item_id":%b,"item_name":%b,"price":%b,"old_price":%b,"currency":%b,"link":%b,"image_link":%b}'

#: column -> its type and what stands there for an item nobody has described
_COLUMNS: dict[str, tuple[type[np.generic], int]] = {
    "price": (np.int64, 0),
    "offerable": (np.bool_, 0),
    "group": (np.int32, -1),
    "category": (np.int32, -1),
    "department": (np.int32, -1),
    "replenishable": (np.int8, -1),
    "known": (np.bool_, 0),
    "cost": (np.int64, -1),
    "_money": (np.int16, 0),
    "_place": (np.int64, 0),
}


class Catalogue:
    """A compact view that grows by rows; a row is an item for as long as the process lives.

    Columns (length at least ``n``; look the row up first, then read the column from this object):
    ``price`` minor units, 0 = none; ``offerable``: price and stock allow it now; ``group``: variants of one thing
    share a number, -1 = none; ``category``, ``department``: number of the narrowest and the broadest category,
    -1 = none; ``replenishable`` -1 unknown, 0 no, 1 yes; ``known``: described by the shop, else only named by a
    model; ``cost`` minor units, -1 = unknown.

    Readers take no lock. One row's columns may for an instant be of two versions of an item; a text never is.
    """

    price: NDArray[np.int64]
    offerable: NDArray[np.bool_]
    group: NDArray[np.int32]
    category: NDArray[np.int32]
    department: NDArray[np.int32]
    replenishable: NDArray[np.int8]
    known: NDArray[np.bool_]
    cost: NDArray[np.int64]
    _money: NDArray[np.int16]
    _place: NDArray[np.int64]

    def __init__(self) -> None:
        self.row_of: dict[str, int] = {}
        self.item_ids: list[str] = []
        self.category_names: list[str] = []
        """By category number: the path from the broadest, joined by " / "."""
        self.version = 0
        """Grows with every change that readers can see."""
        self.loaded = False
        self.once_only = False
        """Whether any item was ever said not to be replenishable."""
        self._currencies: list[str] = [next(iter(CURRENCIES))]
        self._currency_of: dict[str, int] = {self._currencies[0]: 0}
        self._category_of: dict[str, int] = {}
        self._group_of: dict[str, int] = {}
        self._texts = Texts()
        self._live = 0
        self._mark = CatalogueMark(None, -1)
        self._writing = threading.RLock()
        self._capacity = 0
        self._reserve(_SLACK)

    @property
    def n(self) -> int:
        """Rows in use."""
        return len(self.item_ids)

    # -- reading ------------------------------------------------------------------------------------------------

    def item_json(self, row: int) -> bytes:
        """A finished JSON object: item_id, item_name, price, old_price, currency, link, image_link (major units)."""
        return _OBJECT % tuple(self._text(row).split(b"\0"))

    def _text(self, row: int) -> bytes:
        # Both from one tuple: after texts were moved, an old place must meet the old texts.
        texts, places = self._text_view
        place = int(places[row]) if row < len(places) else 0
        if place:
            return texts.get(place)
        item_id = self.item_ids[row]
        return _values(Item(item_id, item_id), None)

    def name(self, row: int) -> str:
        """The item's name; its id when nobody has named it."""
        return str(orjson.loads(self._text(row).split(b"\0", 2)[1]))

    def currency(self, row: int) -> str | None:
        """Currency of the row's price; None for an item nobody has described."""
        return self._currencies[self._money[row]] if self.known[row] else None

    def memory_bytes(self) -> int:
        """An estimate of what this view holds, in bytes."""
        columns: int = sum(getattr(self, name).nbytes for name in _COLUMNS)
        ids = sum(map(sys.getsizeof, self.item_ids)) + 32 * self.n
        tables = sys.getsizeof(self.row_of) + sys.getsizeof(self.item_ids)
        return columns + ids + tables + self._texts.memory_bytes()

    # -- writing ------------------------------------------------------------------------------------------------

    def ensure_rows(self, item_ids: Sequence[str]) -> NDArray[np.int32]:
        """The row of every id; an unknown one gets a row that is not offerable."""
        with self._writing:
            new = sum(item_id not in self.row_of for item_id in item_ids)
            self._reserve(len(self.item_ids) + new)
            return np.fromiter((self._row(item_id) for item_id in item_ids), np.int32, len(item_ids))

    def apply(self, items: Iterable[Item]) -> None:
        """Take items in their new state."""
        with self._writing:
            for item in items:
                self._set(item)
            self._tidy()
            self.version += 1

    def load(self, store: CatalogueStore) -> None:
        """Read everything; what the store no longer has is not offerable any more. Raises StateUnavailable."""
        mark = store.mark()  # before the scan: what changes meanwhile is read again by the next refresh
        with self._writing:
            missing = np.zeros(self._capacity, np.bool_)
            missing[: self.n] = self.known[: self.n]
            for chunk in store.scan():
                for item in chunk:
                    row = self._set(item)
                    if row < len(missing):
                        missing[row] = False
            for gone in np.flatnonzero(missing):
                self._forget(int(gone))
            self._tidy()
            self._mark = mark
            self.loaded = True
            self.version += 1

    def refresh(self, store: CatalogueStore) -> bool:
        """Take what has changed since the last time; whether anything had. Raises StateUnavailable."""
        if not self.loaded:
            self.load(store)
            return True
        ids, mark = store.changes(self._mark)
        if ids is None:
            self.load(store)
            return True
        if ids:
            found = store.get(ids)
            with self._writing:
                for item_id in ids:
                    if item_id not in found and item_id in self.row_of:
                        self._forget(self.row_of[item_id])
                self.apply(item for _, item in found.values())
        self._mark = mark
        return bool(ids)

    def follow(self, store: CatalogueStore, stop: threading.Event, interval: float = 0.2) -> None:
        """Refresh every ``interval`` seconds until ``stop``; the last view stands while the server is away."""
        away = False
        while not stop.is_set():
            try:
                self.refresh(store)
                away = False
            except StateUnavailable as fault:
                if not away:
                    _log.warning("catalogue: %s; going on with what is known", fault.detail)
                away = True
            stop.wait(interval)

    def _set(self, item: Item) -> int:
        row = self._row(item.item_id)
        before = int(self._place[row])
        text = _values(item, item.currency)
        if before and self._texts.get(before) == text:
            self._live -= len(text)
        else:
            self._live -= before & 0xFFFFFF
            self._place[row] = self._texts.add(text)
        self._live += len(text)
        self.price[row] = item.price or 0
        self.offerable[row] = item.offerable
        self.group[row] = -1 if item.group is None else self._group_of.setdefault(item.group, len(self._group_of))
        self.category[row], self.department[row] = self._categories(item.categories)
        self.once_only = self.once_only or item.replenishable is False
        self.replenishable[row] = -1 if item.replenishable is None else int(item.replenishable)
        self.cost[row] = -1 if item.cost is None else item.cost
        self._money[row] = self._currency(item.currency)
        self.known[row] = True
        return row

    def _forget(self, row: int) -> None:
        self._live -= int(self._place[row]) & 0xFFFFFF
        for name, (_, empty) in _COLUMNS.items():
            getattr(self, name)[row] = empty

    def _row(self, item_id: str) -> int:
        row = self.row_of.get(item_id)
        if row is None:
            row = len(self.item_ids)
            self._reserve(row + 1)
            # The columns of the row stand before anybody can find it.
            self.item_ids.append(item_id)
            self.row_of[item_id] = row
        return row

    def _categories(self, path: tuple[str, ...]) -> tuple[int, int]:
        if not path:
            return -1, -1
        return self._category(path), self._category(path[:1])

    def _category(self, path: tuple[str, ...]) -> int:
        key = _SEPARATOR.join(path)
        number = self._category_of.get(key)
        if number is None:
            number = len(self.category_names)
            self.category_names.append(" / ".join(path))
            self._category_of[key] = number
        return number

    def _currency(self, code: str) -> int:
        number = self._currency_of.get(code)
        if number is None:
            number = len(self._currencies)
            self._currencies.append(code)
            self._currency_of[code] = number
        return number

    def _reserve(self, rows: int) -> None:
        """Columns for at least ``rows`` rows: longer copies that are published whole."""
        if rows <= self._capacity:
            return
        capacity = rows + rows // 8 + _SLACK
        for name, (kind, empty) in _COLUMNS.items():
            column = np.full(capacity, empty, kind)
            old = getattr(self, name, None)
            if old is not None:
                column[: len(old)] = old
            setattr(self, name, column)
        self._text_view = (self._texts, self._place)
        self._capacity = capacity

    def _tidy(self) -> None:
        """Move the texts that are still referred to when most are not."""
        if self._texts.used - self._live <= max(self._live // 2, 1 << 20):
            return
        texts = Texts()
        places = np.zeros(self._capacity, np.int64)
        for row in np.flatnonzero(self._place[: self.n]):
            places[row] = texts.add(self._texts.get(int(self._place[row])))
        self._texts, self._place = texts, places
        self._text_view = (texts, places)


def _values(item: Item, currency: str | None) -> bytes:
    """The values of an item's JSON without their names, which would be half of the text."""
    code = item.currency

    def major(amount: int | None) -> float | None:
        return None if amount is None else to_major(amount, code)

    told = (item.item_id, item.item_name, major(item.price), major(item.old_price), currency, item.link)
    return b"\0".join([orjson.dumps(value) for value in (*told, item.image_link)])
