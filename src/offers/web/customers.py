"""Customers: what the shop tells about them, joins, the portrait, erasure."""

from __future__ import annotations

from typing import Any

from flask import Response

from offers.clock import from_us
from offers.domain.event import Event
from offers.domain.ids import Person, id_fault
from offers.errors import FieldError, InvalidInput, NotFound
from offers.intake.customers import CUSTOMER_FIELDS, read_customer
from offers.intake.fields import id_code
from offers.web.answers import CustomerAnswer, Receipt
from offers.web.context import Web
from offers.web.facts import keep, stated
from offers.web.facts_schemas import CustomerBody
from offers.web.items import unknown
from offers.web.operation import JSON, Body, Operation, Parameter, Reply, Route
from offers.web.responding import document_of, json_response
from offers.web.schemas import AliasBody
from offers.web.validate import ensure, validate

__all__ = ["ROUTES"]

_ID = {"type": "string", "minLength": 1, "maxLength": 128}
_CUSTOMER = Parameter("customer_id", "path", "The customer", _ID, required=True, example="c-17")


def _checked(customer_id: str, where: str = "/customer_id") -> None:
    fault = id_fault(customer_id)
    if fault:
        raise InvalidInput.at(where, id_code(customer_id), fault)


GET = Operation(
    "GET",
    "/v1/customers/{customer_id}",
    "get_customer",
    "Customers",
    "The portrait of a customer",
    (Reply(200, "What is known", {JSON: CustomerAnswer}),),
    scope="customers",
    parameters=(_CUSTOMER,),
    errors=("invalid_request", "not_found"),
)

_TOLD_ELSEWHERE = frozenset({"customer_id", "visitor_id", "orders", "first_order_at", "last_order_at", "items"})


def _moment(us: int | None) -> str | None:
    return None if us is None else from_us(us).isoformat()


def _get(web: Web, customer_id: str) -> Response:
    _checked(customer_id)
    found = web.services.people.profile(Person("c", customer_id))
    if found is None:
        raise NotFound(f"Nothing is known of the customer {customer_id!r}")
    body = {
        "customer_id": found.get("customer_id", customer_id),
        "profile": {k: v for k, v in found.items() if k not in _TOLD_ELSEWHERE},
        "orders": found["orders"],
        "first_order_at": _moment(found["first_order_at"]),
        "last_order_at": _moment(found["last_order_at"]),
        "items": [
            {"item_id": i, "orders": n, "quantity": q, "last_bought_at": _moment(at * 1_000_000)}
            for i, n, q, at in found["items"]
        ],
    }
    return json_response(body)


PUT = Operation(
    "PUT",
    "/v1/customers/{customer_id}",
    "put_customer",
    "Customers",
    "Tell about a customer",
    (Reply(202, "Durable; applied within a second", {JSON: Receipt}),),
    about="Replaces what was told before. Unknown fields are kept out and named in `warnings`; use `attributes`.",
    scope="customers",
    parameters=(_CUSTOMER,),
    body=Body(CustomerBody, {"city": "Moscow", "consent_email": True, "attributes": {"tier": "gold"}}),
    errors=("overloaded",),
)


def _put(web: Web, customer_id: str) -> Response:
    document = document_of(web)
    services = web.services
    found = read_customer(document, customer_id, clock=services.clock, settings=services.settings)
    if not isinstance(found, Event):
        ensure(list(found))
        raise AssertionError("unreachable")
    (verdict,) = keep(web, [found])
    return _receipt(verdict, found.event_id, customer_id, unknown(document, CUSTOMER_FIELDS))


ERASE = Operation(
    "DELETE",
    "/v1/customers/{customer_id}",
    "erase_customer",
    "Customers",
    "Erase a customer",
    (Reply(202, "A receipt: the erasure is durable and applied in order everywhere", {JSON: Receipt}),),
    about=(
        "Online state and frozen picks go within a second, ledger files within 24 hours. Erasing somebody unknown is "
        "no error: the answer must not tell who was known."
    ),
    scope="customers",
    parameters=(_CUSTOMER,),
    errors=("invalid_request", "overloaded"),
)


def _erase(web: Web, customer_id: str) -> Response:
    _checked(customer_id)
    event = stated(web, "customer_erased", customer_id, {}, customer_id=customer_id)
    (verdict,) = keep(web, [event])
    return _receipt(verdict, event.event_id, customer_id)


ALIAS = Operation(
    "POST",
    "/v1/customers/{customer_id}/alias",
    "alias_customer",
    "Customers",
    "Join a customer to another",
    (Reply(202, "Durable; applied within a second", {JSON: Receipt}),),
    about="The customer in the address turned out to be `to`; their histories are one from now on.",
    scope="customers",
    parameters=(_CUSTOMER,),
    body=Body(AliasBody, {"to": "c-18"}),
    errors=("overloaded",),
)


def _alias(web: Web, customer_id: str) -> Response:
    body = validate(document_of(web), AliasBody, strict_names=True)
    faults = [
        FieldError(where, id_code(value), fault)
        for where, value in (("/customer_id", customer_id), ("/to", body.to))
        if (fault := id_fault(value))
    ]
    if not faults and body.to == customer_id:
        faults.append(FieldError("/to", "not_allowed", "a customer cannot be joined to itself"))
    ensure(faults)
    event = stated(web, "customer_aliased", customer_id, {"to": body.to}, customer_id=customer_id)
    (verdict,) = keep(web, [event])
    return _receipt(verdict, event.event_id, customer_id)


def _receipt(verdict: str, event_id: str, customer_id: str, warnings: list[Any] | None = None) -> Response:
    body = {"verdict": verdict, "event_id": event_id, "customer_id": customer_id, "warnings": warnings or []}
    return json_response(body, 202)


ROUTES: tuple[Route, ...] = (
    Route(GET, _get),
    Route(PUT, _put),
    Route(ERASE, _erase),
    Route(ALIAS, _alias),
)
