"""Columns of numbers, moments and ids as tables hold them; encodings and delimiters; mappings."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.domain.money import to_minor
from offers.errors import InvalidInput
from offers.intake.columns import resolve
from offers.intake.dates import Dates, strptime_format
from offers.intake.numbers import money, number_of_text
from offers.intake.reading import minor_units
from offers.intake.statuses import normal_status
from offers.intake.text import clean, comma_style, delimiter_of, flags, ids, numbers, scan_text


@pytest.mark.parametrize(
    ("text", "comma", "expected"),
    [
        ("1299.90", False, 1299.9),
        ("1299,90", False, 1299.9),
        ("1 299,90", True, 1299.9),
        ("1\u00a0299,90", True, 1299.9),
        ("1\u202f299.90", False, 1299.9),
        ("1.299,90", True, 1299.9),
        ("1,299.90", False, 1299.9),
        ("1,299,000", False, 1299000.0),
        ("1.299.000", True, 1299000.0),
        ("1,299", False, 1299.0),
        ("1,299", True, 1.299),
        ("1.299", False, 1.299),
        ("1.299", True, 1299.0),
        ("0,5", False, 0.5),
        (",5", True, 0.5),
        ("-3", True, -3.0),
        ("−3,5", True, -3.5),
        ("(1,50)", True, -1.5),
        ("1 299 руб.", True, 1299.0),
        ("1 299,90 ₽", True, 1299.9),
        ("£5.50", False, 5.5),
        ("5 шт", True, None),
        ("12.03.2026", True, None),
        ("1,2,3", False, None),
        ("", True, None),
        ("nan", True, None),
    ],
)
def test_numbers(text: str, comma: bool, expected: float | None) -> None:
    assert numbers(pl.Series([text]), comma).to_list() == [expected]


def test_the_decimal_sign_is_found_in_what_the_columns_hold() -> None:
    assert comma_style([pl.Series(["1", "2,50"])], ",")
    assert not comma_style([pl.Series(["1,299", "2.50"])], ";")
    assert comma_style([pl.Series(["1,299"])], ";")
    assert not comma_style([pl.Series(["1,299"])], ",")
    assert not comma_style([pl.Series([1.5])], ",")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1299.90", "1299.90"),
        ("1 299,90", "1299.90"),
        ("1.299,90", "1299.90"),
        ("1,299.90", "1299.90"),
        ("1,299", None),
        ("0,299", "0.299"),
        ("", None),
        ("1e400000", None),
        ("١٢", None),
        ("9" * 50, None),
    ],
)
def test_a_single_number_in_json_needs_one_reading(text: str, expected: str | None) -> None:
    assert number_of_text(text) == (None if expected is None else Decimal(expected))


@given(
    st.floats(min_value=-1e10, max_value=1e10).map(lambda x: round(x, 4)) | st.floats(-1e9, 1e9),
    st.sampled_from(["RUB", "JPY", "KWD"]),
)
def test_both_roads_round_money_alike(amount: float, currency: str) -> None:
    expected = to_minor(amount, currency)
    assert money(amount, currency) == expected
    minor, rounded = minor_units(pl.Series([amount]), pl.Series([currency]))
    assert (minor.to_list(), rounded.to_list()) == ([expected[0]], [expected[1]])


def us(*when: int) -> int:
    return round(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-02T12:00:00Z", us(2026, 3, 2, 12)),
        ("2026-03-02T12:00:00.5+03:00", us(2026, 3, 2, 9) + 500_000),
        ("2026-03-02 12:00:00-0500", us(2026, 3, 2, 17)),
        ("2026-03-02 12:00", us(2026, 3, 2, 12)),
        ("2026-03-02", us(2026, 3, 2)),
        ("2026/3/2 9:05", us(2026, 3, 2, 9, 5)),
        ("02.03.2026", us(2026, 3, 2)),
        ("2.3.26 9:05:07", us(2026, 3, 2, 9, 5, 7)),
        ("02.03.2026, 12:00", us(2026, 3, 2, 12)),
        ("20260302", us(2026, 3, 2)),
        ("46083.5", us(2026, 3, 2, 12)),
        ("46083,5", us(2026, 3, 2, 12)),
        ("1772452800", us(2026, 3, 2, 12)),
        ("1772452800000", us(2026, 3, 2, 12)),
        ("31.02.2026", None),
        ("2026-13-01", None),
        ("2026-03-02 25:00", None),
        ("soon", None),
        ("", None),
    ],
)
def test_moments(text: str, expected: int | None) -> None:
    assert Dates("UTC").read(pl.Series([text])).to_list() == [expected]


def test_moments_of_parquet_columns() -> None:
    naive = pl.Series([datetime(2026, 7, 1, 12)])  # noqa: DTZ001
    assert Dates("Europe/London").read(naive.cast(pl.Datetime("ns"))).to_list() == [us(2026, 7, 1, 11)]
    assert Dates("Asia/Tokyo").read(naive.dt.replace_time_zone("UTC")).to_list() == [us(2026, 7, 1, 12)]
    assert Dates("Europe/London").read(naive.cast(pl.Date)).to_list() == [us(2026, 6, 30, 23)]


def test_an_hour_that_comes_twice_is_the_earlier_and_one_that_is_skipped_moves_on() -> None:
    london = Dates("Europe/London")
    assert london.read(pl.Series(["2025-10-26 01:30"])).to_list() == [us(2025, 10, 26, 0, 30)]
    assert london.read(pl.Series(["2026-03-29 01:30"])).to_list() == [us(2026, 3, 29, 1, 30)]
    # Samoa skipped the whole of 2011-12-30
    assert Dates("Pacific/Apia").read(pl.Series(["2011-12-30 12:00"])).to_list() == [us(2011, 12, 30, 22)]


@pytest.mark.parametrize("zone", ["Europe/Moscow", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"])
@given(st.datetimes(min_value=datetime(1990, 1, 2), max_value=datetime(2037, 12, 30)))  # noqa: DTZ001
def test_every_naive_moment_has_an_answer(zone: str, naive: datetime) -> None:
    from zoneinfo import ZoneInfo

    found = Dates(zone).read(pl.Series([naive], dtype=pl.Datetime("us"))).to_list()
    expected = naive.replace(tzinfo=ZoneInfo(zone), fold=0)
    assert found == [
        (expected.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000 // 1
    ] or (abs(found[0] - expected.timestamp() * 1e6) < 1)


def test_slashed_dates_are_told_apart_by_what_cannot_be_a_month() -> None:
    assert Dates("UTC").read(pl.Series(["03/04/2026", "13/04/2026"])).to_list() == [us(2026, 4, 3), us(2026, 4, 13)]
    assert Dates("UTC").read(pl.Series(["03/04/2026", "04/13/2026"])).to_list() == [us(2026, 3, 4), us(2026, 4, 13)]
    dates = Dates("UTC")
    dates.read(pl.Series(["13/04/2026"]))
    assert dates.read(pl.Series(["03/04/2026"])).to_list() == [us(2026, 4, 3)], "what was learned holds"
    with pytest.raises(InvalidInput, match="--date-format"):
        Dates("UTC").read(pl.Series(["03/04/2026"]))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("DD/MM/YYYY", "03/04/2026 12:30"),
        ("%d/%m/%Y", "03/04/2026 12:30:00"),
        ("MM/DD/YYYY HH:mm", "04/03/2026 12:30"),
        ("%d %B %Y %H:%M", "03 April 2026 12:30"),
        ("DD/MM/YYYY", "2026-04-03 12:30"),
        ("%d/%m/%Y %H:%M %z", "03/04/2026 15:30 +0300"),
    ],
)
def test_a_date_format(form: str, text: str) -> None:
    assert Dates("UTC", form).read(pl.Series([text])).to_list() == [us(2026, 4, 3, 12, 30)]


def test_a_date_format_that_is_none() -> None:
    with pytest.raises(InvalidInput):
        strptime_format("HH:mm")
    with pytest.raises(InvalidInput):
        Dates("Mars/Olympus")


def test_ids_lose_what_pandas_put_there() -> None:
    assert ids(pl.Series(["17850.0", " 007 ", "12.50", "nan", ""])).to_list() == ["17850", "007", "12.50", None, None]
    assert ids(pl.Series([17850.0, None, 2.5])).to_list() == ["17850", None, "2.5"]
    assert ids(pl.Series([17850, None])).to_list() == ["17850", None]
    assert clean(pl.Series([None, None])).to_list() == [None, None]


def test_flags() -> None:
    assert flags(pl.Series(["да", "Нет", "1", "maybe", ""])).to_list() == [True, False, True, None, None]


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8-sig"),
        ("utf-8-sig", "utf-8-sig"),
        ("cp1251", "cp1251"),
        ("koi8-r", "koi8-r"),
        ("cp866", "cp866"),
        ("utf-16", "utf-16"),
    ],
)
def test_encodings_of_russian_files(tmp_path: Path, encoding: str, found: str) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes("номер заказа;артикул;цена\n1;чашка белая;1 299,90\n".encode(encoding))
    assert scan_text(path).encoding == found


def test_encodings_of_western_files_and_of_late_letters(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes("id,name\n1,café crème £5\n".encode("cp1252"))
    assert scan_text(path).encoding == "cp1252"
    path.write_bytes(b"id;name\n" * 300_000 + "1;чашка\n".encode("cp1251"))
    scan = scan_text(path)
    assert (scan.encoding, scan.lines) == ("cp1251", 300_002)
    with pytest.raises(InvalidInput, match="not in utf-8"):
        scan_text(path, "utf8")
    with pytest.raises(InvalidInput, match="not an encoding"):
        scan_text(path, "latin-99")


def test_delimiters() -> None:
    assert delimiter_of("a;b;c") == ";"
    assert delimiter_of('"a;b;c;d",b,c') == ","
    assert delimiter_of("a\tb\tc") == "\t"
    assert delimiter_of("alone") == ";"


@pytest.mark.parametrize(
    ("said", "status"), [("Выполнен", "delivered"), ("  PAID", "paid"), ("on hold", "placed"), ("?", None)]
)
def test_statuses(said: str, status: str | None) -> None:
    assert normal_status(said) == status


class TestMapping:
    FIELDS = ("order_id", "customer_id", "timestamp", "item_id", "quantity", "price", "amount")
    REQUIRED: tuple[Any, ...] = ("order_id", "customer_id", "timestamp", "item_id", "quantity", ("price", "amount"))

    def resolve(self, columns: list[str], **mapping: str) -> dict[str, str]:
        return resolve(columns, mapping, fields=self.FIELDS, required=self.REQUIRED)

    def test_equal_names_need_no_mapping(self) -> None:
        columns = ["Order ID", "customer-id", "TIMESTAMP", "item_id", "quantity", "price", "country"]
        assert self.resolve(columns)["order_id"] == "Order ID"

    def test_what_is_mapped_wins_over_equal_names(self) -> None:
        columns = [*self.FIELDS[:6], "net"]
        assert self.resolve(columns, net="price")["price"] == "net"

    def test_russian_headers_are_suggested(self) -> None:
        columns = ["Номер заказа", "Покупатель", "Дата", "Артикул", "Количество", "Цена", "Склад"]
        with pytest.raises(InvalidInput) as caught:
            self.resolve(columns)
        said = str(caught.value)
        assert '--map "Номер заказа"=order_id Покупатель=customer_id Дата=timestamp Артикул=item_id' in said
        assert "Количество=quantity Цена=price" in said
        assert "Склад" in said
        assert said.count("no column for") == 1

    def test_near_names_are_suggested(self) -> None:
        with pytest.raises(InvalidInput, match=r"InvoiceNo=order_id .*StockCode=item_id UnitPrice=price"):
            self.resolve(["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"])

    @pytest.mark.parametrize(
        ("mapping", "said"),
        [
            ({"Invoce": "order_id"}, "did you mean 'Invoice'"),
            ({"Invoice": "order"}, "did you mean 'order_id'"),
            ({"Invoice": "order_id", "Bill": "order_id"}, "mapped to order_id already"),
        ],
    )
    def test_mappings_that_name_nothing(self, mapping: dict[str, str], said: str) -> None:
        with pytest.raises(InvalidInput, match=said):
            self.resolve(["Invoice", "Bill"], **mapping)
