"""Yandex YML and Google Merchant feeds."""

from __future__ import annotations

from typing import Any

import pytest

from offers.clock import HeldClock
from offers.domain.item import Item
from offers.errors import InvalidInput
from offers.intake.feeds.importing import feed_format, import_feed

NOW = 1_772_452_800_000_000

YML = """<?xml version="1.0" encoding="{encoding}"?>
<!DOCTYPE yml_catalog SYSTEM "shops.dtd">
<yml_catalog date="2026-03-02 12:00"><shop><name>Лавка</name>
<currencies><currency id="RUR" rate="1"/></currencies>
<categories><category id="1">Посуда</category><category id="2" parentId="1">Чашки</category>
<category id="8" parentId="9">Петля</category><category id="9" parentId="8">Узел</category></categories>
<offers>
<offer id="А-1" available="true" group_id="77"><name>Чашка &amp; блюдце</name>
<url>https://лавка.рф/a?x=1&amp;y=2</url>
<price>1299.90</price><oldprice>1500</oldprice><currencyId>RUR</currencyId><categoryId>2</categoryId>
<picture>https://shop.example/a.jpg</picture>
<picture>https://shop.example/b.jpg</picture>
<vendor>Завод</vendor><count>5</count><param name="Цвет">белый</param>
<description><![CDATA[<b>ok</b>]]></description></offer>
<offer id="А-2" available="false" type="vendor.model"><typePrefix>Нож</typePrefix>
<vendor>Завод</vendor><model>X1</model>
<price from="true">500</price><currencyId>RUB</currencyId><categoryId>8</categoryId><url>javascript:x</url></offer>
<offer id="А-3"><name>Без цены</name><currencyId>RUB</currencyId></offer>
<offer id="А-4"><name>Дробь</name><price>1.234</price></offer>
<offer><name>Без кода</name><price>1</price></offer>
<offer id="А-5"><price>1</price></offer>
</offers></shop></yml_catalog>
"""

MERCHANT = """<?xml version="1.0"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>
<item><g:id>m1</g:id><title>plain title</title><g:title>Cup</g:title><link>https://shop.example/m1</link>
<g:image_link>https://shop.example/m1.jpg</g:image_link>
<g:price>15.00 USD</g:price><g:sale_price>12.50 USD</g:sale_price>
<g:sale_price_effective_date>2026-03-01T00:00Z/2026-03-31T00:00Z</g:sale_price_effective_date>
<g:availability>in_stock</g:availability><g:brand>Acme</g:brand><g:item_group_id>G</g:item_group_id>
<g:product_type>Home &gt; Kitchen &gt; Cups</g:product_type><g:cost_of_goods_sold>7.10 USD</g:cost_of_goods_sold></item>
<item><g:id>m2</g:id><g:title>Old sale</g:title><g:price>15.00 USD</g:price><g:sale_price>1.00 USD</g:sale_price>
<g:sale_price_effective_date>2025-03-01T00:00Z/2025-03-31T00:00Z</g:sale_price_effective_date>
<g:availability>out of stock</g:availability><g:google_product_category>2169</g:google_product_category></item>
</channel></rss>
"""


def run(path: Any, taken: Any, **more: Any) -> Any:
    return import_feed(path, taken, clock=HeldClock(NOW), **more)


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1251"])
def test_yml(write: Any, taken: Any, encoding: str) -> None:
    path = write(YML.format(encoding=encoding), "feed.yml", encoding)
    assert feed_format(path) == "yml"
    summary = run(path, taken, currency="RUB")
    assert taken.items() == {
        "А-1": {
            "item_id": "А-1",
            "item_name": "Чашка & блюдце",
            "price": 129990,
            "old_price": 150000,
            "currency": "RUB",
            "stock": 5.0,
            "available": True,
            "categories": ["Посуда", "Чашки"],
            "brand": "Завод",
            "link": "https://лавка.рф/a?x=1&y=2",
            "image_link": "https://shop.example/a.jpg",
            "group": "77",
        },
        "А-2": {
            "item_id": "А-2",
            "item_name": "Нож Завод X1",
            "price": 50000,
            "old_price": None,
            "currency": "RUB",
            "stock": None,
            "available": False,
            "categories": ["Узел", "Петля"],
            "brand": "Завод",
            "link": None,
            "image_link": None,
            "group": None,
        },
    }
    assert dict(summary.reasons) == {
        "missing_price": 1,
        "too_many_decimals": 1,
        "missing_item_id": 1,
        "missing_item_name": 1,
    }
    assert summary.notes["links_dropped"] == 1
    assert all(e.params["partial"] for e in taken.events), "what YML cannot say stays as it was"


