"""Keeping the table small, forgetting people, and reading it all the while."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from offers.clock import HeldClock
from offers.domain.event import Event, Line
from offers.errors import OffersError
from offers.ledger import codec, maintenance
from offers.ledger.health import ledger_health, stream_health
from offers.ledger.scan import aliases, events, order_lines, orders
from offers.ledger.schema import PARTITIONS, SCHEMA
from offers.ledger.table import LedgerTable

DAY = 86_400_000_000
NOW = 1_772_452_800_000_000


def buy(name: str, customer: str | None, day: int = 0, **more: Any) -> Event:
    lines = more.pop("lines", (Line("a", 2, 100),))
    fields = {"order_id": name, "currency": "USD", "customer_id": customer, **more}
    return Event(f"p{name}", "purchase", NOW - day * DAY, NOW + 1, lines=lines, **fields)


def put(table: LedgerTable, *told: Event) -> None:
    write_deltalake(table.delta(), codec.frame(list(enumerate(told, 1))), mode="append")


@pytest.fixture
def table(tmp_path: Path) -> LedgerTable:
    return LedgerTable(tmp_path / "ledger")


def test_a_table_is_made_once_with_every_column_in_its_type(table: LedgerTable) -> None:
    put(table, buy("1", "c", value=150, params={"a": 1}))
    again = LedgerTable(table.url)
    assert again.version() == 1
    delta = again.delta()
    assert delta.metadata().partition_columns == PARTITIONS
    types = {f.name: f.type.to_json() for f in delta.schema().fields}
    assert types["day"] == '"date"'
    assert types["occurred_at"] == types["received_at"] == types["version_at"] == '"timestamp"'
    assert types["position"] == types["value"] == types["schema_version"] == '"long"'
    assert types["params"] == '"string"'
    assert pl.scan_delta(delta).select(SCHEMA.names()).collect_schema() == SCHEMA
    assert events(table).collect_schema() == SCHEMA


def test_retentions_are_short_and_statistics_name_nobody(table: LedgerTable) -> None:
    put(table, buy("1", "secret-person"))
    configuration = table.delta().metadata().configuration
    assert configuration["delta.logRetentionDuration"] == "interval 6 hours"
    assert configuration["delta.deletedFileRetentionDuration"] == "interval 6 hours"
    log = "".join(p.read_text() for p in (Path(table.url) / "_delta_log").glob("*.json"))
    assert "secret-person" not in log
    assert "occurred_at" in log


def test_another_table_is_refused(tmp_path: Path) -> None:
    write_deltalake(str(tmp_path / "t"), pl.DataFrame({"x": [1]}))
    with pytest.raises(OffersError) as caught:
        LedgerTable(tmp_path / "t")
    assert caught.value.code == "ledger_damaged"


def test_tables_made_at_the_same_moment_are_one(tmp_path: Path) -> None:
    made: list[LedgerTable] = []
    threads = [threading.Thread(target=lambda: made.append(LedgerTable(tmp_path / "t"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [t.version() for t in made] == [0] * 6


def test_compaction_joins_files_and_changes_nothing_else(table: LedgerTable) -> None:
    for n in range(12):
        put(table, buy(f"{n}", "c", n % 2), Event(f"v{n}", "view_item", NOW, NOW + 1))
    before = events(table).collect().sort("event_id")
    version = table.version()
    done = maintenance.compact(table)
    assert (done.removed, done.added) == (24, 3)
    assert events(table).collect().sort("event_id").equals(before)
    assert events(table, version=version).collect().height == 24
    assert maintenance.compact(table).removed == 0
    assert maintenance.vacuum(table) == 0
    assert maintenance.vacuum(table, retention_hours=0) == 24
    assert events(table).collect().height == 24


def test_checkpoints_keep_everything_readable_and_the_writers_place(table: LedgerTable) -> None:
    from deltalake import CommitProperties, Transaction

    for n in range(1, 6):
        write_deltalake(
            table.delta(),
            codec.frame([(n, buy(str(n), "c"))]),
            mode="append",
            commit_properties=CommitProperties(app_transactions=[Transaction("offers-stream:u", n)]),
        )
    maintenance.maintain(table)
    assert list((Path(table.url) / "_delta_log").glob("*.checkpoint.parquet"))
    for old in (Path(table.url) / "_delta_log").glob("0000000000000000000[0-4].json"):
        old.unlink()
    assert LedgerTable(table.url).committed_position("u") == 5
    assert events(table).collect().height == 5
    assert table.rows() == 5


def test_orphans_of_a_dead_writer_are_removed(table: LedgerTable) -> None:
    put(table, buy("1", "c"))
    orphan = Path(table.url) / "kind=order" / "day=2026-03-02" / "part-orphan.snappy.parquet"
    orphan.write_bytes(b"half")
    import os

    os.utime(orphan, (1, 1))
    assert maintenance.vacuum(table, orphans=True) == 1
    assert events(table).collect().height == 1


def test_retention_by_kind(table: LedgerTable, clock: HeldClock) -> None:
    put(
        table,
        *(Event(f"d{n}", "decision", NOW - n * DAY, NOW) for n in (0, 400, 401, 500)),
        *(Event(f"v{n}", "view_item", NOW - n * DAY, NOW) for n in (0, 800, 900)),
        buy("old", "c", 5000),
    )
    days = {"decision": 400, "behaviour": 800, "message": 800, "order": 0}
    assert maintenance.retain(table, days, clock) == 3
    assert set(events(table).collect()["event_id"]) == {"d0", "d400", "v0", "v800", "pold"}
    assert maintenance.retain(table, days, clock) == 0
    with pytest.raises(ValueError):
        maintenance.retain(table, {"nonsense": 1}, clock)


def test_erasure_deletes_facts_and_makes_orders_a_guests(table: LedgerTable) -> None:
    odd = "o'brien"
    put(
        table,
        buy("1", odd, params={"phone": "1"}),
        buy("2", "other"),
        Event("v1", "view_item", NOW, NOW + 1, customer_id=odd),
        Event("v2", "view_item", NOW, NOW + 1, visitor_id="v9"),
        Event("v3", "view_item", NOW, NOW + 1, customer_id="other"),
        Event("d1", "decision", NOW, NOW + 1, customer_id=odd),
        Event("s1", "customer_set", NOW, NOW + 1, customer_id=odd, params={"customer": {"city": "Perm"}}),
        Event("x1", "customer_erased", NOW, NOW + 2, customer_id=odd),
    )
    assert maintenance.erasures(table) == {f"c:{odd}": NOW + 2}
    assert maintenance.erase(table, [f"c:{odd}", "v:v9"]) == 5
    left = events(table).collect().sort("event_id")
    assert left["event_id"].to_list() == ["p1", "p2", "v3", "x1"]
    assert left["customer_id"].to_list() == [None, "other", "other", odd]
    assert left["params"][0] == "{}"
    files = [path.read_bytes() for path in Path(table.url).rglob("kind=[!c]*/**/*.parquet")]
    assert files
    assert not any(odd.encode() in data for data in files)
    basket = order_lines(table).filter(pl.col("order_id") == "1").collect()
    assert basket.select("person", "item_id", "quantity").rows() == [(None, "a", 2.0)]
    version = table.version()
    assert maintenance.erase(table, [f"c:{odd}"]) == 0
    assert table.version() == version, "nothing left, nothing written"
    assert maintenance.erase(table, []) == 0
    with pytest.raises(ValueError):
        maintenance.erase(table, ["nobody"])


def test_who_comes_back_after_an_erasure_is_not_erased_again(table: LedgerTable) -> None:
    put(
        table,
        Event("before", "view_item", NOW, NOW, customer_id="c"),
        Event("x", "customer_erased", NOW + 1, NOW + 1, customer_id="c"),
        Event("after", "view_item", NOW + 2, NOW + 2, customer_id="c"),
    )
    assert maintenance.erase(table, maintenance.erasures(table)) == 1
    assert set(events(table).collect()["event_id"]) == {"x", "after"}


def test_scans_prune_and_bound(table: LedgerTable) -> None:
    put(table, *(Event(f"v{n}", "view_item", NOW - n * DAY, NOW) for n in range(5)), buy("1", "c"))
    since = events(table, kinds=["behaviour"], since=NOW - 2 * DAY, until=NOW)
    assert sorted(since.collect()["event_id"]) == ["v1", "v2"]
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert sorted(events(table, since=moment).collect()["event_id"]) == ["p1", "v0", "v1"]
    assert events(table, columns=["day"]).collect().unique().height == 5
    assert events(table, kinds=["order"]).collect()["day"].to_list() == [date(2026, 3, 2)]
    plan = events(table, kinds=["order"]).select("event_id").explain()
    assert plan.count(".parquet") == 1, "other partitions are not even opened"
    with pytest.raises(ValueError):
        events(table, kinds=["nonsense"])


def test_orders_and_lines_of_a_table(table: LedgerTable) -> None:
    put(
        table,
        buy("1", "old", value=150),
        buy("2", None, visitor_id="v"),
        Event("r", "refund", NOW + 1, NOW, order_id="2", lines=(Line("a", 1),)),
        Event("n", "purchase", NOW, NOW, order_id="3", value=77, currency="USD"),
        buy("4", "c", status="cancelled"),
        Event("al", "customer_aliased", NOW, NOW, customer_id="old", params={"to": "new"}),
        Event("al2", "customer_aliased", NOW, NOW, customer_id="new", params={"to": "newest"}),
    )
    assert aliases(table) == {"c:old": "c:newest", "c:new": "c:newest"}
    got = orders(table).sort("order_id").select("order_id", "person", "revenue", "lines", "quantity").collect()
    assert got.rows() == [("1", "c:newest", 150, 1, 2.0), ("2", "v:v", 100, 1, 1.0), ("3", None, 77, 0, 0.0)]
    assert orders(table, counts_from="paid").collect().is_empty()
    assert order_lines(table, version=0).collect().is_empty()
    assert order_lines(table).collect_schema()["person"] == pl.String


def test_aliases_that_turn_around_end_at_one_person(table: LedgerTable) -> None:
    def alias(n: int, old: str, new: str) -> Event:
        return Event(f"al{n}", "customer_aliased", NOW, NOW + n, customer_id=old, params={"to": new})

    put(table, alias(1, "a", "b"), alias(2, "b", "a"), alias(3, "c", "c"), alias(4, "d", "b"))
    assert aliases(table) == {"c:b": "c:a", "c:d": "c:a"}


def test_compaction_beside_appends_and_readers(ledger: Any) -> None:
    """Three at once on one table: every row once at the end, and no reader ever sees a double."""
    stop = threading.Event()
    seen: list[str] = []

    def compacting() -> None:
        while not stop.is_set():
            maintenance.compact(ledger.table)
            maintenance.checkpoint(ledger.table)

    def reading() -> None:
        while not stop.is_set():
            ids = ledger.ids()
            if len(ids) != len(set(ids)):
                seen.append("double")

    threads = [threading.Thread(target=target) for target in (compacting, reading)]
    for thread in threads:
        thread.start()
    writer = ledger.writer()
    for n in range(60):
        ledger.send(*(Event(f"{n:03d}-{i}", "view_item", NOW - i * DAY, NOW + 1) for i in range(3)))
        writer.drain()
    stop.set()
    for thread in threads:
        thread.join(30)
    assert not seen
    assert ledger.ids() == sorted(f"{n:03d}-{i}" for n in range(60) for i in range(3))
    assert isinstance(ledger.table.delta(), DeltaTable)


def test_health(ledger: Any, clock: HeldClock) -> None:
    import time

    clock.us = time.time_ns() // 1000
    ledger.send(*(Event(f"e{n}", "view_item", NOW, NOW + 1) for n in range(4)))
    clock.advance(10)
    waiting = stream_health(ledger.stream, clock)
    assert waiting.length == 4
    assert 9 < waiting.commit_lag_s < 60
    assert 9 < waiting.projection_lag_s < 60
    ledger.writer().drain()
    ledger.stream.set_projected(ledger.stream.last_position())
    state = ledger_health(ledger.stream, ledger.table, clock)
    assert (state.stream.commit_lag_s, state.stream.projection_lag_s) == (0.0, 0.0)
    assert (state.version, state.rows, state.files, state.fits) == (1, 4, 1, True)
    assert state.in_table == state.stream.committed_position == ledger.stream.last_position()
