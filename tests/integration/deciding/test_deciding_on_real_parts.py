"""The use case on a real server, a real spool and real artifacts."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

from offers.deciding.remembering import same_field
from offers.deciding.request import OfferRequest, PicksRequest
from offers.domain.ids import Person
from offers.state.configuration import Change


def _ids(answer: Any) -> list[str]:
    return [offer.item_id for offer in answer.decision.offers]


def _until(what: Any, seconds: float = 3.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.01)


def test_a_decision_is_in_the_spool_before_it_is_answered(site: Any) -> None:
    worker = site.worker()
    site.bought("c:c1", ("novel", 2, 60))
    answer = worker.decider.offers(
        OfferRequest("checkout", customer_id="c1", cart=site.shops.Shop.cart("tent"), currency="USD")
    )
    (event,) = site.recorded()
    assert event.event_id == answer.decision.decision_id
    assert [o["item_id"] for o in event.params["offers"]] == _ids(answer)
    assert _ids(answer)[:3] == ["pegs", "rope", "tent-plus"]
    assert answer.decision.model_version == site.registry.current()


def test_workers_agree_on_the_same_request(site: Any) -> None:
    one, two = site.worker(), site.worker()
    request = OfferRequest("checkout", customer_id="c1", cart=site.shops.Shop.cart("tent"))
    first = one.decider.offers(request)
    field = same_field(request, 4)
    _until(lambda: two.people.fetch("c1", None, field).same is not None)
    second = two.decider.offers(request)
    assert second.repeated
    assert second.decision.decision_id == first.decision.decision_id
    assert len(site.recorded()) == 1


def test_stock_and_price_of_the_live_catalogue(site: Any) -> None:
    worker = site.worker()
    request = OfferRequest("checkout", cart=site.shops.Shop.cart("tent"))
    assert _ids(worker.decider.offers(request))[0] == "pegs"
    site.change("pegs", stock=0)
    worker.catalogue.refresh(site.store)
    assert _ids(worker.decider.offers(request))[0] == "rope"


def test_a_purchase_changes_the_next_picks(site: Any) -> None:
    worker = site.worker()
    letter = PicksRequest(Person("c", "c1"), limit=4)
    before = _ids(worker.decider.picks(letter))
    site.bought("c:c1", (before[0], 1, 0))
    after = _ids(worker.decider.picks(letter))
    assert before[0] not in after
    assert after != before


def test_a_letter_is_frozen_for_all_workers(site: Any) -> None:
    letter = PicksRequest(Person("c", "c1"), message_id="m1", limit=4, min=2)
    workers = [site.worker() for _ in range(3)]
    answers: list[Any] = []
    gate = threading.Barrier(3)

    def ask(worker: Any) -> None:
        gate.wait()
        answers.append(worker.decider.picks(letter))

    threads = [threading.Thread(target=ask, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer.decision.decision_id for answer in answers}) == 1
    assert all(answer.frozen for answer in answers)
    assert answers[0].decision.decision_id in {event.event_id for event in site.recorded()}
    site.bought("c:c1", ("lamp", 4, 0))
    again = workers[0].decider.picks(letter)
    assert again.decision.decision_id == answers[0].decision.decision_id
    assert [o.item_id for o in again.decision.offers if o.item_id != "lamp"] == [
        i for i in _ids(answers[0]) if i != "lamp"
    ]


def test_a_switch_reaches_the_decider(site: Any) -> None:
    worker = site.worker()
    worker.configuration.apply([Change("off", "checkout")], 1)
    worker.configuration.refresh()
    answer = worker.decider.offers(OfferRequest("checkout", customer_id="c1"))
    assert answer.decision.fallback == "switched_off"
    assert _ids(answer) == []
    assert answer.recorded


def test_a_server_that_does_not_answer(site: Any, server: Any) -> None:
    worker = site.worker(timeout=0.05)
    site.bought("c:c1", ("lamp", 1, 0))

    def asked(cart: str) -> Any:
        return worker.decider.offers(
            OfferRequest("checkout", customer_id="c1", cart=site.shops.Shop.cart(cart), deadline_ms=150)
        )

    assert asked("tent").decision.fallback is None
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        for cart in ("pegs", "rope", "novel"):
            began = time.monotonic()
            answer = asked(cart)
            assert time.monotonic() - began < 0.15
            assert answer.decision.fallback == "history_unavailable"
            assert answer.recorded
            assert _ids(answer)
        began = time.monotonic()
        assert _ids(worker.decider.page(OfferRequest("checkout", customer_id="c1"), ["a", "b"])[0])
        assert time.monotonic() - began < 0.15
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    _until(lambda: asked("novel").decision.fallback is None)
    assert "lamp" not in _ids(asked("novel"))


def test_a_model_is_swapped_while_requests_run(site: Any) -> None:
    worker = site.worker()
    versions = [site.registry.current()]
    stop = threading.Event()
    answered: list[Any] = []
    faults: list[BaseException] = []

    def ask(name: str) -> None:
        n = 0
        try:
            while not stop.is_set():
                n += 1
                request = OfferRequest("checkout", customer_id=f"{name}-{n}", cart=site.shops.Shop.cart("tent"))
                answered.append(worker.decider.offers(request))
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=ask, args=(f"t{i}",)) for i in range(3)]
    for thread in threads:
        thread.start()
    for seed in (2, 3, 4):
        time.sleep(0.1)
        versions.append(site.train(seed))
        worker.models.refresh()
    time.sleep(0.1)
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert {answer.decision.model_version for answer in answered} == set(versions)
    assert all(answer.decision.fallback is None and len(_ids(answer)) == 4 for answer in answered)
    assert worker.decider.offers(OfferRequest("checkout")).decision.model_version == versions[-1]
    decisions = [answer.decision.decision_id for answer in answered]
    recorded = [event.event_id for event in site.recorded()]
    assert set(decisions) <= set(recorded)
    assert len(recorded) == len(set(recorded))


def test_a_visitor_and_the_customer_it_belongs_to_are_one_person(site: Any) -> None:
    worker = site.worker()
    site.bought("c:c1", ("novel", 1, 3000))
    site.joined("v1", "c1")
    answer = worker.decider.offers(OfferRequest("checkout", visitor_id="v1", limit=50))
    assert answer.decision.person_key == "c:c1"
    assert "novel" not in _ids(answer)
    (event,) = site.recorded()
    assert (event.customer_id, event.visitor_id) == ("c1", "v1")
