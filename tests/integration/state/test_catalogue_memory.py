"""What a catalogue of 92,000 items costs a process, measured from outside its own bookkeeping."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from offers.domain.item import Item
from offers.state.catalogue_store import CatalogueStore

N = 92_000
_MEASURE = """
import gc, sys
from offers.state.catalogue import Catalogue
from offers.state.catalogue_store import CatalogueStore
from offers.state.connection import connect

def private():
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty"))) / 1024

store = CatalogueStore(connect(sys.argv[1], timeout_ms=10_000), "shop")
store.count()
before = private()
view = Catalogue()
view.load(store)
gc.collect()
print(view.n, private() - before, view.memory_bytes() / 2**20)
"""


@pytest.mark.slow
def test_92_000_items_with_links_cost_at_most_40_mb(server: Any) -> None:
    store = CatalogueStore(server.client(), "shop")
    store.put(
        [
            (
                n + 1,
                Item(
                    f"{800_000 + n * 7}",
                    f"Product name of some usual length {n}, 500 ml",
                    price=100 + n % 5000,
                    currency="RUB",
                    old_price=200 if n % 3 == 0 else None,
                    categories=(f"department {n % 40}", f"category {n % 1500}"),
                    link=f"https://shop.example/catalogue/product/{800_000 + n * 7}",
                    image_link=f"https://cdn.shop.example/img/{800_000 + n * 7}.jpg",
                ),
            )
            for n in range(N)
        ]
    )
    out = subprocess.run(
        [sys.executable, "-c", _MEASURE, server.url], capture_output=True, text=True, check=True, timeout=120
    )
    rows, private, estimate = map(float, out.stdout.split())
    print(f"{rows:.0f} items: {private:.1f} MB private, {estimate:.1f} MB by its own estimate")
    assert rows == N
    assert private <= 40
    assert abs(private - estimate) < 10
