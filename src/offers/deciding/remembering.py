"""Decisions to be answered again: their compact form, what makes two requests the same, and this process's memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, cast

import msgspec
import orjson

from offers.deciding.request import OfferRequest
from offers.domain.offer import Decision, Offer, Reason, Relation

__all__ = ["Memory", "load_decision", "same_field", "stored_decision"]

_Row = tuple[str, int, str, float, str, tuple[str, ...], str | None]


class _Stored(msgspec.Struct, array_like=True, gc=False):
    decision_id: str
    decided_at: int
    placement: str
    model_version: str | None
    fallback: str | None
    person_key: str | None
    channel: str | None
    message_id: str | None
    offers: tuple[_Row, ...]


_DECODER = msgspec.msgpack.Decoder(_Stored)
_ENCODER = msgspec.msgpack.Encoder()


def stored_decision(decision: Decision) -> bytes:
    """Ids and reason codes of a decision; texts and prices are rendered anew when it is answered again."""
    return _ENCODER.encode(
        _Stored(
            decision.decision_id,
            decision.decided_at,
            decision.placement,
            decision.model_version,
            decision.fallback,
            decision.person_key,
            decision.channel,
            decision.message_id,
            tuple(
                (o.item_id, o.rank, o.relation, o.score, o.reason.code, o.reason.because, o.replaces)
                for o in decision.offers
            ),
        )
    )


def load_decision(blob: bytes) -> Decision | None:
    """The decision of a compact form, its reasons without facts; None for bytes of another version."""
    try:
        stored = _DECODER.decode(blob)
    except msgspec.MsgspecError:
        return None
    offers = tuple(
        Offer(
            offer_id=f"{stored.decision_id}-{rank}",
            item_id=item_id,
            rank=rank,
            relation=cast(Relation, relation),
            reason=Reason(code, because),
            score=score,
            replaces=replaces,
        )
        for item_id, rank, relation, score, code, because, replaces in stored.offers
    )
    return Decision(
        decision_id=stored.decision_id,
        decided_at=stored.decided_at,
        placement=stored.placement,
        offers=offers,
        model_version=stored.model_version,
        fallback=stored.fallback,
        person_key=stored.person_key,
        channel=stored.channel,
        message_id=stored.message_id,
    )


def same_field(request: OfferRequest, limit: int, page: tuple[str, ...] = ()) -> str:
    """What makes two requests of one person the same: 16 hexadecimal digits.

    Placement, cart (items and quantities, in any order), item of the page and store, currency, exclusions, limit
    and relations; not the language, nor the prices of the cart. ``page``: the blocks of a page answered before.
    """
    context: Mapping[str, Any] = request.context
    store = context.get("store") if context else None
    told = orjson.dumps(
        (
            request.placement,
            sorted((line.item_id, float(line.quantity)) for line in request.cart),
            request.page_item if context else None,
            store if isinstance(store, str) else None,
            request.currency,
            sorted(request.exclude),
            limit,
            request.relations,
            page,
        )
    )
    return blake2b(told, digest_size=8).hexdigest()


class Memory:
    """Latest decisions of this process by (person key, field): bounded, for a time, safe for threads.

    Times are seconds of a monotonic clock.
    """

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._kept: OrderedDict[tuple[str, str], tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, person_key: str, field: str, blob: bytes, now: float) -> None:
        """Keep what was decided at ``now``; the oldest entry makes room."""
        key = (person_key, field)
        with self._lock:
            self._kept[key] = (now, blob)
            self._kept.move_to_end(key)
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)

    def get(self, person_key: str, field: str, now: float, life: float) -> bytes | None:
        """What was decided less than ``life`` seconds ago, or None."""
        with self._lock:
            entry = self._kept.get((person_key, field))
        return None if entry is None or now - entry[0] >= life else entry[1]
