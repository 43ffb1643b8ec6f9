"""It always answers: one step down at a time, and says so."""

from __future__ import annotations

from typing import Any

import pytest

from offers.deciding.request import OfferRequest, PicksRequest
from offers.domain.ids import Person
from offers.domain.offer import FALLBACKS


def _ids(answer: Any) -> list[str]:
    return [offer.item_id for offer in answer.decision.offers]


@pytest.fixture
def request_of_c1(shop: Any) -> OfferRequest:
    return OfferRequest("checkout", customer_id="c1", cart=shop.cart("tent"), limit=4)


def test_without_history_the_cart_has_to_do(shop: Any, request_of_c1: OfferRequest) -> None:
    shop.people.away = True
    answer = shop.decider.offers(request_of_c1)
    assert answer.decision.fallback == "history_unavailable"
    assert _ids(answer)[:2] == ["pegs", "rope"]
    assert answer.recorded


def test_and_it_recovers_by_itself(shop: Any, request_of_c1: OfferRequest) -> None:
    shop.people.away = True
    during = shop.decider.offers(request_of_c1)
    assert shop.decider.offers(request_of_c1).decision.decision_id == during.decision.decision_id
    shop.people.away = False
    after = shop.decider.offers(request_of_c1)
    assert after.decision.fallback is None
    assert after.decision.decision_id != during.decision.decision_id


def test_a_decision_of_before_stands_while_history_is_away(shop: Any, request_of_c1: OfferRequest) -> None:
    before = shop.decider.offers(request_of_c1)
    shop.people.away = True
    during = shop.decider.offers(request_of_c1)
    assert during.decision.decision_id == before.decision.decision_id
    assert during.decision.fallback == "history_unavailable"


def test_after_the_deadline_only_what_is_popular(shop: Any, request_of_c1: OfferRequest) -> None:
    shop.people.slow = 0.2
    answer = shop.decider.offers(request_of_c1)
    assert answer.decision.fallback == "deadline"
    assert {offer.reason.code for offer in answer.decision.offers} == {"popular"}
    assert answer.recorded
    shop.people.slow = 0.0
    assert shop.decider.offers(request_of_c1).decision.fallback is None


def test_a_deadline_of_the_request_counts(shop: Any) -> None:
    shop.people.slow = 0.2
    request = OfferRequest("checkout", customer_id="c1", cart=shop.cart("tent"), deadline_ms=500)
    assert shop.decider.offers(request).decision.fallback is None


def test_blocks_of_a_page_share_the_deadline(shop: Any) -> None:
    shop.people.slow = 0.1
    request = OfferRequest("checkout", customer_id="c1", cart=shop.cart("tent"))
    shop.bought("c1", ("novel", 1, 3000))
    answers = shop.decider.page(request, ["checkout", "home", "footer"])
    assert [a.decision.fallback for a in answers] == [None, "deadline", "deadline"]
    # The last block had no time to read the history, and still does not offer what was bought for good.
    assert shop.people.fetched == 2
    assert all("novel" not in _ids(a) for a in answers)


def test_without_a_model(shops: Any, clock: Any, model: Any) -> None:
    shop = shops.make_shop(clock, None)
    shop.bought("c1", ("gas", 6, 10))
    request = OfferRequest("checkout", customer_id="c1", cart=shop.cart("tent"), limit=6)
    answer = shop.decider.offers(request)
    assert answer.decision.fallback == "no_model"
    assert answer.decision.model_version is None
    assert answer.decision.offers[0].relation == "upsell"
    assert len(answer.decision.offers) == 6
    assert {o.reason.code for o in answer.decision.offers[1:]} == {"assortment"}
    assert shop.decider.offers(request).repeated
    shop.slot.current = model
    after = shop.decider.offers(request)
    assert after.decision.fallback is None
    assert after.decision.model_version == model.version


def test_a_placement_that_is_switched_off(shop: Any, request_of_c1: OfferRequest) -> None:
    shop.decider.offers(request_of_c1)
    shop.switches.off.add("checkout")
    answer = shop.decider.offers(request_of_c1)
    assert answer.decision.offers == ()
    assert answer.decision.fallback == "switched_off"
    assert answer.recorded
    assert shop.spool.events[-1].params["fallback"] == "switched_off"
    shop.switches.off.clear()
    assert shop.decider.offers(request_of_c1).decision.offers


def test_a_full_disk_still_answers_and_says_so(shop: Any, request_of_c1: OfferRequest) -> None:
    shop.spool.full = True
    answer = shop.decider.offers(request_of_c1)
    assert len(answer.decision.offers) == 4
    assert not answer.recorded
    shop.spool.full = False
    again = shop.decider.offers(request_of_c1)
    assert again.recorded
    assert not again.repeated
    assert len(shop.spool.records) == 1


def test_a_fault_of_ours_is_an_answer_of_what_is_popular(
    shop: Any, request_of_c1: OfferRequest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fault(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("offers.deciding.decide.choose", fault)
    answer = shop.decider.offers(request_of_c1)
    assert answer.decision.fallback == "failure"
    assert len(answer.decision.offers) == 4
    assert not {"tent", "stove", "unpriced"} & set(_ids(answer))
    assert "deciding failed" in caplog.text
    monkeypatch.setattr("offers.deciding.decide.situate", fault)
    nothing = shop.decider.offers(request_of_c1)
    assert nothing.decision.offers == ()
    assert nothing.decision.fallback == "failure"
    assert nothing.recorded


def test_a_history_that_cannot_be_read_is_no_history(
    shop: Any, request_of_c1: OfferRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*args: object) -> None:
        raise ValueError

    monkeypatch.setattr(shop.people, "fetch", fault)
    assert shop.decider.offers(request_of_c1).decision.fallback == "history_unavailable"


def test_the_gravest_step_is_named(shops: Any, clock: Any) -> None:
    shop = shops.make_shop(clock, None)
    shop.people.away, shop.people.slow = True, 1.0
    answer = shop.decider.offers(OfferRequest("checkout", customer_id="c1"))
    assert answer.decision.fallback == "no_model"
    assert FALLBACKS.index("no_model") > FALLBACKS.index("deadline") > FALLBACKS.index("history_unavailable")


def test_a_letter_is_not_frozen_while_the_server_is_away(shop: Any) -> None:
    shop.people.away = True
    answer = shop.decider.picks(PicksRequest(Person("c", "c1"), message_id="m1"))
    assert answer.decision.fallback == "history_unavailable"
    assert not answer.frozen
    assert shop.people.letters == {}


def test_an_empty_catalogue(shops: Any, clock: Any, model: Any) -> None:
    for found in (model, None):
        answer = shops.make_shop(clock, found, ()).decider.offers(OfferRequest("checkout", customer_id="c1"))
        assert answer.decision.offers == ()
        assert answer.recorded
