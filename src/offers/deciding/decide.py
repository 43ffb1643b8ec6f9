"""The use case: who asks, was it answered already, what can be offered, keep it for the ledger, answer.

It always answers. What cannot be had (history, model, time) takes the answer one step down
:data:`offers.domain.offer.FALLBACKS`, and the answer says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from offers.artifact.model import Model
from offers.clock import Clock
from offers.deciding.again import what_stands
from offers.deciding.answer import Answer
from offers.deciding.choosing import Choice, choose, gate_of, popular_only
from offers.deciding.course import Course, Known
from offers.deciding.decision_ids import new_decision_id
from offers.deciding.ports import People, Recorder, Switches
from offers.deciding.recording import record
from offers.deciding.remembering import Memory, load_decision, same_field, stored_decision
from offers.deciding.request import MAX_LIMIT, OfferRequest, PicksRequest
from offers.deciding.serving_model import ServingModels, Slot
from offers.deciding.shelves import Shelves
from offers.deciding.situation import Situation, situate
from offers.domain.ids import Person
from offers.domain.offer import Decision
from offers.errors import Busy, StateUnavailable
from offers.settings import Settings
from offers.state.catalogue import Catalogue

__all__ = ["Decider"]

_log = logging.getLogger(__name__)

NEWEST_AT_CHECKOUT = 64
"""Items of a history that become taste where a customer waits; letters take all 200. For speed: of 600 checkouts on the
demo's data 330 were answered the same with the whole history, and which serves better has not been measured."""

_FOR_DECIDING_S = 0.005
"""Of the deadline, kept for deciding while the history is waited for."""

_LEAST_WAIT_S = 0.001

_KEPT_WITH: dict[str | None, str] = {None: "", "no_model": "no_model", "history_unavailable": "history_unavailable"}
"""Fallbacks under which a decision is remembered; it is answered again only while that is still the case."""


_UNTIL_SHARED_S = 2.0
"""Time after which every worker finds a remembered decision in the shared state, with a wide margin."""


