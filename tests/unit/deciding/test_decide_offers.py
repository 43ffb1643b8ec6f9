"""What is offered: relations, exclusions, order."""

from __future__ import annotations

from typing import Any

import pytest

from offers.deciding.answer import Answer
from offers.deciding.request import OfferRequest


def ids(answer: Answer) -> list[str]:
    return [offer.item_id for offer in answer.decision.offers]


def by_relation(answer: Answer) -> list[tuple[str, str]]:
    return [(offer.relation, offer.item_id) for offer in answer.decision.offers]


def test_checkout_completes_the_cart_first(shop: Any) -> None:
    answer = shop.decider.offers(OfferRequest("checkout", cart=shop.cart("tent"), limit=4, currency="USD"))
    # The stove is out of stock, the twin is another tent, the axe is in euros.
    assert by_relation(answer)[:3] == [("cross_sell", "pegs"), ("cross_sell", "rope"), ("upsell", "tent-plus")]
    assert answer.decision.offers[3].relation == "next_best"
    assert answer.decision.fallback is None
    assert answer.recorded
    assert [offer.rank for offer in answer.decision.offers] == [1, 2, 3, 4]
    assert [offer.offer_id for offer in answer.decision.offers] == [
        f"{answer.decision.decision_id}-{rank}" for rank in (1, 2, 3, 4)
    ]


def test_reason_of_a_complement_names_the_lines_and_the_baskets(shop: Any) -> None:
    answer = shop.decider.offers(OfferRequest("checkout", cart=shop.cart("lamp", "tent"), relations=("cross_sell",)))
    rope = next(offer for offer in answer.decision.offers if offer.item_id == "rope")
    assert rope.reason.code == "bought_together"
    assert rope.reason.because == ("tent", "lamp")
    assert rope.reason.facts == {"together": 70.0, "baskets": 200.0}


def test_upsell_names_the_line_it_replaces_and_the_difference(shop: Any) -> None:
    answer = shop.decider.offers(OfferRequest("checkout", cart=shop.cart(("tent", 9_900)), relations=("upsell",)))
    (offer,) = answer.decision.offers
    assert (offer.item_id, offer.replaces) == ("tent-plus", "tent")
    assert offer.reason.facts == {"price_difference": 3_100.0}


def test_at_most_one_upsell_for_a_line(shop: Any) -> None:
    answer = shop.decider.offers(OfferRequest("checkout", cart=shop.cart("tent", "lamp"), relations=("upsell",)))
    assert [(o.item_id, o.replaces) for o in answer.decision.offers] == [("tent-plus", "tent"), ("lamp-pro", "lamp")]


def test_what_is_often_bought_with_a_line_is_no_version_of_it(shop: Any) -> None:
    # The twin is bought with 90 of 200 baskets with a tent: two of a kind, not one instead of the other.
    shop.change("tent-twin", price=12_000)
    answer = shop.decider.offers(
        OfferRequest("checkout", cart=shop.cart("tent"), relations=("upsell",), exclude=frozenset({"tent-plus"}))
    )
    assert ids(answer) == ["tent-pro"]


def test_items_in_the_cart_or_excluded_never_appear(shop: Any) -> None:
    request = OfferRequest(
        "checkout", cart=shop.cart("tent", "pegs"), exclude=frozenset({"rope", "no-such-item"}), limit=50
    )
    assert not {"tent", "pegs", "rope"} & set(ids(shop.decider.offers(request)))


@pytest.mark.parametrize(
    ("item", "days", "appears"),
    [("novel", 3000, False), ("pegs", 29, False), ("pegs", 31, True), ("gas", 1, True)],
    ids=["never replenished", "unknown, too early", "unknown, in time", "replenished"],
)
def test_already_bought(shop: Any, item: str, days: int, appears: bool) -> None:
    shop.bought("c1", (item, 1, days), ("atlas", 1, 400), ("lamp", 1, 400))
    answer = shop.decider.offers(OfferRequest("checkout", customer_id="c1", limit=50))
    assert (item in ids(answer)) is appears


def test_one_item_of_a_group(shop: Any) -> None:
    for placement in ("checkout", "email", "other"):
        found = ids(shop.decider.offers(OfferRequest(placement, cart=shop.cart("tent"), limit=50)))
        assert len({"mug-red", "mug-blue"} & set(found)) == 1
    assert not {"mug-red", "mug-blue"} & set(
        ids(shop.decider.offers(OfferRequest("other", cart=shop.cart("mug-red"), limit=50)))
    )


def test_only_the_currency_that_was_asked_for(shop: Any) -> None:
    assert ids(shop.decider.offers(OfferRequest("checkout", limit=50, currency="EUR"))) == ["axe"]
    assert "axe" in ids(shop.decider.offers(OfferRequest("checkout", limit=50)))


def test_a_product_page_offers_what_can_stand_in(shop: Any) -> None:
    answer = shop.decider.offers(OfferRequest("product", context={"item_id": "tent"}, limit=4))
    # Within a quarter of 10,000 is the twin alone, but it is bought with the tent: see the previous tests.
    assert by_relation(answer)[0] == ("cross_sell", "pegs")
    shop.change("tent-plus", price=11_000)
    answer = shop.decider.offers(OfferRequest("product", context={"item_id": "tent"}, limit=4))
    assert (answer.decision.offers[0].relation, answer.decision.offers[0].item_id) == ("substitute", "tent-plus")
    assert answer.decision.offers[0].replaces == "tent"
    assert "tent" not in ids(answer)


