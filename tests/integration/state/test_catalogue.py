"""The catalogue: the store, the compact view of a process, and how the view follows."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import numpy as np
import pytest

from offers.domain.item import Item
from offers.state.catalogue import Catalogue
from offers.state.catalogue_store import CatalogueStore

TEA = Item(
    "tea",
    'Чай "Ассам"',
    price=12990,
    currency="RUB",
    old_price=15000,
    cost=9000,
    stock=3,
    categories=("Еда", "Чай"),
    link="https://shop.example/tea",
    replenishable=True,
    group="g1",
)
CUP = Item("cup", "Cup", price=500, currency="JPY", categories=("Еда",), group="g1")


@pytest.fixture
def store(server: Any) -> CatalogueStore:
    return CatalogueStore(server.client(), "shop")


def test_items_are_columns_and_json(store: CatalogueStore) -> None:
    store.put([(1, TEA), (2, CUP)])
    view = Catalogue()
    view.load(store)
    tea, cup = view.row_of["tea"], view.row_of["cup"]
    assert json.loads(view.item_json(tea)) == {
        "item_id": "tea",
        "item_name": 'Чай "Ассам"',
        "price": 129.9,
        "old_price": 150.0,
        "currency": "RUB",
        "link": "https://shop.example/tea",
        "image_link": None,
    }
    assert json.loads(view.item_json(cup))["price"] == 500
    assert (view.price[tea], view.cost[tea], view.cost[cup]) == (12990, 9000, -1)
    assert view.offerable[tea]
    assert view.known[tea]
    assert view.group[tea] == view.group[cup] != -1
    assert view.department[tea] == view.category[cup] == view.department[cup]
    assert view.category_names[view.category[tea]] == "Еда / Чай"
    assert (view.replenishable[tea], view.replenishable[cup]) == (1, -1)
    assert view.name(tea) == 'Чай "Ассам"'
    assert (view.currency(tea), view.currency(cup)) == ("RUB", "JPY")
    assert view.n == 2


def test_a_view_follows_changes_within_a_second(store: CatalogueStore) -> None:
    view, stop = Catalogue(), threading.Event()
    store.put([(1, TEA)])
    thread = threading.Thread(target=view.follow, args=(store, stop))
    thread.start()
    try:
        _until(lambda: "tea" in view.row_of)
        start = time.monotonic()
        store.put([(2, Item("tea", "Tea", price=1, currency="RUB", stock=0)), (3, CUP)])
        _until(lambda: "cup" in view.row_of and not view.offerable[view.row_of["tea"]])
        assert time.monotonic() - start < 1
        assert json.loads(view.item_json(view.row_of["tea"]))["price"] == 0.01
    finally:
        stop.set()
        thread.join()


def test_only_what_is_newer_and_different_is_a_change(store: CatalogueStore) -> None:
    assert store.put([(5, TEA)]) == 1
    mark = store.mark()
    assert store.put([(4, CUP), (4, Item("tea", "older"))]) == 1
    assert store.put([(6, TEA)]) == 0
    assert store.changes(mark) == (["cup"], store.mark())
    assert store.get(["tea", "cup", "none"]) == {"tea": (5, TEA), "cup": (4, CUP)}
    assert store.count() == 2


def test_a_follower_that_fell_behind_or_saw_a_rebuild_loads_anew(store: CatalogueStore) -> None:
    view = Catalogue()
    store.put([(1, TEA), (1, CUP)])
    view.refresh(store)
    for position in range(2, 4200):
        store.put([(position, Item("tea", f"Tea {position}", price=position, currency="RUB"))])
    assert view.refresh(store)
    assert view.price[view.row_of["tea"]] == 4199
    staging = store.staging()
    staging.put([(9, Item("jam", "Jam", price=7, currency="RUB"))])
    assert not view.refresh(store), "nothing shows before it is adopted"
    store.adopt(staging)
    assert view.refresh(store)
    assert view.offerable[view.row_of["jam"]]
    assert not view.known[view.row_of["tea"]]
    assert not view.offerable[view.row_of["cup"]]
    assert json.loads(view.item_json(view.row_of["tea"]))["item_name"] == "tea"
    assert store.count() == 1
    assert staging.count() == 0
    store.adopt(store.staging())
    view.refresh(store)
    assert not view.offerable.any()


def test_rows_for_a_models_vocabulary(store: CatalogueStore) -> None:
    store.put([(1, TEA)])
    view = Catalogue()
    view.load(store)
    rows = view.ensure_rows(["gone", "tea", "gone2"])
    assert rows.dtype == np.int32
    assert [view.item_ids[row] for row in rows] == ["gone", "tea", "gone2"]
    assert list(view.offerable[rows]) == [False, True, False]
    assert json.loads(view.item_json(int(rows[0]))) == {
        "item_id": "gone",
        "item_name": "gone",
        "price": None,
        "old_price": None,
        "currency": None,
        "link": None,
        "image_link": None,
    }
    assert view.currency(int(rows[0])) is None
    assert list(view.ensure_rows(["gone"])) == [rows[0]]


def test_readers_see_whole_texts_while_everything_changes() -> None:
    view, stop = Catalogue(), threading.Event()
    view.apply(Item(f"i{n}", "x" * 500, price=1, currency="RUB") for n in range(2000))
    faults: list[str] = []

    def read() -> None:
        n = 0
        while not stop.is_set():
            n = (n + 7) % 2000
            row = view.row_of[f"i{n}"]
            told = json.loads(view.item_json(row))
            if told["item_id"] != f"i{n}" or len(set(told["item_name"])) != 1:
                faults.append(told)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for turn in range(12):
        letter = "abcdefghijklm"[turn]
        view.apply(Item(f"i{n}", letter * (300 + turn * 40), price=turn + 1, currency="RUB") for n in range(2000))
        view.apply([Item(f"new{turn}-{n}", "new", price=1, currency="RUB") for n in range(500)])
    stop.set()
    for reader in readers:
        reader.join()
    assert not faults
    assert view.memory_bytes() < 12_000_000, "texts that nobody refers to are let go"


def _until(true: Any) -> None:
    end = time.monotonic() + 5
    while not true():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.01)
