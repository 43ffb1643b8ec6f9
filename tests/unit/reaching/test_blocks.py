"""Blocks of letters: what mail programs show, escaped, in both languages, and nothing at all when there is nothing."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.reaching.blocks import Blocks
from offers.reaching.picks import amount, picks_of, safe_url


def _offer(**item: Any) -> dict[str, Any]:
    whole = {
        "item_id": "sku-1",
        "item_name": "Tea",
        "price": 1299.9,
        "old_price": None,
        "currency": "USD",
        "link": "https://shop.example/tea?a=1&b=2",
        "image_link": "https://shop.example/tea.jpg",
        **item,
    }
    return {"item": whole, "reason": {"code": "popular", "text": "Popular"}, "click_url": whole["link"]}


def _body(*offers: dict[str, Any]) -> dict[str, Any]:
    return {"offers": list(offers), "items": [o["item"] for o in offers]}


class _Reader(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


ALLOWED_TAGS = {"table", "tr", "td", "a", "img", "div", "strong", "span"}


@pytest.mark.parametrize(("lang", "heading"), [("en", "Picked for you"), ("ru", "Подобрали для вас")])
def test_a_block_speaks_the_language(lang: str, heading: str) -> None:
    html, text = Blocks().html(_body(_offer()), lang), Blocks().text(_body(_offer()), lang)
    assert heading in html
    assert text.startswith(heading)
    assert f'lang="{lang}"' in html


def test_nothing_to_show_is_nothing_at_all() -> None:
    assert Blocks().html(_body(), "en") == ""
    assert Blocks().text(_body(), "en") == ""


def test_html_is_for_mail_programs() -> None:
    html = Blocks().html(_body(_offer(), _offer(image_link=None, link=None, old_price=1500)), "en")
    read = _Reader(html)
    assert set(read.tags) <= ALLOWED_TAGS
    assert "<style" not in html
    assert "class=" not in html
    assert "https://shop.example/tea?a=1&amp;b=2" in html
    assert html.count("<img") == 1
    assert "$1,500.00" in html


def test_text_has_a_line_for_each_thing() -> None:
    text = Blocks().text(_body(_offer(item_name="Tea\n& <b>"), _offer(link=None)), "en")
    assert text.splitlines() == [
        "Picked for you",
        "",
        "1. Tea & <b> — $1,299.90",
        "   Popular",
        "   https://shop.example/tea?a=1&b=2",
        "",
        "2. Tea — $1,299.90",
        "   Popular",
        "",
    ]


@given(name=st.text(max_size=60), address=st.text(max_size=60), reason=st.text(max_size=60))
def test_no_catalogue_can_bring_markup_or_a_script_in(name: str, address: str, reason: str) -> None:
    hostile = f'{name}"><script>alert(1)</script><a href="javascript:alert(2)'
    offer = _offer(item_name=hostile, link=address, image_link="javascript:" + address)
    offer["reason"]["text"] = reason + "</td><img src=x onerror=alert(3)>"
    read = _Reader(Blocks().html(_body(offer), "ru"))
    assert set(read.tags) <= ALLOWED_TAGS
    assert all(a.startswith(("http://", "https://")) for a in read.addresses)


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " https://x.y/",
        "https://x.y/ z",
        "https:/x",
        "//x.y/z",
        "/local",
        "data:text/html,x",
        "http://[::1",
        7,
    ],
)
def test_other_addresses_are_not_linked(address: Any) -> None:
    assert safe_url(address) is None


def test_web_addresses_are_linked() -> None:
    assert safe_url("HTTPS://shop.example/ж?a=1#b") == "HTTPS://shop.example/ж?a=1#b"


@pytest.mark.parametrize(
    ("major", "currency", "lang", "shown"),
    [
        (1299.9, "USD", "en", "$1,299.90"),
        (1299.9, "RUB", "ru", "1\u00a0299,90\u00a0₽"),
        (0.5, "EUR", "en", "€0.50"),
        (1500, "JPY", "en", "1,500\u00a0JPY"),
        (1.234, "KWD", "ru", "1,234\u00a0KWD"),
        (-5, "GBP", "en", "-£5.00"),
        (5, "???", "en", "5\u00a0???"),
    ],
)
def test_money_for_people(major: float, currency: str, lang: str, shown: str) -> None:
    assert amount(major, currency, lang) == shown


def test_an_old_price_is_shown_only_when_it_was_higher() -> None:
    lower, same, higher = picks_of(_body(_offer(old_price=1.0), _offer(old_price=1299.9), _offer(old_price=2000)), "en")
    assert (lower.old_price, same.old_price, higher.old_price) == (None, None, "$2,000.00")


def test_an_item_without_a_name_or_price_is_still_readable() -> None:
    (pick,) = picks_of(_body(_offer(item_name="", price=None)), "en")
    assert (pick.name, pick.price) == ("sku-1", "")
