"""The types of responses: documentation that tests hold against real responses with a JSON Schema validator."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from offers.domain.offer import Relation
from offers.errors import PROBLEMS
from offers.web.field_codes import FIELD_CODES

__all__ = [
    "CustomerAnswer",
    "EventsAnswer",
    "ExperimentAnswer",
    "FieldProblem",
    "ItemAnswer",
    "ItemLine",
    "KeyAnswer",
    "KeysAnswer",
    "ModelsAnswer",
    "OffersAnswer",
    "PageAnswer",
    "PicksAnswer",
    "PicksLineAnswer",
    "ProblemDocument",
    "ReadinessAnswer",
    "Receipt",
    "SignedAnswer",
    "SwitchAnswer",
]

Code = Annotated[
    str,
    Meta(
        description="One of a closed set; x-problem-codes of this document lists them",
        extra_json_schema={"enum": list(PROBLEMS)},
    ),
]
FieldCode = Annotated[
    str,
    Meta(
        description="What is wrong with it; x-field-codes of this document lists them",
        extra_json_schema={"enum": list(FIELD_CODES)},
    ),
]
Money = Annotated[float, Meta(description="Decimal major units", examples=[49.9])]


class FieldProblem(Struct):
    """A fault in one field, or a field that was not acted on."""

    pointer: Annotated[
        str, Meta(description="RFC 6901 pointer into the body that was sent", examples=["/cart/0/price"])
    ]
    code: FieldCode
    detail: str


class ProblemDocument(Struct):
    """RFC 9457: what went wrong and what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: Code
    remedy: str
    errors: list[FieldProblem]
    request_id: str | None = None


class OfferedItem(Struct):
    """The item as the live catalogue has it."""

    item_id: str
    item_name: str
    price: Money
    old_price: Money | None
    currency: str
    link: str | None
    image_link: str | None


class ReasonAnswer(Struct):
    """Why this offer."""

    code: Annotated[str, Meta(examples=["bought_together"])]
    because: Annotated[list[str], Meta(description="Items of the cart or the history that carry the reason")]
    text: Annotated[str, Meta(description="A sentence for people, in the language asked for")]


class OfferAnswer(Struct):
    """One offer. Echo `offer_id` in `items[].offer_id` of later events."""

    offer_id: str
    rank: Annotated[int, Meta(ge=1)]
    relation: Relation
    replaces: Annotated[str | None, Meta(description="The cart line this is instead of (upsell)")]
    item: OfferedItem
    reason: ReasonAnswer
    price_difference: Annotated[Money | None, Meta(description="How much more than the line it replaces (upsell)")] = (
        None
    )
    promotion: dict[str, Any] | None = None
    click_url: str | None = None
    score: Annotated[float | None, Meta(description="Only with explain and the scope `reports`")] = None


class ExperimentAnswer(Struct):
    """An experiment that this answer is part of."""

    key: str
    variant: str


class DroppedAnswer(Struct):
    """A candidate that was not offered, and the step that dropped it."""

    item_id: str
    step: str
    score: float | None = None


class Explanation(Struct):
    """Only with explain."""

    dropped: list[DroppedAnswer]


class OffersAnswer(Struct):
    """What to offer, perhaps nothing."""

    decision_id: str
    model_version: str | None
    fallback: Annotated[
        str | None, Meta(description="The step of degradation this came from; null is the normal answer")
    ]
    recorded: Annotated[bool, Meta(description="Whether the decision is kept")]
    warnings: list[FieldProblem]
    experiments: list[ExperimentAnswer]
    offers: list[OfferAnswer]
    explain: Explanation | None = None


class PlacedAnswer(OffersAnswer):
    """The offers of one placement of a page."""

    placement: str = ""


class PageAnswer(Struct):
    """Several placements of one page, in the order asked, without repeats."""

    placements: list[PlacedAnswer]
    warnings: list[FieldProblem]


class PicksAnswer(OffersAnswer):
    """Picks for a letter: as offers, plus the flat list of items that templates loop over."""

    items: list[OfferedItem] = []


class PicksLineAnswer(Struct):
    """One line of a batch's answer: the keys that were sent and the picks, or the keys and a `problem`."""

    customer_id: str | None = None
    placement: str | None = None
    message_id: str | None = None
    problem: ProblemDocument | None = None
    decision_id: str | None = None
    model_version: str | None = None
    fallback: str | None = None
    recorded: bool = False
    warnings: list[FieldProblem] = []
    experiments: list[ExperimentAnswer] = []
    offers: list[OfferAnswer] = []
    items: list[OfferedItem] = []


