"""Orders as they stand, for a whole table: the rules of :mod:`offers.domain.order` as lazy frames.

On top of them, a refund of an order that was never told (a negative or C-numbered invoice) takes back the latest
earlier purchases of its items by the same person.
"""

from __future__ import annotations

import polars as pl

from offers.domain.order import COUNTED_FROM

__all__ = ["lineless", "lines_left"]

_BY = ["version", "position"]
_KEPT = ["order", "occurred_at", "status", "currency", "value", "customer_id", "visitor_id", "person", "lines"]


def _halves_up(amount: pl.Expr) -> pl.Expr:
    return (amount + 0.5).floor().cast(pl.Int64)


def _prepared(events: pl.LazyFrame, aliases: pl.LazyFrame) -> pl.LazyFrame:
    """Order events with ``order``, ``version`` and ``person`` (aliases applied) beside their columns."""
    person = (
        pl.when(pl.col("customer_id").is_not_null() & (pl.col("customer_id") != ""))
        .then(pl.lit("c:") + pl.col("customer_id"))
        .when(pl.col("visitor_id").is_not_null() & (pl.col("visitor_id") != ""))
        .then(pl.lit("v:") + pl.col("visitor_id"))
    )
    return (
        events.with_columns(
            order=pl.coalesce("order_id", "event_id"),
            version=pl.coalesce("version_at", "occurred_at"),
            person=person,
        )
        .join(aliases, left_on="person", right_on="alias", how="left")
        .with_columns(person=pl.coalesce("aliased_to", "person"))
        .drop("aliased_to")
    )


def _latest(purchases: pl.LazyFrame) -> pl.LazyFrame:
    """One row per order, as told last. Most orders have one version and need no sorting."""
    counted = purchases.with_columns(versions=pl.len().over("order"))
    single = counted.filter(pl.col("versions") == 1).with_columns(pl.col("status").fill_null("placed"))

    def told(name: str) -> pl.Expr:
        return pl.col(name).sort_by(_BY)

    def newest(name: str) -> pl.Expr:
        return told(name).drop_nulls().last()

    has_lines = (pl.col("lines").list.len() > 0).cast(pl.Int64).sort_by(_BY)
    lines_after = has_lines.reverse().cum_sum().reverse() - has_lines
    several = (
        counted.filter(pl.col("versions") > 1)
        .group_by("order")
        .agg(
            told("occurred_at").first(),
            told("status").last().fill_null("placed"),
            newest("currency"),
            told("value").filter(lines_after == 0).drop_nulls().last(),
            newest("customer_id"),
            newest("visitor_id"),
            person_of_customer=told("person").filter(told("customer_id").is_not_null()).last(),
            person_of_visitor=told("person").filter(told("customer_id").is_null()).drop_nulls().last(),
            lines=told("lines").filter(has_lines == 1).last(),
        )
        .with_columns(
            pl.col("lines").fill_null([]),
            person=pl.coalesce("person_of_customer", "person_of_visitor"),
        )
    )
    return pl.concat([single.select(_KEPT), several.select(_KEPT)])


def _standing(events: pl.LazyFrame, counts_from: str) -> pl.LazyFrame:
    """Latest versions of the orders that count and were not refunded as a whole."""
    full = events.filter((pl.col("event_name") == "refund") & (pl.col("lines").list.len() == 0)).select("order")
    return (
        _latest(events.filter(pl.col("event_name") == "purchase"))
        .filter(pl.col("status").is_in(COUNTED_FROM[counts_from]))
        .join(full, on="order", how="anti")
    )


def _refund_lines(events: pl.LazyFrame) -> pl.LazyFrame:
    """Quantity taken back per order and item: the greater of what the two roads told."""
    return (
        events.filter(pl.col("event_name") == "refund")
        .select("order", "person", "occurred_at", road=pl.col("source") == "import", line="lines")
        .explode("line")
        .drop_nulls("line")
        .with_columns(
            item_id=pl.col("line").struct.field("item_id"), back=pl.col("line").struct.field("quantity").abs()
        )
        .group_by("order", "item_id", "road")
        .agg(pl.col("back").sum(), pl.col("person").drop_nulls().first(), pl.col("occurred_at").min())
        .group_by("order", "item_id")
        .agg(pl.col("back").max(), pl.col("person").drop_nulls().first(), pl.col("occurred_at").min())
    )


