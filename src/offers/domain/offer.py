"""What is answered: an offer with its reason, and the decision that holds the offers of one response."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["FALLBACKS", "RELATIONS", "Cart", "CartLine", "Decision", "Dropped", "Offer", "Reason", "Relation"]

Relation = Literal["cross_sell", "upsell", "substitute", "next_best", "repeat"]
RELATIONS: tuple[Relation, ...] = ("cross_sell", "upsell", "substitute", "next_best", "repeat")

#: Steps of degradation, mildest first; None means none.
FALLBACKS: tuple[str, ...] = ("history_unavailable", "deadline", "no_model", "switched_off", "failure")


@dataclass(frozen=True, slots=True)
class CartLine:
    """One line of a live cart; ``price`` in minor units, None when the shop did not say."""

    item_id: str
    quantity: float = 1.0
    price: int | None = None


Cart = tuple[CartLine, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why this offer. ``code``: bought_together, similar_taste, better_version, same_need, bought_before, popular, or
    assortment where nothing is known of popularity either.

    ``because`` names the items of cart or history that carry it; ``facts`` the numbers behind the text
    (``together``, ``baskets``, ``price_difference`` ...).
    """

    code: str
    because: tuple[str, ...] = ()
    facts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offer:
    """One ranked offer. ``score`` compares within the decision. ``replaces``: the cart line it is instead of."""

    offer_id: str
    item_id: str
    rank: int
    relation: Relation
    reason: Reason
    score: float
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A candidate that did not make it, and the step that dropped it."""

    item_id: str
    step: str
    score: float


@dataclass(frozen=True, slots=True)
class Decision:
    """The offers of one response, as recorded. ``fallback``: the step of degradation it came from, or None."""

    decision_id: str
    decided_at: int
    placement: str
    offers: tuple[Offer, ...]
    model_version: str | None
    fallback: str | None
    person_key: str | None = None
    channel: str | None = None
    message_id: str | None = None
    experiments: tuple[tuple[str, str], ...] = ()
    dropped: tuple[Dropped, ...] = ()
    context: dict[str, Any] = field(default_factory=dict)