def test_a_line_out_of_stock_gets_a_substitute(shop: Any) -> None:
    shop.change("lamp-pro", price=3_500)
    request = OfferRequest("checkout", cart=shop.cart("lamp"), relations=("substitute",))
    assert ids(shop.decider.offers(request)) == []
    shop.change("lamp", stock=0)
    assert ids(shop.decider.offers(OfferRequest("cart", cart=shop.cart("lamp"), relations=("substitute",)))) == [
        "lamp-pro"
    ]


def test_taste_leads_the_rest(shop: Any) -> None:
    shop.bought("reader", ("novel", 3, 60))
    shop.bought("camper", ("lamp", 3, 60))
    reader = ids(shop.decider.offers(OfferRequest("home", customer_id="reader", relations=("next_best",), limit=2)))
    camper = ids(shop.decider.offers(OfferRequest("home", customer_id="camper", relations=("next_best",), limit=2)))
    assert set(reader) <= {"novel-2", "atlas", "bookmark"}
    assert not set(camper) & {"novel", "novel-2", "atlas", "bookmark"}


def test_reason_of_taste_names_what_it_comes_from(shop: Any) -> None:
    shop.bought("reader", ("novel", 3, 60))
    answer = shop.decider.offers(OfferRequest("home", customer_id="reader", relations=("next_best",), limit=1))
    assert answer.decision.offers[0].reason.code == "similar_taste"
    assert answer.decision.offers[0].reason.because == ("novel",)


def test_what_is_due_is_repeated(shop: Any) -> None:
    shop.bought("c1", ("gas", 6, 10), ("atlas", 1, 5))
    answer = shop.decider.offers(OfferRequest("email", customer_id="c1", relations=("repeat",)))
    assert by_relation(answer) == [("repeat", "gas")]
    assert answer.decision.offers[0].reason.code == "bought_before"


def test_the_latest_order_stands_in_for_an_empty_cart(shop: Any) -> None:
    shop.bought("c1", ("tent", 1, 2), ("novel", 1, 50))
    answer = shop.decider.offers(OfferRequest("order_status", customer_id="c1", relations=("cross_sell",)))
    assert ids(answer)[:2] == ["pegs", "rope"]


def test_a_stranger_gets_what_is_popular(shop: Any) -> None:
    answer = shop.decider.offers(OfferRequest("checkout", customer_id="nobody", cart=shop.cart("no-such-item")))
    assert len(answer.decision.offers) == 4
    assert {offer.reason.code for offer in answer.decision.offers} == {"popular"}
    assert answer.decision.fallback is None
    assert [(w.pointer, w.code) for w in answer.warnings] == [("/cart/0/item_id", "unknown_item")]


def test_relations_named_by_the_request_are_all_that_is_offered(shop: Any) -> None:
    assert ids(shop.decider.offers(OfferRequest("checkout", cart=shop.cart("tent"), relations=()))) == []
    answer = shop.decider.offers(OfferRequest("checkout", cart=shop.cart("lamp"), relations=("cross_sell",), limit=50))
    assert {offer.relation for offer in answer.decision.offers} == {"cross_sell"}


@pytest.mark.parametrize(("asked", "given"), [(None, 4), (0, 1), (1, 1), (7, 7), (500, 50)])
def test_limit(shop: Any, shops: Any, clock: Any, model: Any, asked: int | None, given: int) -> None:
    many = [shops.Item(f"n{i}", f"N{i}", 100 + i) for i in range(60)]
    crowded = shops.make_shop(clock, model, (*shops.ITEMS, *many))
    assert len(ids(crowded.decider.offers(OfferRequest("checkout", limit=asked)))) == given


def test_no_category_takes_more_than_half(shop: Any, shops: Any, clock: Any, model: Any) -> None:
    answer = shop.decider.offers(OfferRequest("home", limit=4))
    categories = [shop.catalogue.category[shop.catalogue.row_of[item_id]] for item_id in ids(answer)]
    assert max(map(categories.count, categories)) <= 2
    tents = shops.make_shop(clock, model, [i for i in shops.ITEMS if i.item_id.startswith("tent")])
    assert len(ids(tents.decider.offers(OfferRequest("home", limit=4)))) == 4


def test_explain_tells_what_was_dropped_and_by_which_step(shop: Any) -> None:
    shop.bought("c1", ("pegs", 1, 3))
    request = OfferRequest(
        "checkout",
        customer_id="c1",
        cart=shop.cart("tent"),
        currency="USD",
        exclude=frozenset({"rope"}),
        explain=True,
    )
    dropped = {d.item_id: d.step for d in shop.decider.offers(request).decision.dropped}
    assert dropped["stove"] == "unavailable"
    assert dropped["tent-twin"] == "near_substitute"
    assert dropped["pegs"] == "already_bought"
    assert dropped["rope"] == "excluded"
    assert dropped["axe"] == "currency"
    again = {d.item_id: d.step for d in shop.decider.offers(request).decision.dropped}
    assert again == dropped


def test_blocks_of_a_page_do_not_repeat(shop: Any) -> None:
    request = OfferRequest("checkout", customer_id="c1", cart=shop.cart("tent"), limit=3)
    placements = ["checkout", "product", "home"]
    answers = shop.decider.page(request, placements)
    found = [item_id for answer in answers for item_id in ids(answer)]
    assert len(found) == len(set(found)) == 9
    assert [a.decision.placement for a in answers] == placements
    assert not {"mug-red", "mug-blue"} <= set(found)
    assert [ids(a) for a in shop.decider.page(request, placements)] == [ids(a) for a in answers]
    assert len(shop.spool.records) == 3
