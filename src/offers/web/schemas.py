"""The types that validate requests; the OpenAPI document is made from the same ones."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from offers.domain.ids import MAX_ID
from offers.domain.offer import Relation

__all__ = [
    "MAX_LIMIT",
    "SCOPES",
    "AliasBody",
    "CartLineBody",
    "KeyBody",
    "OffersBody",
    "PicksLine",
    "PicksQuery",
    "SignBody",
    "SwitchBody",
]

MAX_LIMIT = 50
"""Most offers in one response."""

SCOPES: tuple[str, ...] = (
    "offers",
    "picks",
    "assign",
    "events",
    "catalogue",
    "customers",
    "reports",
    "console",
    "admin",
)
"""What a key may do."""

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID, description="Opaque id, never an e-mail address")]
Amount = Annotated[
    float, Meta(ge=0, le=1e12, description="Decimal major units of the request's currency", examples=[129.9])
]
Placement = Annotated[
    str,
    Meta(
        pattern="^[a-z0-9_.-]{1,50}$",
        description="Key of the place where offers appear",
        examples=["checkout", "email"],
    ),
]
Lang = Annotated[Literal["ru", "en"], Meta(description="Language of reasons and letters")]
Limit = Annotated[int, Meta(ge=1, le=MAX_LIMIT, description="Most offers to answer", examples=[4])]
Least = Annotated[int, Meta(ge=0, le=MAX_LIMIT, description="Fewer offers than this become none at all", examples=[3])]
MessageId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_ID,
        description="Id of the letter: the same letter gets the same picks for 90 days",
        examples=["spring-sale-2026"],
    ),
]
Currency = Annotated[
    str, Meta(min_length=3, max_length=3, description="ISO 4217 code; RUR is read as RUB", examples=["USD", "RUB"])
]


Channel = Annotated[str, Meta(max_length=50)]
Milliseconds = Annotated[int, Meta(ge=1, le=60_000)]
Placements = Annotated[list[Placement], Meta(min_length=1, max_length=10)]


class CartLineBody(Struct):
    """One line of the cart as it is now."""

    item_id: Annotated[Id, Meta(examples=["sku-1"])]
    quantity: Annotated[float, Meta(gt=0, le=1e6, description="Pieces, or kilograms and the like")] = 1.0
    price: Annotated[Amount | None, Meta(description="Unit price after discount; the catalogue's when absent")] = None


class OffersBody(Struct):
    """What a shop asks at checkout. Everything but the placement may be absent: a guest gets what is popular."""

    placement: Placement | None = None
    placements: Annotated[
        Placements | None, Meta(description="Several blocks of one page, answered without repeats")
    ] = None
    customer_id: Annotated[Id | None, Meta(description="The known customer", examples=["c-17"])] = None
    visitor_id: Annotated[Id | None, Meta(description="The anonymous visitor", examples=["v-9f"])] = None
    channel: Annotated[Channel | None, Meta(description="Where this is: web, app, kiosk", examples=["web"])] = None
    limit: Limit | None = None
    cart: Annotated[list[CartLineBody], Meta(description="The cart; its items are never offered")] = []
    currency: Annotated[
        Currency | None, Meta(description="Currency of the cart's prices; the shop's base currency when absent")
    ] = None
    exclude: Annotated[
        list[Id], Meta(max_length=1000, description="Items not to offer, such as those already on the page")
    ] = []
    relations: Annotated[
        list[Relation] | None, Meta(description="Only these relations; the placement's own when absent")
    ] = None
    context: Annotated[
        dict[str, Any],
        Meta(description="Anything worth recording with the decision", examples=[{"store": "msk-1"}]),
    ] = {}
    deadline_ms: Annotated[
        Milliseconds | None,
        Meta(description="Milliseconds this answer may take; then it degrades", examples=[150]),
    ] = None
    lang: Lang | None = None
    preview: Annotated[bool, Meta(description="Record nothing and expose nobody")] = False
    explain: Annotated[
        bool, Meta(description="Add what was dropped and why, and the scores (needs the scope `reports`)")
    ] = False


class PicksLine(Struct):
    """One line of a batch of picks."""

    customer_id: Annotated[Id, Meta(examples=["c-17"])]
    placement: Placement = "email"
    message_id: MessageId | None = None
    limit: Limit | None = None
    min: Least = 0
    lang: Lang | None = None


class SignBody(Struct):
    """The picks that a signed address will answer, for mail systems that cannot send a key."""

    customer_id: Annotated[Id, Meta(examples=["c-17"])]
    placement: Placement = "email"
    message_id: MessageId | None = None
    limit: Limit | None = None
    min: Least = 0
    lang: Lang | None = None
    format: Annotated[Literal["json", "html", "text"], Meta(description="Form of the answer")] = "json"
    expires_in: Annotated[int, Meta(ge=60, le=90 * 86_400, description="Seconds until the address stops working")] = (
        7 * 86_400
    )


class AliasBody(Struct):
    """The customer that the one in the address turned out to be."""

    to: Annotated[Id, Meta(description="The id that stays", examples=["c-18"])]


class SwitchBody(Struct):
    """The kill switch of a placement."""

    on: Annotated[bool, Meta(description="false answers an empty list at once, for everyone")]


class KeyBody(Struct):
    """A key to make."""

    name: Annotated[str, Meta(min_length=1, max_length=100, description="Whose key it is", examples=["checkout"])]
    scopes: Annotated[
        list[Literal["offers", "picks", "assign", "events", "catalogue", "customers", "reports", "console", "admin"]],
        Meta(min_length=1, description="What it may do", examples=[["offers", "events"]]),
    ]


class PicksQuery(Struct):
    """Parameters of the picks of one letter, as they stand in the address."""

    placement: Placement = "email"
    message_id: MessageId | None = None
    limit: Limit | None = None
    min: Least = 0
    lang: Lang | None = None
    format: Annotated[Literal["json", "html", "text"], Meta(description="Form of the answer")] = "json"
    preview: Annotated[bool, Meta(description="Record and freeze nothing")] = False
    explain: Annotated[bool, Meta(description="Add what was dropped and why (format json only)")] = False