class Decider:
    """Decides for all requests of a process; safe for threads.

    ``spool`` None records nothing and says so. ``ids`` makes decision ids from µs since the epoch.
    """

    def __init__(
        self,
        people: People,
        catalogue: Catalogue,
        slot: Slot,
        spool: Recorder | None,
        configuration: Switches,
        clock: Clock,
        settings: Settings,
        ids: Callable[[int], str] = new_decision_id,
    ) -> None:
        self._people = people
        self._catalogue = catalogue
        self._models = ServingModels(slot, catalogue)
        self._spool = spool
        self._configuration = configuration
        self._clock = clock
        self._settings = settings
        self._ids = ids
        self._shelves = Shelves(catalogue, clock)
        self._memory = Memory()

    # What callers see

    def prepare(self, model: Model) -> None:
        """Join a model to the catalogue before it is published, so that no request pays for it."""
        self._models.join(model)

    def offers(self, request: OfferRequest) -> Answer:
        """Offers for one placement."""
        return self._offers(self._course(request, request.deadline_ms))

    def page(self, request: OfferRequest, placements: Sequence[str]) -> list[Answer]:
        """Offers for several blocks of one page, in order, within one deadline and without repeats."""
        course = self._course(request, request.deadline_ms)
        answers: list[Answer] = []
        shown: list[int] = []
        for place, placement in enumerate(placements):
            of_block = replace(
                course,
                request=replace(request, placement=placement),
                shown=tuple(shown),
                blocks=tuple(placements[:place]),
                steps_down=set(),
            )
            answer = self._offers(of_block)
            if of_block.view is not None:
                course.known = Known(of_block.view.person, of_block.view.items)
            shown += [self._catalogue.row_of[offer.item_id] for offer in answer.decision.offers]
            answers.append(answer)
        return answers

    def picks(self, request: PicksRequest) -> Answer:
        """Picks for one letter; with a ``message_id`` the same for as long as ``frozen_picks_days`` says."""
        known = request.person.kind == "c"
        asked = OfferRequest(
            placement=request.placement,
            customer_id=request.person.id if known else None,
            visitor_id=None if known else request.person.id,
            channel=request.channel,
            limit=request.limit,
            currency=request.currency,
            exclude=request.exclude,
            context=request.context,
            lang=request.lang,
            relations=request.relations,
            preview=request.preview,
            explain=request.explain,
        )
        course = self._course(asked, request.deadline_ms)
        course.exact, course.least, course.message_id = True, max(request.min, 0), request.message_id
        return self._picks(course)

    # The two ways through

    def _offers(self, course: Course) -> Answer:
        request = course.request
        if self._configuration.is_off(request.placement):
            return self._nothing(course)
        same = same_field(request, course.limit, course.blocks)
        self._who(course, same)
        if not request.preview:
            earlier = self._earlier(course, same)
            if earlier is not None:
                return self._again(course, earlier)
        decision, situation = self._decide(course)
        recorded = self._record(course, decision)
        if recorded and decision.fallback in _KEPT_WITH:
            self._remember(course, same, decision)
        return Answer(decision, recorded, () if situation is None else situation.warnings)

    def _picks(self, course: Course) -> Answer:
        request, message_id = course.request, course.message_id
        if self._configuration.is_off(request.placement):
            return self._nothing(course)
        self._who(course, "")
        person = course.person
        letter = None if message_id is None or person is None or request.preview else (person.key, message_id)
        if letter is not None:
            try:
                before = self._people.frozen(letter[0], request.placement, letter[1])
            except StateUnavailable:
                course.steps_down.add("history_unavailable")
                letter = None
            else:
                earlier = None if before is None else load_decision(before)
                if earlier is not None:
                    return replace(self._again(course, earlier), frozen=True)
        decision, situation = self._decide(course)
        recorded = self._record(course, decision)
        answer = Answer(decision, recorded, () if situation is None else situation.warnings)
        # First recorded, then frozen: a letter that was answered is never missing from the ledger.
        if letter is None or not recorded or decision.fallback not in (None, "no_model"):
            return answer
        blob = stored_decision(decision)
        life = self._settings.frozen_picks_days * 86_400
        try:
            stands = self._people.freeze(letter[0], request.placement, letter[1], blob, life)
        except StateUnavailable:
            return answer
        winner = decision if stands == blob else load_decision(stands)
        if winner is None or winner.decision_id == decision.decision_id:
            return replace(answer, frozen=True)
        return replace(self._again(course, winner), frozen=True)

    # Their steps

    def _course(self, request: OfferRequest, deadline_ms: int | None) -> Course:
        limit = self._settings.default_limit if request.limit is None else request.limit
        allowed_ms = self._settings.deadline_ms if deadline_ms is None else max(deadline_ms, 0)
        return Course(
            request,
            min(max(limit, 1), MAX_LIMIT),
            self._clock.now_us(),
            self._clock.monotonic() + allowed_ms / 1000,
            self._models.current(),
        )

    def _who(self, course: Course, same: str) -> None:
        """Person, history and earlier decision; without them the cart has to do.

        A block of a page whose time is up takes what the blocks before it found.
        """
        request = course.request
        if course.known is not None and self._clock.monotonic() >= course.until:
            course.view = course.known
            return
        try:
            left = max(course.until - self._clock.monotonic() - _FOR_DECIDING_S, _LEAST_WAIT_S)
            course.view = self._people.fetch(request.customer_id, request.visitor_id, same, timeout=left)
        except StateUnavailable:
            course.steps_down.add("history_unavailable")
        except Exception:  # noqa: BLE001 - history is worth an answer, not a failure
            _log.exception("the history of a person cannot be read; deciding without it")
            course.steps_down.add("history_unavailable")

    def _earlier(self, course: Course, same: str) -> Decision | None:
        """The decision to repeat: the shared one, else this process's; if it still is the best that can be had.

        The process's own bridges the moment until the server has it, and the time when the server is away; else what
        the server does not know (any more: the person was erased) is not repeated.
        """
        request = course.request
        asked = Person.of(request.customer_id, request.visitor_id)
        blob = course.view.same if course.view is not None else None
        if blob is None and asked is not None:
            life = _UNTIL_SHARED_S if course.view is not None else self._settings.same_decision_minutes * 60
            blob = self._memory.get(asked.key, same, self._clock.monotonic(), life)
        earlier = None if blob is None else load_decision(blob)
        if earlier is None:
            return None
        if earlier.fallback == "no_model" and course.serving is not None:
            return None
        if earlier.fallback == "history_unavailable" and course.view is not None:
            return None
        return earlier

    def _again(self, course: Course, earlier: Decision) -> Answer:
        """An earlier decision, as far as it may still be shown. Nothing is recorded: the ledger has it."""
        if earlier.fallback is not None:
            course.steps_down.add(earlier.fallback)
        try:
            # What was bought since does not change a letter: opened again, it shows what it showed.
            situation = self._situate(course, bars=course.message_id is None)
            gate = gate_of(course.request, situation, course.serving, self._catalogue, course.limit)
            offers, dropped = what_stands(earlier.offers, situation, self._catalogue, gate)
            if course.request.explain:
                anew = self._choose(course, situation, earlier.decision_id)
                answered = {offer.item_id for offer in earlier.offers}
                dropped += tuple(d for d in anew.dropped if d.item_id not in answered)
        except Exception:  # noqa: BLE001 - a checkout gets an answer
            _log.exception("an earlier decision cannot be answered again")
            course.steps_down.add("failure")
            return Answer(replace(earlier, offers=(), fallback=course.fallback), True, repeated=True)
        if len(offers) < course.least:
            offers = ()
        decision = replace(
            earlier, offers=offers, dropped=dropped, fallback=course.fallback, context=dict(course.request.context)
        )
        return Answer(decision, True, situation.warnings, repeated=True)

    def _decide(self, course: Course) -> tuple[Decision, Situation | None]:
        """A new decision. Faults of ours end here: the answer is then what is popular, or nothing."""
        decision_id = self._ids(course.now_us)
        choice, situation = Choice(), None
        try:
            situation = self._situate(course)
            choice = self._choose(course, situation, decision_id)
        except Exception:  # noqa: BLE001 - a checkout gets an answer
            _log.exception("deciding failed; answering with what is popular")
            course.steps_down.add("failure")
            choice = self._last_resort(course, situation, decision_id)
        if choice.late:
            course.steps_down.add("deadline")
        if course.serving is None:
            course.steps_down.add("no_model")
        if len(choice.offers) < course.least:
            choice = replace(choice, offers=())
        return self._decision(course, decision_id, choice), situation

    def _situate(self, course: Course, *, bars: bool = True) -> Situation:
        return situate(
            course.request,
            course.view,
            self._catalogue,
            self._shelves.now,
            course.now_us,
            self._settings.bought_again_after_days,
            course.shown,
            None if course.exact or "repeat" in (course.request.relations or ()) else NEWEST_AT_CHECKOUT,
            bars,
        )

    def _choose(self, course: Course, situation: Situation, decision_id: str) -> Choice:
        monotonic, until = self._clock.monotonic, course.until
        return choose(
            decision_id,
            course.request,
            situation,
            course.serving,
            self._catalogue,
            self._shelves,
            self._settings,
            limit=course.limit,
            exact=course.exact,
            late=lambda: monotonic() >= until,
        )

    def _last_resort(self, course: Course, situation: Situation | None, decision_id: str) -> Choice:
        if situation is None:
            return Choice()
        try:
            return popular_only(decision_id, course.request, situation, course.serving, self._catalogue, course.limit)
        except Exception:  # noqa: BLE001 - a checkout gets an answer
            _log.exception("not even popular items can be offered")
            return Choice()

    def _nothing(self, course: Course) -> Answer:
        """The placement is switched off: nothing is offered, and that is recorded."""
        course.steps_down.add("switched_off")
        decision = self._decision(course, self._ids(course.now_us), Choice())
        return Answer(decision, self._record(course, decision))

    def _decision(self, course: Course, decision_id: str, choice: Choice) -> Decision:
        request, person = course.request, course.person
        return Decision(
            decision_id=decision_id,
            decided_at=course.now_us,
            placement=request.placement,
            offers=choice.offers,
            model_version=None if course.serving is None else course.serving.version,
            fallback=course.fallback,
            person_key=None if person is None else person.key,
            channel=request.channel,
            message_id=course.message_id,
            dropped=choice.dropped,
            context=dict(request.context),
        )

    def _record(self, course: Course, decision: Decision) -> bool:
        """Keep the decision for the ledger; whether it will be there."""
        if self._spool is None or course.request.preview:
            return False
        try:
            self._spool.append(record(decision, course.request, self._catalogue))
        except Busy as fault:
            _log.warning("a decision could not be recorded: %s", fault.detail)
            return False
        except Exception:  # noqa: BLE001 - a checkout gets its offers all the same
            _log.exception("a decision could not be recorded")
            return False
        return True

    def _remember(self, course: Course, same: str, decision: Decision) -> None:
        request = course.request
        asked = Person.of(request.customer_id, request.visitor_id)
        if asked is None:
            return
        blob = stored_decision(decision)
        life = self._settings.same_decision_minutes * 60
        self._memory.put(asked.key, same, blob, self._clock.monotonic())
        if course.view is not None and course.view.person is not None:
            self._people.remember(course.view.person.key, same, blob, life)
