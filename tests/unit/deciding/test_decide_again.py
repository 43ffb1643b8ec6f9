"""The same request again: the same decision, as far as it may still be shown."""

from __future__ import annotations

from typing import Any

import pytest

from offers.deciding.request import OfferRequest


@pytest.fixture
def request_of_c1(shop: Any) -> OfferRequest:
    return OfferRequest("checkout", customer_id="c1", cart=shop.cart("tent"), limit=4, currency="USD")


def _ids(answer: Any) -> list[str]:
    return [offer.item_id for offer in answer.decision.offers]


def test_is_answered_alike_and_recorded_once(shop: Any, request_of_c1: OfferRequest) -> None:
    first, second = shop.decider.offers(request_of_c1), shop.decider.offers(request_of_c1)
    assert second.decision.decision_id == first.decision.decision_id
    assert [o.offer_id for o in second.decision.offers] == [o.offer_id for o in first.decision.offers]
    assert second.repeated
    assert second.recorded
    assert len(shop.spool.records) == 1


def test_another_worker_answers_alike(shop: Any, shops: Any, clock: Any, model: Any, request_of_c1: Any) -> None:
    first = shop.decider.offers(request_of_c1)
    other = shops.make_shop(clock, model)
    other.people.same = shop.people.same
    assert other.decider.offers(request_of_c1).decision.decision_id == first.decision.decision_id


def test_this_process_remembers_until_the_server_does(shop: Any, request_of_c1: OfferRequest) -> None:
    first = shop.decider.offers(request_of_c1)
    shop.people.same.clear()
    shop.clock.advance(1.0)
    assert shop.decider.offers(request_of_c1).decision.decision_id == first.decision.decision_id


def test_and_while_the_server_is_away(shop: Any, request_of_c1: OfferRequest) -> None:
    first = shop.decider.offers(request_of_c1)
    shop.people.away = True
    shop.clock.advance(20 * 60)
    assert shop.decider.offers(request_of_c1).decision.decision_id == first.decision.decision_id


def test_what_the_server_has_forgotten_is_decided_anew(shop: Any, request_of_c1: OfferRequest) -> None:
    first = shop.decider.offers(request_of_c1)
    shop.people.same.clear()  # the person was erased
    shop.clock.advance(3.0)
    assert shop.decider.offers(request_of_c1).decision.decision_id != first.decision.decision_id


def test_after_half_an_hour_it_is_decided_anew(shop: Any, request_of_c1: OfferRequest) -> None:
    first = shop.decider.offers(request_of_c1)
    shop.clock.advance(30 * 60 + 1)
    assert shop.decider.offers(request_of_c1).decision.decision_id != first.decision.decision_id


def test_what_sold_out_is_dropped_and_not_replaced(shop: Any, request_of_c1: OfferRequest) -> None:
    first = _ids(shop.decider.offers(request_of_c1))
    shop.change("pegs", stock=0)
    second = shop.decider.offers(request_of_c1)
    assert _ids(second) == [item_id for item_id in first if item_id != "pegs"]
    assert [o.rank for o in second.decision.offers] == [2, 3, 4]
    assert [(d.item_id, d.step) for d in second.decision.dropped] == [("pegs", "unavailable")]


def test_the_difference_of_an_upsell_follows_the_price(shop: Any, request_of_c1: OfferRequest) -> None:
    def difference() -> list[float]:
        offers = shop.decider.offers(request_of_c1).decision.offers
        return [o.reason.facts["price_difference"] for o in offers if o.relation == "upsell"]

    assert difference() == [3_000.0]
    shop.change("tent-plus", price=12_500)
    assert difference() == [2_500.0]
    shop.change("tent-plus", price=9_000)
    assert difference() == []


def test_what_was_bought_meanwhile_is_dropped(shop: Any, request_of_c1: OfferRequest) -> None:
    shop.decider.offers(request_of_c1)
    shop.bought("c1", ("rope", 1, 0))
    assert "rope" not in _ids(shop.decider.offers(request_of_c1))


@pytest.mark.parametrize(
    "other",
    [
        {"placement": "cart"},
        {"limit": 5},
        {"currency": None},
        {"exclude": frozenset({"rope"})},
        {"context": {"item_id": "lamp"}},
        {"relations": ("next_best",)},
        {"customer_id": "c2"},
        {"cart": ()},
    ],
    ids=lambda o: next(iter(o)),
)
def test_another_request_is_another_decision(shop: Any, request_of_c1: OfferRequest, other: dict[str, Any]) -> None:
    from dataclasses import replace

    first = shop.decider.offers(request_of_c1)
    second = shop.decider.offers(replace(request_of_c1, **other))
    assert second.decision.decision_id != first.decision.decision_id


def test_the_order_of_lines_and_the_language_do_not_matter(shop: Any) -> None:
    one = OfferRequest("checkout", customer_id="c1", cart=shop.cart("tent", "lamp"), lang="en")
    two = OfferRequest("checkout", customer_id="c1", cart=shop.cart(("lamp", 2_990), "tent"), lang="ru")
    assert shop.decider.offers(one).decision.decision_id == shop.decider.offers(two).decision.decision_id


def test_guests_are_decided_for_each_time(shop: Any) -> None:
    request = OfferRequest("checkout", cart=shop.cart("tent"))
    one, two = shop.decider.offers(request), shop.decider.offers(request)
    assert one.decision.decision_id != two.decision.decision_id
    assert _ids(one) == _ids(two)


def test_a_preview_records_and_remembers_nothing(shop: Any, request_of_c1: OfferRequest) -> None:
    from dataclasses import replace

    preview = shop.decider.offers(replace(request_of_c1, preview=True))
    assert not preview.recorded
    assert shop.spool.records == []
    assert shop.people.same == {}
    real = shop.decider.offers(request_of_c1)
    assert real.decision.decision_id != preview.decision.decision_id
    assert _ids(real) == _ids(preview)


def test_bytes_of_another_version_are_passed_over(shop: Any, request_of_c1: OfferRequest) -> None:
    shop.decider.offers(request_of_c1)
    ((key, (until, _)),) = shop.people.same.items()
    shop.people.same[key] = (until, b"\xc1odd")
    assert _ids(shop.decider.offers(request_of_c1))