def _net_of_refunds(standing: pl.LazyFrame, refunds: pl.LazyFrame | None) -> pl.LazyFrame:
    """One row per line that is left, with its part of the order's revenue. ``refunds`` None: none touches them."""
    field = pl.col("line").struct.field

    def along(expr: pl.Expr, *keys: str) -> pl.Expr:
        return expr.over(*keys, order_by="no")

    lines = (
        standing.filter(pl.col("lines").list.len() > 0)
        .with_columns(no=pl.int_ranges(0, pl.col("lines").list.len()))
        .rename({"lines": "line"})
        .explode("line", "no")
        .with_columns(
            item_id=field("item_id"), bought=field("quantity"), price=field("price"), offer_id=field("offer_id")
        )
        .drop("line")
        .filter(pl.col("bought") > 0)
    )
    taken: pl.Expr = pl.lit(0.0)
    if refunds is not None:
        lines = lines.join(refunds.select("order", "item_id", "back"), on=["order", "item_id"], how="left")
        before = along(pl.col("bought").cum_sum(), "order", "item_id") - pl.col("bought")
        taken = (pl.col("back").fill_null(0.0) - before).clip(0.0, pl.col("bought"))
    unit = pl.when("priced").then(pl.col("price").fill_null(0)).otherwise(1).cast(pl.Float64)
    return (
        lines.with_columns(
            quantity=pl.col("bought") - taken,
            priced=(pl.col("price").fill_null(0) != 0).any().over("order"),
        )
        .with_columns(gross=pl.col("bought") * unit, net=pl.col("quantity") * unit)
        .with_columns(
            running=along(pl.col("net").cum_sum(), "order"),
            whole=along(pl.col("gross").cum_sum().last(), "order"),
            total=pl.when(pl.col("value").is_null() & ~pl.col("priced")).then(0).otherwise("value"),
        )
        .with_columns(
            upto=pl.when(pl.col("total").is_null())
            .then(_halves_up(pl.col("running")))
            .when(pl.col("running") == pl.col("whole"))
            .then(pl.col("total"))
            .when(pl.col("whole") == 0)
            .then(0)
            .otherwise(_halves_up(pl.col("total").cast(pl.Float64) * pl.col("running") / pl.col("whole")))
        )
        .with_columns(revenue=pl.col("upto") - along(pl.col("upto").shift(1).fill_null(0), "order"))
        .filter(pl.col("quantity") > 0)
        .drop("back", strict=False)
    )


def _take_back(lines: pl.LazyFrame, orphans: pl.LazyFrame) -> pl.LazyFrame:
    """Take refunds of unknown orders from the same person's latest earlier purchases of the item.

    Walking back in time, W = refunded and not yet matched; a refund raises W by its quantity, a purchase lowers it
    to no less than 0 and loses the difference. With S the running sum of both (purchases negative), this is
    Lindley's recursion: W = S - min(0, running minimum of S).
    """
    keys = ["person", "item_id"]
    touched = lines.join(orphans, on=keys, how="semi")
    walk = (
        pl.concat(
            [
                touched.select(*keys, "occurred_at", "order", "no", late=pl.lit(0), step=-pl.col("quantity")),
                orphans.select(
                    *keys,
                    "occurred_at",
                    "order",
                    no=pl.lit(None, pl.Int64),
                    late=pl.lit(1),
                    step=pl.col("back"),
                ),
            ]
        )
        .sort("occurred_at", "late", "order", "no", descending=True, nulls_last=True)
        .with_columns(run=pl.col("step").cum_sum().over(keys))
        .with_columns(open=pl.col("run") - pl.min_horizontal(pl.col("run").cum_min().over(keys), 0.0))
        .with_columns(matched=pl.col("open").shift(1).over(keys).fill_null(0.0) - pl.col("open"))
        .filter((pl.col("late") == 0) & (pl.col("matched") > 0))
        .select("order", "no", "matched")
    )
    left = (pl.col("quantity") - pl.col("matched").fill_null(0.0)).round(9)
    share = pl.when(pl.col("matched").is_null()).then(pl.col("revenue"))
    return (
        lines.join(walk, on=["order", "no"], how="left")
        .with_columns(
            revenue=share.otherwise(_halves_up(pl.col("revenue").cast(pl.Float64) * left / pl.col("quantity"))),
            quantity=pl.when(pl.col("matched").is_null()).then("quantity").otherwise(left),
        )
        .filter(pl.col("quantity") > 0)
    )


