"""Order histories as shops export them: every row either becomes part of an event or is told why not."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from offers.clock import HeldClock
from offers.domain.event import Event
from offers.domain.order import resolve
from offers.errors import Busy, InvalidInput
from offers.intake.events import read_events
from offers.intake.files import open_table
from offers.intake.orders_file import import_orders, import_table
from offers.intake.outcome import Summary
from offers.settings import Settings

HEADER = "order_id,customer_id,timestamp,item_id,quantity,price\n"


def us(*when: int) -> int:
    return round(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000


def reasons(summary: Summary) -> dict[str, int]:
    assert summary.accepted_rows + summary.rejected_rows + summary.notes["cancelled_lines"] == summary.rows
    return dict(summary.reasons)


def test_a_russian_export(write: Any, taken: Any) -> None:
    path = write(
        "Номер заказа;Покупатель;Дата;Артикул;Название;Количество;Цена;Статус\r\n"
        "1001;17;02.03.2026 12:30;А-1;Чашка «Утро»;2;1\u00a0299,90;Выполнен\r\n"
        '1001;17;02.03.2026 12:30;А-2;"Блюдце; белое,\r\nв две строки";1;99,50;Выполнен\r\n'
        "1002;;02.03.2026 13:00;А-1;Чашка «Утро»;1,5;1 299,90;Отменен\r\n"
        ";;;;;;;\r\n"
        "Итого:;;;;;4,5;4 549,20;\r\n",
        encoding="cp1251",
    )
    mapping = {
        "Номер заказа": "order_id",
        "Покупатель": "customer_id",
        "Дата": "timestamp",
        "Артикул": "item_id",
        "Количество": "quantity",
        "Цена": "price",
        "Статус": "status",
    }
    summary = import_orders(path, taken, mapping=mapping, currency="RUB", timezone="Europe/Moscow")
    assert summary.encoding == "cp1251"
    orders = taken.orders()
    first, second = orders["1001"], orders["1002"]
    assert (first.customer_id, first.status, first.currency) == ("17", "delivered", "RUB")
    assert first.occurred_at == us(2026, 3, 2, 9, 30)
    assert [(x.item_id, x.quantity, x.price) for x in first.lines] == [("А-1", 2.0, 129990), ("А-2", 1.0, 9950)]
    assert (second.customer_id, second.status, second.lines[0].quantity) == (None, "cancelled", 1.5)
    assert reasons(summary) == {"missing_timestamp": 1}
    assert summary.notes["guest_orders"] == 1
    assert summary.examples["missing_timestamp"] == 7, "the line in the file, although one row has two lines"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_and_excels_line(write: Any, taken: Any, encoding: str) -> None:
    text = "sep=;\r\norder_id;customer_id;timestamp;item_id;quantity;price\r\n1;c;2026-03-02;ж;1;1,50\r\n"
    import_orders(write(text, encoding=encoding), taken)
    assert taken.orders()["1"].lines[0].price == 150


def test_a_byte_order_mark_before_a_quoted_header(write: Any, taken: Any) -> None:
    text = '"order_id"\t"customer_id"\t"timestamp"\t"item_id"\t"quantity"\t"price"\r\n1\tc\t2026-03-02\ta\t1\t1.50\r\n'
    import_orders(write(text, encoding="utf-8-sig"), taken)
    assert taken.orders()["1"].lines[0].price == 150


def test_every_kind_of_bad_row_is_told_and_kept_and_the_good_ones_are_in(
    write: Any, taken: Any, tmp_path: Path
) -> None:
    rows = {
        "o1,c1,2026-03-01,a,1,1.50": None,
        ",c1,2026-03-01,a,1,1.50": "missing_order_id",
        f"{'o' * 129},c1,2026-03-01,a,1,1.50": "invalid_order_id",
        "o2,a@example.com,2026-03-01,a,1,1.50": "invalid_customer_id",
        "o2,c1,,a,1,1.50": "missing_timestamp",
        "o2,c1,soon,a,1,1.50": "invalid_timestamp",
        "o2,c1,2026-03-04,a,1,1.50": "timestamp_in_future",
        "o2,c1,1970-01-01,a,1,1.50": "timestamp_too_old",
        "o2,c1,2026-03-01,,1,1.50": "missing_item_id",
        "o2,c1,2026-03-01,a,,1.50": "missing_quantity",
        "o2,c1,2026-03-01,a,some,1.50": "invalid_quantity",
        "o2,c1,2026-03-01,a,0,1.50": "zero_quantity",
        "o2,c1,2026-03-01,a,1,": "missing_price",
        "o2,c1,2026-03-01,a,1,dear": "invalid_price",
        "o2,c1,2026-03-01,a,1,-1.50": "negative_price",
        "o2,c1,2026-03-01": "wrong_number_of_cells",
        "o2,c1,2026-03-01,a,1,1.50,2,3": "wrong_number_of_cells",
        "o1,c1,2026-03-01,a,1,1.5": None,
        "o1, c1 ,2026-03-01,b,1,0,,": None,
    }
    path = write(HEADER + "\n".join(rows) + "\no1,c1,2026-03-01,a,1,1.50\n")
    clock = HeldClock(us(2026, 3, 2))
    rejects = tmp_path / "rejects" / "orders.ndjson"
    summary = import_orders(path, taken, clock=clock, reject_file=rejects)
    expected: dict[str, int] = {"duplicate_row": 1}
    for code in rows.values():
        if code is not None:
            expected[code] = expected.get(code, 0) + 1
    assert reasons(summary) == expected
    (order,) = taken.events
    assert [(x.item_id, x.price) for x in order.lines] == [("a", 150), ("a", 150), ("b", 0)]
    assert summary.notes["gift_rows"] == 1
    kept = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert len(kept) == summary.rejected_rows
    lines = path.read_text().splitlines()
    for reject in kept:
        told = lines[reject["line"] - 1].split(",")
        assert list(reject["row"].values())[: min(len(told), 6)] == told[:6]
        assert len(reject["reason"]) > 15
    told_reasons = summary.as_dict()["reasons"]
    assert {r["code"] for r in told_reasons} == set(expected)
    assert all(r["detail"] != r["code"] for r in told_reasons)


def test_a_reject_file_as_csv_can_be_mended_and_imported(write: Any, taken: Any, tmp_path: Path) -> None:
    rejects = tmp_path / "again.csv"
    import_orders(write(HEADER + "o1,c1,2026-03-01,a,x,1.5\n"), taken, reject_file=rejects)
    with rejects.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["line"], row["code"], row["quantity"]) == ("2", "invalid_quantity", "x")
    rejects.write_text(rejects.read_text().replace(",x,", ",2,"))
    assert import_orders(rejects, taken).accepted_rows == 1


def test_no_reject_file_without_rejects(write: Any, taken: Any, tmp_path: Path) -> None:
    summary = import_orders(write(HEADER + "o,c,2026-03-01,a,1,1\n"), taken, reject_file=tmp_path / "r.csv")
    assert not (tmp_path / "r.csv").exists()
    assert summary.reject_file is None


def test_importing_again_makes_the_same_events_whatever_the_order_of_rows(write: Any, taken: Any) -> None:
    rows = [f"o{n // 3},c{n // 3 % 5},2026-03-0{1 + n // 3 % 2},i{n % 7},{1 + n % 2},{n % 5}.50" for n in range(60)]
    first = import_orders(write(HEADER + "\n".join(rows)), taken)
    assert first.changed == first.events == 20
    again = import_orders(write(HEADER + "\n".join(rows)), taken)
    shuffled = import_orders(write(HEADER + "\n".join(rows[::-1])), taken)
    assert again.verdicts == shuffled.verdicts == {"duplicate": 20}
    times = [e.occurred_at for e in taken.events]
    assert times == sorted(times), "events come in the order in which they happened"


def test_an_event_and_a_file_tell_the_same_fact_with_the_same_id(write: Any, taken: Any) -> None:
    body = {
        "event_name": "purchase",
        "transaction_id": "o1",
        "timestamp": "2026-03-01T10:00:00+03:00",
        "customer_id": "c1",
        "currency": "RUB",
        "items": [{"item_id": "б", "quantity": 1.5, "price": 12.5}, {"item_id": "a", "quantity": 2, "price": 2.675}],
    }
    refund = {
        **body,
        "event_name": "refund",
        "items": [{"item_id": "a", "price": 2.675}],
        "timestamp": "2026-03-01T09:00:00Z",
    }
    parsed = read_events([body, refund], clock=HeldClock(us(2026, 3, 2)), settings=Settings())
    rows = "o1,c1,2026-03-01 10:00,a,2,2.675\no1,c1,2026-03-01 10:00,б,1.5,12.5\no1,c1,2026-03-01 12:00,a,-1,2.675\n"
    summary = import_orders(write(HEADER + rows), taken, currency="RUB", timezone="Europe/Moscow")
    assert [e.event_id for e in taken.events] == [p.event.event_id for p in parsed if p.event]
    assert [taken.digests[e.event_id] for e in taken.events] == [p.digest for p in parsed]
    assert summary.notes["rounded_rows"] == 2


class TestRefunds:
    def test_negative_quantities_are_refunds_of_their_own_moment(self, write: Any, taken: Any) -> None:
        rows = [
            "o1,c1,2026-03-01 10:00,a,3,5",
            "o1,c1,2026-03-01 10:00,b,1,7",
            "o1,c1,2026-03-02 10:00,a,-1,5",
            "o1,c1,2026-03-03 10:00,a,-1,5",
        ]
        summary = import_orders(write(HEADER + "\n".join(rows)), taken)
        assert [(e.event_name, len(e.lines), e.status) for e in taken.events] == [
            ("purchase", 2, "placed"),
            ("refund", 1, None),
            ("refund", 1, None),
        ]
        assert all(line.quantity > 0 for e in taken.events for line in e.lines)
        order = resolve(enumerate(taken.events))
        assert order is not None
        assert order.revenue == 500 + 700
        assert (summary.notes["refunds"], summary.notes["refund_rows"], summary.notes["orders"]) == (2, 2, 1)

    def test_c_numbers_beside_plain_numbers_are_refunds(self, write: Any, taken: Any) -> None:
        rows = ["C100,c1,2026-03-02,a,1,5", "100,c1,2026-03-01,a,2,5"]
        import_orders(write(HEADER + "\n".join(rows)), taken)
        assert {e.order_id: e.event_name for e in taken.events} == {"100": "purchase", "C100": "refund"}

    def test_a_shop_whose_orders_all_begin_with_c_sold_them(self, write: Any, taken: Any) -> None:
        rows = ["C100,c1,2026-03-02,a,1,5", "C101,c1,2026-03-01,a,2,5", "C101,c1,2026-03-01,a,-1,5"]
        import_orders(write(HEADER + "\n".join(rows)), taken)
        assert [e.event_name for e in taken.events] == ["purchase", "refund", "purchase"]


class TestVersions:
    HEADER = "order_id,customer_id,timestamp,item_id,quantity,price,status\n"

    def test_placed_then_paid_then_partly_refunded(self, write: Any, taken: Any) -> None:
        rows = [
            "o1,c1,2026-03-01 10:00,a,2,5,placed",
            "o1,c1,2026-03-01 10:00,b,1,7,placed",
            "o1,c1,2026-03-01 11:00,a,2,5,paid",
            "o1,c1,2026-03-01 11:00,b,1,7,paid",
            "o1,c1,2026-03-02 10:00,a,1,5,refunded",
        ]
        summary = import_orders(write(self.HEADER + "\n".join(rows)), taken)
        assert [(e.event_name, e.status, len(e.lines)) for e in taken.events] == [
            ("purchase", "placed", 2),
            ("purchase", "paid", 2),
            ("refund", None, 1),
        ]
        placed, paid, _ = taken.events
        assert placed.occurred_at == paid.occurred_at == us(2026, 3, 1, 10)
        assert (placed.version_at, paid.version_at) == (None, us(2026, 3, 1, 11))
        order = resolve(enumerate(taken.events))
        assert order is not None
        assert (order.status, order.revenue) == ("paid", 500 + 700)
        assert summary.notes["orders"] == 1

    def test_the_latest_version_wins_wherever_it_stands_in_the_file(self, write: Any, taken: Any) -> None:
        rows = ["o1,c1,2026-03-02,a,2,5,cancelled", "o1,c1,2026-03-01,a,2,5,placed"]
        import_orders(write(self.HEADER + "\n".join(rows)), taken)
        assert resolve(enumerate(taken.events)) is None

    def test_a_cancelled_line_leaves_and_the_order_stays(self, write: Any, taken: Any) -> None:
        rows = ["o1,c1,2026-03-01,a,1,5,delivered", "o1,c1,2026-03-01,b,1,7,cancelled", "o1,c1,2026-03-01,c,1,9,paid"]
        summary = import_orders(write(self.HEADER + "\n".join(rows)), taken)
        (order,) = taken.events
        assert (order.status, [x.item_id for x in order.lines]) == ("paid", ["a", "c"])
        assert summary.notes["cancelled_lines"] == 1

    def test_updated_at_orders_versions_of_different_files(self, write: Any, taken: Any) -> None:
        header = self.HEADER.strip() + ",updated_at\n"
        import_orders(write(header + "o1,c1,2026-03-01,a,1,5,paid,2026-03-03\n"), taken)
        import_orders(write(header + "o1,c1,2026-03-01,a,2,5,placed,2026-03-01\n"), taken)
        order = resolve(enumerate(taken.events))
        assert order is not None
        assert (order.status, order.revenue) == ("paid", 500)

    def test_an_unknown_status_is_told(self, write: Any, taken: Any) -> None:
        summary = import_orders(write(self.HEADER + "o1,c1,2026-03-01,a,1,5,ждём дрона\n"), taken)
        assert reasons(summary) == {"unknown_status": 1}


class TestOrdersThatCannotBeOne:
    def test_one_number_two_customers(self, write: Any, taken: Any) -> None:
        rows = ["1,c1,2026-03-01,a,1,5", "1,c2,2026-03-01,a,1,5", "2,c2,2026-03-01,a,1,5", "2,,2026-03-01,b,1,5"]
        summary = import_orders(write(HEADER + "\n".join(rows)), taken)
        assert reasons(summary) == {"order_of_several_customers": 2}
        assert taken.orders()["2"].customer_id == "c2"
        assert len(taken.orders()["2"].lines) == 2

    def test_one_order_two_currencies_and_currencies_by_row(self, write: Any, taken: Any) -> None:
        header = HEADER.strip() + ",currency\n"
        rows = [
            "1,c,2026-03-01,a,1,5,RUR",
            "1,c,2026-03-01,b,1,5,USD",
            "2,c,2026-03-01,a,1,500,jpy",
            "3,c,2026-03-01,a,1,5.5,",
            "4,c,2026-03-01,a,1,5,XXX",
            "5,c,2026-03-01,a,1,5.50,руб.",
        ]
        summary = import_orders(write(header + "\n".join(rows)), taken, currency="EUR")
        assert reasons(summary) == {"order_in_several_currencies": 2, "unknown_currency": 1}
        told = {i: (e.currency, e.lines[0].price) for i, e in taken.orders().items()}
        assert told == {"2": ("JPY", 500), "3": ("EUR", 550), "5": ("RUB", 550)}

    def test_a_guest_number_is_no_order(self, write: Any, taken: Any) -> None:
        rows = [f"0,,2026-03-01,i{n},1,5" for n in range(5001)]
        summary = import_orders(write(HEADER + "\n".join(rows)), taken)
        assert reasons(summary) == {"too_many_lines": 5001}
        assert not taken.events


def test_what_else_a_row_may_say(write: Any, taken: Any) -> None:
    header = "order_id,visitor_id,timestamp,item_id,quantity,amount,discount,coupon,offer_id,"
    header += "channel,source,medium,campaign\n"
    rows = ["1,v1,2026-03-01,a,3,10,0.50,SPRING,of-1,app,google,cpc,x", "1,v1,2026-03-01,b,1,1.5,,,,app,,,"]
    import_orders(write(header + "\n".join(rows)), taken)
    (order,) = taken.events
    assert (order.visitor_id, order.customer_id) == ("v1", None)
    assert order.value == 1150, "the sum of the line amounts is exact, whatever a piece costs"
    first, second = order.lines
    assert (first.price, first.discount, first.coupon, first.offer_id) == (333, 50, "SPRING", "of-1")
    assert (second.price, second.discount, second.coupon) == (150, 0, None)
    assert order.params == {
        "channel": "app",
        "source": "google",
        "medium": "cpc",
        "campaign": "x",
        "coupon": "SPRING",
    }


def test_ndjson_with_a_field_that_comes_late(write: Any, taken: Any) -> None:
    rows: list[Any] = [
        {
            "order_id": 1,
            "customer_id": 17850.0,
            "timestamp": "2026-03-01T10:00:00Z",
            "item_id": 7,
            "quantity": 1,
            "price": 1.5,
        },
        {
            "order_id": 1,
            "customer_id": 17850,
            "timestamp": "2026-03-01T10:00:00Z",
            "item_id": 8,
            "quantity": 2,
            "price": "2,5",
        },
        [1, 2],
        {
            "order_id": 2,
            "customer_id": None,
            "timestamp": 1772359200,
            "item_id": "x",
            "quantity": 1,
            "price": 3,
            "coupon": "Z",
        },
    ]
    path = write("\n".join(json.dumps(r) for r in rows) + "\n{broken\n", "orders.ndjson")
    summary = import_orders(path, taken)
    assert reasons(summary) == {"malformed_json": 2}
    first, second = (taken.orders()[i] for i in "12")
    assert (first.customer_id, [x.price for x in first.lines]) == ("17850", [150, 250])
    assert (second.occurred_at, second.lines[0].coupon) == (us(2026, 3, 1, 10), "Z")


def test_parquet_with_its_own_types(tmp_path: Path, taken: Any) -> None:
    path = tmp_path / "orders.parquet"
    pl.DataFrame(
        {
            "order_id": [1, 2],
            "customer_id": [17850.0, None],
            "timestamp": [datetime(2026, 7, 1, 12), datetime(2026, 7, 2, 12)],  # noqa: DTZ001
            "item_id": ["a", "b"],
            "quantity": [1, 2],
            "price": pl.Series(["1.50", "2.50"]).cast(pl.Decimal(10, 2)),
            "tags": [["x"], []],
        }
    ).write_parquet(path)
    import_orders(path, taken, timezone="Europe/London")
    first, second = (taken.orders()[i] for i in "12")
    assert (first.customer_id, first.occurred_at, first.lines[0].price) == ("17850", us(2026, 7, 1, 11), 150)
    assert second.customer_id is None


def test_a_big_file_is_put_together_in_buckets_with_the_same_result(write: Any, taken: Any) -> None:
    rows = [f"o{n % 400},c{n % 400 % 7},2026-03-01 {n % 24:02}:00,i{n // 400},1,1" for n in range(4000)]
    path = write(HEADER + "\n".join([*rows, rows[5]]))
    whole = import_orders(path, taken)
    table = open_table(path)
    parted = import_table(table, lambda _: table.batches(97), taken, bucket_rows=500)
    assert whole.changed == 400
    assert parted.verdicts == {"duplicate": 400}
    assert reasons(parted) == reasons(whole) == {"duplicate_row": 1}


def test_progress_never_goes_back_and_ends_at_the_end(write: Any, taken: Any) -> None:
    seen: list[tuple[int, int]] = []
    rows = "\n".join(f"o{n},c,2026-03-01,a,1,1" for n in range(3000))
    import_orders(write(HEADER + rows), taken, progress=lambda done, total: seen.append((done, total)))
    done = [d for d, _ in seen]
    assert done == sorted(done)
    assert seen[-1] == (3000, 3000)


def test_a_busy_sink_is_waited_for(write: Any, taken: Any) -> None:
    waits: list[float] = []

    def sink(events: list[Event], digests: list[bytes]) -> Any:
        if len(waits) < 3:
            raise Busy("full", retry_after=7)
        return taken(events, digests)

    import_orders(write(HEADER + "o,c,2026-03-01,a,1,1\n"), sink, sleep=waits.append)
    assert waits == [7.0, 7.0, 7.0]
    assert len(taken.events) == 1

    def never(events: list[Event], digests: list[bytes]) -> Any:
        raise Busy("full")

    with pytest.raises(Busy):
        import_orders(write(HEADER + "o,c,2026-03-01,a,1,1\n"), never, sleep=lambda s: None)


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        ("", "o.csv", "is empty"),
        ("\n\n", "o.csv", "is empty"),
        (b"PK\x03\x04rest", "o.xlsx", "Excel workbook"),
        ('[{"a": 1}]', "o.json", "one object per line"),
        ("<a/>", "o.xml", "XML"),
        ("PAR1 and no more", "o.parquet", "not a readable Parquet"),
        ("a,b\n1,2\n", "o.csv", "no column for order_id"),
        (HEADER + '1,c,2026-03-01,"a' + "x" * 200_000 + ",1,1\n", "o.csv", "line 2: a quoted cell does not end"),
    ],
)
def test_files_that_are_none(write: Any, taken: Any, content: Any, name: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        import_orders(write(content, name), taken)
    assert not taken.events


def test_options_that_are_wrong(write: Any, taken: Any, tmp_path: Path) -> None:
    path = write(HEADER + "o,c,2026-03-01,a,1,1\n")
    with pytest.raises(InvalidInput, match="no file"):
        import_orders(tmp_path / "none.csv", taken)
    for wrong in ({"currency": "XXX"}, {"timezone": "Nowhere"}, {"encoding": "latin-99"}, {"date_format": "HH"}):
        with pytest.raises(InvalidInput):
            import_orders(path, taken, **wrong)  # type: ignore[arg-type]


def test_bytes_that_the_named_encoding_does_not_know(write: Any, taken: Any) -> None:
    text = (HEADER + "o1,c,2026-03-01,A,1,1\no2,c,2026-03-01,B,1,1\n").encode("cp1251").replace(b"A", b"\x98")
    summary = import_orders(write(text), taken, encoding="cp1251")
    assert reasons(summary) == {"undecodable": 1}
