"""What the values of a person's keys hold: MessagePack arrays, read in one step, old records stay readable.

Fields are only ever added at the end and with a default.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

__all__ = ["BACK_LINKS", "HISTORY", "LINK", "ORDERS", "PROFILE", "BackLinks", "Codec", "Fact", "History", "HistoryItem"]
__all__ += ["Link", "OrderBook", "OrderEntry", "Profile", "split_position", "with_position"]

#: item_id, orders that hold it, pieces bought net of refunds, last bought in seconds since the epoch
HistoryItem = tuple[str, int, float, int]


class History(msgspec.Struct, array_like=True, gc=False):
    """A person's purchases by item, newest first: what a request needs and nothing else."""

    items: tuple[HistoryItem, ...] = ()
    orders: int = 0
    first_at: int = 0
    last_at: int = 0


class Link(msgspec.Struct, array_like=True):
    """Where a person belongs. ``to``: the person key it is part of. ``shared``: a visitor of many, never joined.

    ``seen``: (customer_id, last seen with it in µs), at most the last 30 days' worth. ``position``: of the event
    that wrote it last; every event up to it has reached its person.
    """

    position: int = 0
    to: str | None = None
    shared: bool = False
    seen: list[tuple[str, int]] = []


class BackLinks(msgspec.Struct, array_like=True):
    """Person keys that belong, or once belonged, to this customer."""

    members: list[str] = []


class Fact(msgspec.Struct, array_like=True):
    """What of an order's event decides what is left of the order. Times in µs.

    ``id_hash``: 8 bytes of the hash of the event's id and day, by which a repeat is known. ``lines``: (item_id,
    quantity). ``who``: the person key the event named, None when it is the book's own person. ``imported``: it came
    by a file.
    """

    position: int
    id_hash: int
    event_name: str
    occurred_at: int
    lines: list[tuple[str, float]]
    version_at: int | None = None
    status: str | None = None
    value: int | None = None
    imported: bool = False
    who: str | None = None


class OrderEntry(msgspec.Struct, array_like=True):
    """One order: its facts in the order they came, and what is left of it.

    ``occurred_at``: of its first version in µs; 0 when nothing is left or it does not count yet. ``net``: (item_id,
    quantity) that are left, None when they are the lines of its only fact. ``left_at``: position of the event by
    which it went to another book, 0 while it is here; such an entry is only kept until the other book is written.
    """

    order_id: str
    facts: list[Fact]
    occurred_at: int = 0
    net: list[tuple[str, float]] | None = None
    left_at: int = 0


class OrderBook(msgspec.Struct, array_like=True):
    """A person's latest orders. ``dropped``: older ones that counted and no longer fit, ``dropped_at`` the earliest.

    ``left``: such counts that went to another book: (orders, earliest, position of the event). ``out``: ids of the
    orders that the last write dropped.
    """

    orders: list[OrderEntry] = []
    dropped: int = 0
    dropped_at: int = 0
    left: list[tuple[int, int, int]] = []
    out: list[str] = []


class Profile(msgspec.Struct, array_like=True):
    """What the shop told about a customer: names as in customer imports."""

    position: int = 0
    fields: dict[str, Any] = {}


T = TypeVar("T")


class Codec(Generic[T]):
    """Encoder and decoder of one record type; both are safe to share between threads."""

    def __init__(self, type_: type[T]) -> None:
        self.encode = msgspec.msgpack.Encoder().encode
        self.decode = msgspec.msgpack.Decoder(type_).decode


HISTORY: Codec[History] = Codec(History)
LINK: Codec[Link] = Codec(Link)
BACK_LINKS: Codec[BackLinks] = Codec(BackLinks)
ORDERS: Codec[OrderBook] = Codec(OrderBook)
PROFILE: Codec[Profile] = Codec(Profile)


def with_position(position: int, blob: bytes) -> bytes:
    """``blob`` behind its position as 8 bytes, most significant first: scripts compare it without decoding."""
    return position.to_bytes(8, "big") + blob


def split_position(value: bytes) -> tuple[int, bytes]:
    """The position and the blob of :func:`with_position`."""
    return int.from_bytes(value[:8], "big"), value[8:]