def lines_left(events: pl.LazyFrame, aliases: pl.LazyFrame, counts_from: str) -> pl.LazyFrame:
    """Lines that are left of all orders.

    ``events``: rows of kind ``order``; ``aliases``: ``alias`` -> ``aliased_to``, person keys, chains resolved.
    Refunds are few and are read at once, so that the frame of a shop without them (or without refunds of unknown
    orders) does no work for their sake.
    """
    told = _prepared(events, aliases)
    standing = _standing(told, counts_from)
    refunds = _refund_lines(told).collect()
    if refunds.is_empty():
        return _named(_net_of_refunds(standing, None))
    known = told.filter(pl.col("event_name") == "purchase").select("order").unique()
    orphans = refunds.lazy().join(known, on="order", how="anti").drop_nulls("person").collect()
    # The orders that nobody refunded need no running sums over their lines unless revenue is asked for.
    refunded = refunds.lazy().select("order").unique()
    lines = pl.concat(
        [
            _net_of_refunds(standing.join(refunded, on="order", how="semi"), refunds.lazy()),
            _net_of_refunds(standing.join(refunded, on="order", how="anti"), None),
        ]
    )
    return _named(lines if orphans.is_empty() else _take_back(lines, orphans.lazy()))


def _named(lines: pl.LazyFrame) -> pl.LazyFrame:
    return lines.select(
        order_id="order",
        person="person",
        customer_id="customer_id",
        visitor_id="visitor_id",
        occurred_at="occurred_at",
        line_no=pl.col("no").cast(pl.Int64),
        item_id="item_id",
        quantity="quantity",
        price="price",
        revenue="revenue",
        currency="currency",
        status="status",
        offer_id="offer_id",
    )


def lineless(events: pl.LazyFrame, aliases: pl.LazyFrame, counts_from: str) -> pl.LazyFrame:
    """Orders told without lines: what their value leaves after the amounts of partial refunds."""
    told = _prepared(events, aliases)
    amount = (
        pl.col("value")
        .abs()
        .cast(pl.Float64)
        .fill_null(
            pl.col("lines")
            .list.eval(pl.element().struct.field("quantity").abs() * pl.element().struct.field("price").fill_null(0))
            .list.sum()
        )
    )
    refunds = (
        told.filter(pl.col("event_name") == "refund")
        .group_by("order", road=pl.col("source") == "import")
        .agg(amount.sum().alias("amount"))
        .group_by("order")
        .agg(pl.col("amount").max())
    )
    return (
        _standing(told, counts_from)
        .filter(pl.col("lines").list.len() == 0)
        .join(refunds, on="order", how="left")
        .with_columns(
            revenue=_halves_up(pl.col("value").fill_null(0).cast(pl.Float64) - pl.col("amount").fill_null(0.0)).clip(0)
        )
        .filter(pl.col("amount").is_null() | (pl.col("revenue") > 0))
        .select(
            order_id="order",
            person="person",
            customer_id="customer_id",
            visitor_id="visitor_id",
            occurred_at="occurred_at",
            revenue="revenue",
            currency="currency",
            status="status",
        )
    )
