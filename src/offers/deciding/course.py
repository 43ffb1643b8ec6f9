"""One request on its way through the use case: what is known so far, and how far down it had to step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from offers.deciding.ports import HistoryItem, PersonView
from offers.deciding.request import OfferRequest
from offers.deciding.serving_model import ServingModel
from offers.domain.ids import Person
from offers.domain.offer import FALLBACKS

__all__ = ["Course", "Known"]


@dataclass(frozen=True, slots=True)
class Known:
    """Who asks, as an earlier block of the page found out."""

    person: Person | None
    items: tuple[HistoryItem, ...]
    same: bytes | None = None


@dataclass(slots=True)
class Course:
    """What is known of one request on its way."""

    request: OfferRequest
    limit: int
    now_us: int
    until: float
    serving: ServingModel | None = None
    exact: bool = False
    shown: Sequence[int] = ()
    blocks: tuple[str, ...] = ()
    least: int = 0
    message_id: str | None = None
    view: PersonView | None = None
    known: Known | None = None
    steps_down: set[str] = field(default_factory=set)

    @property
    def fallback(self) -> str | None:
        """The gravest step taken."""
        return next((step for step in reversed(FALLBACKS) if step in self.steps_down), None)

    @property
    def person(self) -> Person | None:
        if self.view is not None:
            return self.view.person
        return Person.of(self.request.customer_id, self.request.visitor_id)
