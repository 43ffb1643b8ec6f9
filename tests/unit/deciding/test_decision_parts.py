"""The small parts: ids, records, memory, reasons, the wire."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
import pytest

from offers.deciding.decision_ids import new_decision_id, offer_id
from offers.deciding.reasons import REASON_CODES, money_text, reason_text
from offers.deciding.remembering import Memory, load_decision, stored_decision
from offers.deciding.request import DEFAULT_RELATIONS, OfferRequest, PicksRequest, relations_at
from offers.deciding.response import picks_response, response
from offers.domain.ids import Person
from offers.domain.offer import RELATIONS, Reason

NAMES = {"a": "Coffee", "b": "Filter", "gone": None}


class TestIds:
    def test_are_uuids_of_version_7(self) -> None:
        found = uuid.UUID(hex=new_decision_id(1_772_452_800_123_456))
        assert (found.version, found.variant) == (7, uuid.RFC_4122)
        assert found.int >> 80 == 1_772_452_800_123

    def test_sort_by_time_and_never_repeat(self) -> None:
        found = [new_decision_id(ms * 1000) for ms in range(1_000_000, 1_002_000)]
        assert found == sorted(found)
        assert len({new_decision_id(0) for _ in range(5000)}) == 5000

    def test_of_an_offer(self) -> None:
        assert offer_id("ab", 3) == "ab-3"


def test_the_record_is_an_event_that_replays_the_decision(shop: Any) -> None:
    shop.bought("c1", ("novel", 1, 90))
    answer = shop.decider.offers(
        OfferRequest(
            "checkout",
            customer_id="c1",
            visitor_id="v1",
            channel="web",
            cart=shop.cart(("tent", 9_900)),
            currency="USD",
            context={"store": "msk-1"},
        )
    )
    (event,) = shop.spool.events
    decision = answer.decision
    assert (event.event_id, event.event_name, event.kind) == (decision.decision_id, "decision", "decision")
    assert event.decision_id == decision.decision_id
    assert event.occurred_at == event.received_at == shop.clock.now_us()
    assert (event.customer_id, event.visitor_id, event.currency) == ("c1", "v1", "USD")
    assert event.params["placement"] == "checkout"
    assert event.params["channel"] == "web"
    assert event.params["fallback"] is None
    assert event.params["experiments"] == []
    assert event.params["cart"] == [{"item_id": "tent", "quantity": 1.0, "price": 9_900}]
    assert event.params["context"] == {"store": "msk-1"}
    assert event.params["model_version"] == shop.slot.current.version
    upsell = next(o for o in event.params["offers"] if o["relation"] == "upsell")
    assert upsell == {
        "offer_id": f"{decision.decision_id}-3",
        "item_id": "tent-plus",
        "rank": 3,
        "relation": "upsell",
        "reason": {"code": "better_version", "because": ["tent"], "facts": {"price_difference": 3100.0}},
        "score": upsell["score"],
        "price": 13_000,
        "currency": "USD",
        "replaces": "tent",
    }
    assert b"\n" not in shop.spool.records[0]


def test_a_visitor_is_recorded_as_one(shop: Any) -> None:
    shop.decider.offers(OfferRequest("checkout", visitor_id="v1"))
    shop.decider.offers(OfferRequest("checkout"))
    assert [(e.customer_id, e.visitor_id) for e in shop.spool.events] == [(None, "v1"), (None, None)]


def test_stored_decisions_keep_ids_and_reason_codes_only(shop: Any) -> None:
    decision = shop.decider.offers(OfferRequest("checkout", customer_id="c1", cart=shop.cart("tent"))).decision
    back = load_decision(stored_decision(decision))
    assert back is not None
    assert [(o.offer_id, o.item_id, o.relation, o.replaces, o.score) for o in back.offers] == [
        (o.offer_id, o.item_id, o.relation, o.replaces, o.score) for o in decision.offers
    ]
    assert [(o.reason.code, o.reason.because, o.reason.facts) for o in back.offers] == [
        (o.reason.code, o.reason.because, {}) for o in decision.offers
    ]
    assert load_decision(b"") is None


class TestMemory:
    def test_forgets_in_time(self) -> None:
        memory = Memory()
        memory.put("c:1", "f", b"x", now=10.0)
        assert memory.get("c:1", "f", 14.9, life=5.0) == b"x"
        assert memory.get("c:1", "g", 14.9, life=5.0) is None
        assert memory.get("c:1", "f", 15.0, life=5.0) is None

    def test_is_bounded(self) -> None:
        memory = Memory(size=2)
        for n in range(3):
            memory.put("c:1", str(n), b"x", now=0.0)
        assert [memory.get("c:1", str(n), 0.0, life=1.0) for n in range(3)] == [None, b"x", b"x"]


class TestReasons:
    @pytest.mark.parametrize(
        ("reason", "lang", "text"),
        [
            (Reason("bought_together", ("a", "b")), "en", "Often bought together with “Coffee”, “Filter”"),
            (Reason("bought_together", ("a",)), "ru", "Часто покупают вместе: «Coffee»"),
            (Reason("bought_together", ("gone",)), "en", "Often bought together"),
            (Reason("similar_taste", ("a",)), "ru", "Подобрано для вас, вам подошло: «Coffee»"),
            (Reason("similar_taste"), "de", "Chosen for you"),
            (
                Reason("better_version", ("a",), {"price_difference": 129_900.0}),
                "en",
                "A step up from “Coffee”, for 1,299.00\u00a0RSD more",
            ),
            (
                Reason("better_version", ("a",), {"price_difference": 129_900.0}),
                "ru",
                "Классом выше, чем «Coffee», дороже на 1\u00a0299,00\u00a0RSD",
            ),
            (Reason("same_need", ("b",)), "ru", "Подойдёт вместо: «Filter»"),
            (Reason("bought_before", ("a",)), "ru", "Вы это уже покупали"),
        ],
    )
    def test_text(self, reason: Reason, lang: str, text: str) -> None:
        assert reason_text(reason, lang, NAMES.get, "RSD") == text

    @pytest.mark.parametrize("code", REASON_CODES)
    @pytest.mark.parametrize("lang", ["en", "ru"])
    def test_every_code_has_a_text(self, code: str, lang: str) -> None:
        assert reason_text(Reason(code, ("gone",), {"price_difference": 1.0}), lang, NAMES.get, None)

    @pytest.mark.parametrize(
        ("minor", "currency", "lang", "text"),
        [
            (129_990, "RUB", "ru", "1\u00a0299,90\u00a0₽"),
            (129_990, "USD", "en", "$1,299.90"),
            (-5, "USD", "en", "-$0.05"),
            (1_500, "JPY", "ru", "1\u00a0500\u00a0JPY"),
            (1, "KWD", "en", "0.001\u00a0KWD"),
        ],
    )
    def test_money(self, minor: int, currency: str, lang: str, text: str) -> None:
        assert money_text(minor, currency, lang) == text


def test_relations_of_placements() -> None:
    assert relations_at("checkout") == ("cross_sell", "upsell", "next_best")
    assert relations_at("anything-else") == ("next_best", "cross_sell")
    assert {r for rs in DEFAULT_RELATIONS.values() for r in rs} == set(RELATIONS)


class TestResponse:
    def _body(self, shop: Any, lang: str = "en", **told: Any) -> dict[str, Any]:
        explain = told.get("explain", False)
        request = OfferRequest("checkout", customer_id="c1", cart=shop.cart(("tent", 9_900)), explain=explain)
        rendered = response(shop.decider.offers(request), shop.catalogue, lang, **told)
        body: dict[str, Any] = orjson.loads(orjson.dumps(rendered))
        return body

    def test_shape(self, shop: Any) -> None:
        body = self._body(shop)
        assert list(body) == [
            "decision_id",
            "model_version",
            "fallback",
            "recorded",
            "warnings",
            "experiments",
            "offers",
        ]
        upsell = body["offers"][2]
        assert upsell == {
            "offer_id": f"{body['decision_id']}-3",
            "rank": 3,
            "relation": "upsell",
            "replaces": "tent",
            "price_difference": 31.0,
            "promotion": None,
            "item": {
                "item_id": "tent-plus",
                "item_name": "Tent Plus",
                "price": 130.0,
                "old_price": None,
                "currency": "USD",
                "link": None,
                "image_link": None,
            },
            "reason": {
                "code": "better_version",
                "because": ["tent"],
                "text": "A step up from “Tent”, for $31.00 more",
            },
            "click_url": None,
        }
        assert body["offers"][0]["price_difference"] is None

    def test_prices_and_links_are_those_of_now(self, shop: Any) -> None:
        self._body(shop)
        shop.change("pegs", price=950, link="https://shop/pegs")
        offer = self._body(shop, "ru")["offers"][0]
        assert offer["item"]["price"] == 9.5
        assert offer["click_url"] == "https://shop/pegs"
        assert offer["reason"]["text"] == "Часто покупают вместе: «Tent»"

    def test_scores_only_where_they_may_be_seen(self, shop: Any) -> None:
        plain = self._body(shop, explain=True)
        assert {"item_id": "stove", "step": "unavailable"} in plain["explain"]["dropped"]
        assert all("score" not in offer for offer in plain["offers"])
        full = self._body(shop, explain=True, scores=True)
        assert all("score" in offer for offer in full["offers"] + full["explain"]["dropped"])

    def test_picks_have_flat_items(self, shop: Any) -> None:
        letter = PicksRequest(Person("c", "c1"), message_id="m", limit=3, min=2)
        rendered = picks_response(shop.decider.picks(letter), shop.catalogue, "en")
        body = orjson.loads(orjson.dumps(rendered))
        assert body["items"] == [offer["item"] for offer in body["offers"]]
        assert len(body["items"]) == 3
        none = picks_response(shop.decider.picks(PicksRequest(Person("c", "c1"), min=50)), shop.catalogue, "en")
        assert none["items"] == none["offers"] == []
