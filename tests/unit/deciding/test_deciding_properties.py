"""What holds for every catalogue, history and cart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offers.artifact.model import Model
from offers.clock import HeldClock
from offers.deciding.request import OfferRequest, PicksRequest
from offers.domain.ids import Person
from offers.domain.offer import RELATIONS, CartLine

pytestmark = pytest.mark.filterwarnings("error")
NOW = 1_772_452_800_000_000
SETTINGS = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PLACEMENTS = ("checkout", "email", "product", "order_status", "home")


@st.composite
def worlds(draw: st.DrawFn, shops: Any) -> dict[str, Any]:
    """A catalogue in some state, what somebody bought, and a request."""
    ids = [item.item_id for item in shops.ITEMS]
    some = st.lists(st.sampled_from(ids), max_size=6, unique=True)
    items = [
        replace(
            item,
            stock=draw(st.sampled_from([None, 0.0, 5.0])),
            replenishable=draw(st.sampled_from([None, True, False])),
            group=draw(st.sampled_from([None, None, "g1", "g2"])),
            currency=draw(st.sampled_from(["USD", "USD", "EUR"])),
        )
        for item in shops.ITEMS
        if draw(st.integers(0, 9)) > 0
    ]
    history = [(i, draw(st.integers(1, 9)), draw(st.integers(0, 60))) for i in draw(some)]
    request = OfferRequest(
        draw(st.sampled_from(PLACEMENTS)),
        customer_id="c1",
        limit=draw(st.integers(1, 12)),
        cart=tuple(CartLine(i, 1.0, draw(st.sampled_from([None, 900, 10_000]))) for i in draw(some)),
        currency=draw(st.sampled_from([None, "USD", "EUR"])),
        exclude=frozenset(draw(some)),
        context=draw(st.sampled_from([{}, {"item_id": "tent"}, {"item_id": 7}])),
        relations=draw(st.sampled_from([None, None, RELATIONS, ("upsell",), ("substitute", "repeat")])),
        explain=draw(st.booleans()),
    )
    return {"items": items, "history": history, "request": request, "away": draw(st.integers(0, 9)) == 0}


def _make(shops: Any, model: Model | None, world: dict[str, Any]) -> Any:
    shop = shops.make_shop(HeldClock(NOW), model, world["items"])
    shop.bought("c1", *world["history"])
    shop.people.away = world["away"]
    return shop


def _check(shop: Any, world: dict[str, Any], offers: tuple[Any, ...]) -> None:
    request: OfferRequest = world["request"]
    items = {item.item_id: item for item in world["items"]}
    in_cart = {line.item_id for line in request.cart}
    groups = [items[o.item_id].group for o in offers if items[o.item_id].group is not None]
    assert len(offers) <= request.limit
    assert len({o.item_id for o in offers}) == len(offers)
    assert len(set(groups)) == len(groups)
    assert [o.rank for o in offers] == list(range(1, len(offers) + 1))
    for offer in offers:
        item = items[offer.item_id]
        assert item.offerable
        assert offer.item_id not in in_cart | request.exclude
        assert offer.item_id != request.page_item
        assert request.currency in (None, item.currency)
        assert 0.0 <= offer.score <= 1.0
        if not world["away"]:
            for bought, _, days in world["history"]:
                if bought == offer.item_id:
                    assert item.replenishable is True or (item.replenishable is None and days >= 30)
        if offer.relation == "upsell":
            line = next(n for n in request.cart if n.item_id == offer.replaces)
            paid = line.price or items[offer.replaces].price
            assert paid < item.price <= 1.6 * paid
            assert offer.reason.facts["price_difference"] == item.price - paid
        if request.relations is not None:
            assert offer.relation in request.relations
    upsold = [o.replaces for o in offers if o.relation == "upsell"]
    assert len(set(upsold)) == len(upsold)


@SETTINGS
@given(data=st.data())
def test_nothing_forbidden_ever_appears(shops: Any, model: Model, data: st.DataObject) -> None:
    world = data.draw(worlds(shops))
    found = _make(shops, data.draw(st.sampled_from([model, None])), world)
    offers = found.decider.offers(world["request"]).decision.offers
    _check(found, world, offers)
    again = found.decider.offers(world["request"])
    assert again.repeated
    assert again.decision.offers == offers or {o.item_id for o in again.decision.offers} == {o.item_id for o in offers}
    assert len(found.spool.records) == 1


@SETTINGS
@given(data=st.data())
def test_letters_keep_to_the_same(shops: Any, model: Model, data: st.DataObject) -> None:
    world = data.draw(worlds(shops))
    asked: OfferRequest = replace(world["request"], cart=(), context={})
    world["request"] = asked
    found = _make(shops, model, world)
    least = data.draw(st.integers(0, asked.limit or 1))
    letter = PicksRequest(
        Person("c", "c1"),
        placement=asked.placement,
        message_id="m",
        limit=asked.limit,
        min=least,
        currency=asked.currency,
        exclude=asked.exclude,
        relations=asked.relations,
    )
    first = found.decider.picks(letter)
    _check(found, world, first.decision.offers)
    assert len(first.decision.offers) >= least or not first.decision.offers
    if not world["away"]:
        assert found.decider.picks(letter).decision.offers == tuple(
            replace(o, reason=replace(o.reason, facts={})) if o.relation != "upsell" else o
            for o in first.decision.offers
        )


@SETTINGS
@given(data=st.data())
def test_the_order_of_requests_cannot_matter(shops: Any, model: Model, data: st.DataObject) -> None:
    world = data.draw(worlds(shops))
    asked = [replace(world["request"], customer_id=c, placement=p) for c in ("c1", "c2") for p in PLACEMENTS[:3]]
    one, two = _make(shops, model, world), _make(shops, model, world)
    here = {(r.customer_id, r.placement): one.decider.offers(r) for r in asked}
    for request in data.draw(st.permutations(asked)):
        there = two.decider.offers(request)
        expected = here[(request.customer_id, request.placement)].decision
        assert [(o.item_id, o.relation, o.score, o.reason) for o in there.decision.offers] == [
            (o.item_id, o.relation, o.score, o.reason) for o in expected.offers
        ]


@SETTINGS
@given(data=st.data())
def test_what_stands_is_a_part_of_what_was_decided(shops: Any, model: Model, data: st.DataObject) -> None:
    world = data.draw(worlds(shops))
    found = _make(shops, model, world)
    first = [o.offer_id for o in found.decider.offers(world["request"]).decision.offers]
    changed = [replace(i, stock=data.draw(st.sampled_from([0.0, 3.0]))) for i in world["items"]]
    found.catalogue.apply(changed)
    second = found.decider.offers(world["request"]).decision.offers
    assert [o.offer_id for o in second] == [i for i in first if i in {o.offer_id for o in second}]
    sold_out = {item.item_id for item in changed if not item.offerable}
    assert not sold_out & {o.item_id for o in second}
