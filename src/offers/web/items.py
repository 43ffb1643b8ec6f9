"""The catalogue: items one by one and in batches. A change is durable when answered and live within a second."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response, request

from offers.domain.event import Event
from offers.domain.ids import id_fault
from offers.domain.item import Item
from offers.domain.money import to_major
from offers.errors import InvalidInput, NotFound, OffersError
from offers.intake.fields import id_code
from offers.intake.items import CATEGORIES, ITEM_FIELDS, read_item
from offers.web.answers import ItemAnswer, ItemLine, Receipt
from offers.web.body import lines_of, parse_json
from offers.web.checkout import flag
from offers.web.context import Web
from offers.web.facts import keep
from offers.web.facts_schemas import ItemBody, ItemPatch
from offers.web.operation import JSON, NDJSON, Body, Operation, Parameter, Reply, Route
from offers.web.problems import as_dict, field_dict, unknown_field
from offers.web.responding import document_of, json_response, request_id
from offers.web.validate import ensure

__all__ = ["ROUTES", "unknown"]

_ID = {"type": "string", "minLength": 1, "maxLength": 128}
_ITEM = Parameter("item_id", "path", "The item", _ID, required=True, example="sku-1")
_CHUNK = 1_000
_READ = ITEM_FIELDS | {"available"}

_REPLY = (Reply(202, "Durable; live in every process within a second", {JSON: Receipt}),)
_ABOUT = "Unknown fields do no harm and are named in `warnings`. Money with more decimals than its currency is refused."


def unknown(document: Any, known: frozenset[str], base: str = "") -> list[dict[str, str]]:
    """Warnings for fields that nothing reads, at most 50."""
    if not isinstance(document, dict) or document.keys() <= known:
        return []
    return [field_dict(unknown_field(base, str(name), known)) for name in document if name not in known][:50]


GET = Operation(
    "GET",
    "/v1/items/{item_id}",
    "get_item",
    "Catalogue",
    "An item as it is now",
    (Reply(200, "The item", {JSON: ItemAnswer}),),
    scope="catalogue",
    parameters=(_ITEM,),
    errors=("invalid_request", "not_found"),
)


def _wire(item: Item) -> dict[str, Any]:
    def money(minor: int | None) -> float | None:
        return None if minor is None else to_major(minor, item.currency)

    body: dict[str, Any] = {
        "item_id": item.item_id,
        "item_name": item.item_name,
        "price": money(item.price),
        "old_price": money(item.old_price),
        "currency": item.currency,
        "cost": money(item.cost),
        "stock": item.stock,
        "item_brand": item.brand,
        "link": item.link,
        "image_link": item.image_link,
        "availability": "in_stock" if item.available else "out_of_stock",
        "replenishable": item.replenishable,
        "item_group_id": item.group,
        "offerable": item.offerable,
    }
    return body | dict(zip(CATEGORIES, item.categories, strict=False))


def _get(web: Web, item_id: str) -> Response:
    fault = id_fault(item_id)
    if fault:
        raise InvalidInput.at("/item_id", id_code(item_id), fault)
    found = web.services.catalogue_store.get([item_id]).get(item_id)
    if found is None:
        raise NotFound(f"There is no item {item_id!r}")
    return json_response(_wire(found[1]))


PUT = Operation(
    "PUT",
    "/v1/items/{item_id}",
    "put_item",
    "Catalogue",
    "Set an item",
    _REPLY,
    about=f"Replaces the item as a whole. {_ABOUT}",
    scope="catalogue",
    parameters=(_ITEM,),
    body=Body(ItemBody, {"item_name": "Tea, 100 g", "price": 129.9, "currency": "RUB", "stock": 40}),
    errors=("overloaded",),
)

PATCH = Operation(
    "PATCH",
    "/v1/items/{item_id}",
    "patch_item",
    "Catalogue",
    "Change an item",
    _REPLY,
    about=f"Changes only the fields sent, such as price and stock. {_ABOUT}",
    scope="catalogue",
    parameters=(_ITEM,),
    body=Body(ItemPatch, {"price": 119.9, "stock": 12}),
    errors=("overloaded",),
)


def _event(web: Web, document: Any, item_id: str | None, partial: bool) -> Event:
    services = web.services
    found = read_item(document, item_id, partial, clock=services.clock, settings=services.settings)
    if not isinstance(found, Event):
        ensure(list(found))
        raise AssertionError("unreachable")
    return found


def _set(web: Web, item_id: str, *, partial: bool) -> Response:
    document = document_of(web)
    event = _event(web, document, item_id, partial)
    (verdict,) = keep(web, [event])
    body = {
        "verdict": verdict,
        "event_id": event.event_id,
        "item_id": item_id,
        "warnings": unknown(document, _READ),
    }
    return json_response(body, 202)


def _put(web: Web, item_id: str) -> Response:
    return _set(web, item_id, partial=False)


def _patch(web: Web, item_id: str) -> Response:
    return _set(web, item_id, partial=True)


BATCH = Operation(
    "POST",
    "/v1/items/batch",
    "items_batch",
    "Catalogue",
    "Set or change many items",
    (Reply(202, "A line for each line, in order: a verdict, or a problem", {NDJSON: ItemLine}),),
    about="NDJSON, at most 10,000 lines, each with its `item_id`. A bad line never sinks its neighbours.",
    scope="catalogue",
    parameters=(Parameter("partial", "query", "Change only the fields sent, as PATCH does", {"type": "boolean"}),),
    body=Body(ItemBody, {"item_id": "sku-1", "item_name": "Tea, 100 g", "price": 129.9}, NDJSON),
    errors=("too_many_requests", "overloaded"),
)


def _batch(web: Web) -> Response:
    settings = web.services.settings
    partial = flag(request.args.get("partial"))
    with web.limits.batches.take():
        lines = lines_of(request.environ, settings.max_body_bytes, settings.max_batch_lines)
        answers: list[dict[str, Any]] = []
        good: list[tuple[dict[str, Any], Event]] = []
        for line in lines:
            document: Any = None
            try:
                document = parse_json(line)
                event = _event(web, document, None, partial)
                answer: dict[str, Any] = {
                    "item_id": event.params["item"]["item_id"],
                    "warnings": unknown(document, _READ),
                }
                good.append((answer, event))
            except OffersError as error:
                sent = document.get("item_id") if isinstance(document, dict) else None
                answer = {"item_id": sent if isinstance(sent, str) else None, "problem": as_dict(error, request_id())}
            answers.append(answer)
        for start in range(0, len(good), _CHUNK):
            chunk = good[start : start + _CHUNK]
            verdicts = keep(web, [event for _, event in chunk])
            for (answer, event), verdict in zip(chunk, verdicts, strict=True):
                answer["verdict"] = verdict
                answer["event_id"] = event.event_id
    data = b"".join(orjson.dumps(a) + b"\n" for a in answers)
    return Response(data, 202, content_type=NDJSON, headers={"Cache-Control": "no-store"})


ROUTES: tuple[Route, ...] = (
    Route(BATCH, _batch),
    Route(GET, _get),
    Route(PUT, _put),
    Route(PATCH, _patch),
)
