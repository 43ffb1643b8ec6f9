"""Letters: frozen, rendered anew, all or nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from offers.deciding.remembering import stored_decision
from offers.deciding.request import PicksRequest
from offers.domain.ids import Person

LETTER = PicksRequest(Person("c", "c1"), message_id="m1", limit=4, min=3)


def _ids(answer: Any) -> list[str]:
    return [offer.item_id for offer in answer.decision.offers]


@pytest.fixture
def reader(shop: Any) -> Any:
    shop.bought("c1", ("novel", 2, 60), ("gas", 4, 20))
    return shop


def test_a_letter_stays_what_it_was(reader: Any) -> None:
    first = reader.decider.picks(LETTER)
    assert first.frozen
    reader.bought("c1", ("lamp", 5, 0), ("tent", 1, 0))
    reader.clock.advance(40 * 86_400)
    second = reader.decider.picks(LETTER)
    assert second.frozen
    assert second.decision.decision_id == first.decision.decision_id
    assert _ids(second) == _ids(first)
    assert len(reader.spool.records) == 1
    assert reader.spool.events[0].params["message_id"] == "m1"


def test_what_is_bought_from_a_letter_stays_in_it_and_leaves_the_next(reader: Any) -> None:
    first = [o.item_id for o in reader.decider.picks(LETTER).decision.offers]
    reader.bought(LETTER.person.id, (first[0], 1, 0))
    assert [o.item_id for o in reader.decider.picks(LETTER).decision.offers] == first
    following = reader.decider.picks(replace(LETTER, message_id="the-next"))
    assert first[0] not in [o.item_id for o in following.decision.offers]


def test_another_letter_or_placement_is_decided_for_itself(reader: Any) -> None:
    answers = [LETTER, replace(LETTER, message_id="m2"), replace(LETTER, placement="email-2")]
    assert len({reader.decider.picks(a).decision.decision_id for a in answers}) == 3


def test_without_a_message_id_nothing_is_frozen(reader: Any) -> None:
    request = replace(LETTER, message_id=None)
    first, second = reader.decider.picks(request), reader.decider.picks(request)
    assert not first.frozen
    assert reader.people.letters == {}
    assert first.decision.decision_id != second.decision.decision_id


def test_a_purchase_changes_the_next_picks(reader: Any) -> None:
    request = replace(LETTER, message_id=None)
    before = _ids(reader.decider.picks(request))
    bought = before[0]
    reader.bought("c1", ("novel", 2, 60), ("gas", 4, 20), (bought, 1, 0))
    assert bought not in _ids(reader.decider.picks(request))


def test_what_sold_out_is_left_out_and_not_replaced(reader: Any) -> None:
    first = _ids(reader.decider.picks(LETTER))
    reader.change(first[1], stock=0)
    assert _ids(reader.decider.picks(LETTER)) == [first[0], *first[2:]]


def test_fewer_than_min_is_nothing(reader: Any) -> None:
    first = _ids(reader.decider.picks(LETTER))
    for item_id in first[:2]:
        reader.change(item_id, stock=0)
    assert _ids(reader.decider.picks(LETTER)) == []
    assert len(_ids(reader.decider.picks(replace(LETTER, min=2)))) == 2
    nothing = reader.decider.picks(replace(LETTER, message_id="m2", limit=3, min=50))
    assert _ids(nothing) == []
    assert reader.spool.events[-1].params["offers"] == []


def test_of_two_at_once_the_first_stands(reader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    other = reader.decider.picks(replace(LETTER, message_id="other", limit=3)).decision
    monkeypatch.setattr(reader.people, "freeze", lambda *args: stored_decision(other))
    answer = reader.decider.picks(LETTER)
    assert answer.frozen
    assert answer.decision.decision_id == other.decision_id
    assert _ids(answer) == [offer.item_id for offer in other.offers]


def test_a_letter_that_was_not_recorded_is_not_frozen(reader: Any) -> None:
    reader.spool.full = True
    assert not reader.decider.picks(LETTER).frozen
    assert reader.people.letters == {}


def test_a_preview_freezes_nothing(reader: Any) -> None:
    answer = reader.decider.picks(replace(LETTER, preview=True))
    assert len(_ids(answer)) == 4
    assert not answer.frozen
    assert reader.people.letters == {}
    assert reader.spool.records == []


def test_email_takes_turns_of_taste_and_repeats(reader: Any) -> None:
    relations = [offer.relation for offer in reader.decider.picks(LETTER).decision.offers]
    assert relations == ["next_best", "next_best", "repeat", "next_best"]


def test_ranks_the_whole_model(shops: Any, clock: Any, model: Any) -> None:
    """The order is that of all inner products, the filters apart."""
    import numpy as np

    from offers.ranking.foldin import fold_in
    from offers.ranking.weights import confidence

    shop = shops.make_shop(clock, model)
    shop.bought("c1", ("lamp", 2, 10))
    request = PicksRequest(Person("c", "c1"), relations=("next_best",), limit=50, currency="USD")
    found = [o.item_id for o in shop.decider.picks(request).decision.offers if o.reason.code == "similar_taste"]
    vocabulary = list(model.item_ids)
    weight = np.array([confidence(2.0, 10.0, model.confidence_weight, model.half_life_days)], np.float32)
    y = np.asarray(model.factors)
    vector = fold_in(y[[vocabulary.index("lamp")]], weight, np.asarray(model.gram), model.regularization)
    ranked = [vocabulary[i] for i in np.argsort(-(y @ vector))]
    assert found == [item_id for item_id in ranked if item_id in set(found)]
    assert found[0] == next(i for i in ranked if i not in {"lamp", "stove", "axe", "unpriced", "delisted"})