class EventVerdict(Struct):
    """What became of one event."""

    verdict: Literal["accepted", "duplicate", "conflict", "stored_unused", "refused"]
    event_id: str | None = None
    rounded: Annotated[
        bool, Meta(description="Money had more decimals than its currency and was rounded half-even")
    ] = False
    code: FieldCode | None = None
    pointer: str | None = None
    detail: str | None = None
    errors: list[FieldProblem] = []


class EventsAnswer(Struct):
    """A verdict for each event, in the order sent. Everything accepted is durable."""

    events: list[EventVerdict]
    counts: Annotated[dict[str, int], Meta(description="Events by verdict")]


class Receipt(Struct):
    """A fact was taken down and is durable; it is acted on within a second."""

    verdict: Literal["accepted", "duplicate", "conflict", "stored_unused"]
    event_id: str
    item_id: str | None = None
    customer_id: str | None = None
    warnings: list[FieldProblem] = []


class ItemAnswer(Struct):
    """An item as the online catalogue has it."""

    item_id: str
    item_name: str
    currency: str
    price: Money | None
    old_price: Money | None
    cost: Money | None
    stock: float | None
    item_brand: str | None
    link: str | None
    image_link: str | None
    availability: Literal["in_stock", "out_of_stock"]
    replenishable: bool | None
    item_group_id: str | None
    offerable: Annotated[bool, Meta(description="Whether stock and price allow it to be offered now")]
    item_category: str | None = None
    item_category2: str | None = None
    item_category3: str | None = None
    item_category4: str | None = None
    item_category5: str | None = None


class ItemLine(Struct):
    """One line of a batch's answer: a verdict, or a `problem`."""

    item_id: str | None
    verdict: Literal["accepted", "duplicate", "conflict", "stored_unused"] | None = None
    event_id: str | None = None
    warnings: list[FieldProblem] = []
    problem: ProblemDocument | None = None


class BoughtItem(Struct):
    """An item in a customer's history."""

    item_id: str
    orders: int
    quantity: float
    last_bought_at: str


class CustomerAnswer(Struct):
    """What the service knows about a customer."""

    customer_id: Annotated[str, Meta(description="After joins")]
    profile: Annotated[dict[str, Any], Meta(description="What the shop told")]
    orders: Annotated[int, Meta(description="Orders that count")]
    first_order_at: Annotated[str | None, Meta(description="RFC 3339, UTC")]
    last_order_at: Annotated[str | None, Meta(description="RFC 3339, UTC")]
    items: Annotated[list[BoughtItem], Meta(description="What was bought, newest first, at most 200")]


class SignedAnswer(Struct):
    """An address that answers without a key until it expires."""

    url: str
    expires_at: Annotated[str, Meta(description="RFC 3339, UTC")]


class SwitchAnswer(Struct):
    """A placement's switch."""

    placement: str
    on: bool


class KeyAnswer(Struct):
    """A key that was made. `key` is shown this once."""

    id: Annotated[str, Meta(description="Beginning of its hash; names it from now on")]
    name: str
    scopes: list[str]
    key: str = ""


class KeyEntry(Struct):
    """A key that is valid."""

    id: str
    name: str
    scopes: list[str]


class KeysAnswer(Struct):
    """All keys that are valid."""

    keys: list[KeyEntry]


class ModelEntry(Struct):
    """A trained model."""

    id: str
    current: bool
    created_at: Annotated[str | None, Meta(description="RFC 3339, UTC")]
    ledger_version: Annotated[int | None, Meta(description="Version of the ledger it was made from")]
    gate_passed: bool | None
    metrics: dict[str, Any]
    fault: Annotated[str | None, Meta(description="Why its files cannot be read")]


class ModelsAnswer(Struct):
    """Trained models, newest first."""

    current: str | None
    serving: Annotated[str | None, Meta(description="What the process that answered serves from")]
    models: list[ModelEntry]


class ReadinessPart(Struct):
    """One part of the service."""

    status: Literal["ok", "absent", "unavailable"]
    detail: str


class ReadinessAnswer(Struct):
    """Whether offers can be answered, by part."""

    status: Literal["ok", "degraded", "starting"]
    parts: Annotated[dict[str, ReadinessPart], Meta(description="state, model, catalogue, configuration")] = field(
        default_factory=dict
    )