def test_a_full_feed_makes_the_absent_unavailable_and_a_partial_one_does_not(write: Any, taken: Any) -> None:
    path = write(YML.format(encoding="utf-8"), "feed.yml")
    current = {
        "gone": Item("gone", "Gone", 100, "RUB"),
        "gone before": Item("gone before", "Gone", 100, "RUB", available=False),
        "А-3": Item("А-3", "Bad in the feed, but there", 100, "RUB"),
    }
    summary = run(path, taken, currency="RUB", current=current)
    assert summary.notes["made_unavailable"] == 1
    assert taken.items()["gone"] == {"item_id": "gone", "available": False}
    assert "gone before" not in taken.items()
    assert "А-3" not in taken.items()
    taken.events.clear()
    run(path, taken, currency="RUB", current=current, partial=True)
    assert "gone" not in taken.items()


def test_a_feed_that_changes_nothing_tells_nothing(write: Any, taken: Any) -> None:
    path = write(MERCHANT, "feed.xml")
    run(path, taken)
    current = {
        told["item_id"]: Item(**{**told, "categories": tuple(told["categories"]), "replenishable": True})
        for told in taken.items().values()
    }
    taken.events.clear()
    assert run(path, taken, current=current).events == 0


def test_google_merchant_xml(write: Any, taken: Any) -> None:
    path = write(MERCHANT, "feed.xml")
    assert feed_format(path) == "merchant_xml"
    run(path, taken, currency="EUR")
    first, second = taken.items()["m1"], taken.items()["m2"]
    assert (first["item_name"], first["price"], first["old_price"], first["cost"]) == ("Cup", 1250, 1500, 710)
    assert (first["categories"], first["group"], first["available"]) == (["Home", "Kitchen", "Cups"], "G", True)
    assert (second["price"], second["old_price"], second["available"], second["categories"]) == (1500, None, False, [])
    assert first["currency"] == "USD"


def test_an_atom_feed(write: Any, taken: Any) -> None:
    text = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><entry><g:id>a</g:id>'
        '<title>Cup</title><link href="https://shop.example/a"/><g:price>EUR 5</g:price></entry></feed>'
    )
    run(write(text, "atom.xml"), taken)
    item = taken.items()["a"]
    assert (item["item_name"], item["link"], item["price"], item["currency"]) == (
        "Cup",
        "https://shop.example/a",
        500,
        "EUR",
    )


def test_google_merchant_tsv(write: Any, taken: Any) -> None:
    text = (
        "id\ttitle\tprice\tavailability\timage link\tproduct type\n"
        "t1\tCup, white\t1 299.90 RUB\tin stock\thttps://shop.example/1.jpg\tA > B\nt2\tSaucer\t\tin stock\t\t\n"
    )
    path = write(text, "feed.txt")
    assert feed_format(path) == "merchant_tsv"
    summary = run(path, taken)
    item = taken.items()["t1"]
    assert (item["price"], item["categories"], item["image_link"]) == (129990, ["A", "B"], "https://shop.example/1.jpg")
    assert dict(summary.reasons) == {"missing_price": 1}


def test_tables_are_no_feeds(write: Any) -> None:
    assert feed_format(write("item_id,item_name,price\n", "items.csv")) is None
    assert feed_format(write("item_id\titem_name\tprice\n", "items.tsv")) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html></html>", "root <html>"),
        ("<yml_catalog><shop><offers><offer id='1'>", "not well-formed"),
        ("<yml_catalog></yml_catalog>", "no good item"),
        ("<", "not a readable XML"),
        (
            '<!DOCTYPE y [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><yml_catalog><offer>&b;</offer></yml_catalog>',
            "readable XML|entities",
        ),
        (
            '<!DOCTYPE yml_catalog [<!ENTITY x SYSTEM "file:///etc/passwd">]><yml_catalog><offer>&x;</offer></yml_catalog>',
            "readable XML|entities",
        ),
    ],
)
def test_documents_that_are_no_feeds_change_nothing(write: Any, taken: Any, text: str, said: str) -> None:
    current = {"a": Item("a", "A", 100, "RUB")}
    with pytest.raises(InvalidInput, match=said):
        run(write(text, "feed.xml"), taken, current=current)
    assert not taken.events
