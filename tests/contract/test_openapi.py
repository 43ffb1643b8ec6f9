"""The OpenAPI document is valid and agrees with the routes, the documentation and the real answers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource

from offers.errors import PROBLEMS
from offers.intake.customers import CUSTOMER_FIELDS
from offers.intake.events import EVENT_FIELDS, ITEM_FIELDS
from offers.intake.items import ITEM_FIELDS as CATALOGUE_FIELDS
from offers.settings import Settings
from offers.web.facts_schemas import CustomerBody, EventBody, EventItem, ItemBody, ItemPatch
from offers.web.openapi import document
from offers.web.routes import OPERATIONS
from offers.web.schemas import SCOPES
from offers.web.validate import known_fields

DOCUMENT = document(Settings())


def validator_of(schema: dict[str, Any]) -> Draft202012Validator:
    """A validator of a schema that stands somewhere in the document."""
    resource = Resource.from_contents({"$schema": "https://json-schema.org/draft/2020-12/schema", **DOCUMENT})
    registry = Registry().with_resource("urn:openapi", resource)
    absolute = json.loads(json.dumps(schema).replace('"#/', '"urn:openapi#/'))
    return Draft202012Validator(absolute, registry=registry)


def reply_schema(method: str, path: str, status: int, media: str) -> dict[str, Any]:
    """The schema that the document promises for one answer."""
    found: dict[str, Any] = DOCUMENT["paths"][path][method.lower()]["responses"][str(status)]["content"][media][
        "schema"
    ]
    return found


def test_the_document_is_valid() -> None:
    validate(DOCUMENT)


def test_the_served_document_is_this_one(api: Any) -> None:
    served = api.call("GET", "/openapi.json", key=None).json
    assert served["paths"].keys() == DOCUMENT["paths"].keys()
    validate(served)


def test_routes_and_document_agree(api: Any) -> None:
    routes = set()
    for rule in api.client.application.url_map.iter_rules():
        if rule.endpoint.endswith("static"):
            continue
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        routes |= {(method, path) for method in rule.methods - {"HEAD", "OPTIONS"}}
    documented = {(m.upper(), p) for p, methods in DOCUMENT["paths"].items() for m in methods}
    assert routes == documented


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_every_operation_is_described(operation: Any) -> None:
    told = DOCUMENT["paths"][operation.path][operation.method.lower()]
    assert told["summary"]
    assert operation.scope is None or operation.scope in SCOPES
    assert set(re.findall(r"{(\w+)}", operation.path)) == {p.name for p in operation.parameters if p.where == "path"}
    for parameter in operation.parameters:
        assert parameter.about
    for code in operation.codes:
        assert code in PROBLEMS
    if operation.body is not None and operation.body.media == "application/json":
        schema = told["requestBody"]["content"]["application/json"]["schema"]
        validator_of(schema).validate(operation.body.example)


def test_every_field_of_requests_is_described_or_plain() -> None:
    for name in ("OffersBody", "PicksLine", "SignBody", "KeyBody", "SwitchBody", "AliasBody"):
        for field, schema in DOCUMENT["components"]["schemas"][name]["properties"].items():
            text = json.dumps(schema)
            assert '"description"' in text, f"{name}.{field} has no description"


def test_every_code_is_in_the_document_and_on_the_page(api: Any) -> None:
    assert DOCUMENT["x-problem-codes"].keys() == PROBLEMS.keys()
    page = api.call("GET", "/docs", key=None).get_data(as_text=True)
    for code in PROBLEMS:
        assert f'id="error-{code}"' in page


def test_types_of_facts_name_what_intake_reads() -> None:
    assert known_fields(ItemBody) == known_fields(ItemPatch) == CATALOGUE_FIELDS
    assert known_fields(CustomerBody) == CUSTOMER_FIELDS
    assert known_fields(EventItem) == ITEM_FIELDS
    assert known_fields(EventBody) == EVENT_FIELDS - {"event", "ecommerce"}


GOOD_ITEMS = [
    {"item_name": "Tea"},
    {"item_name": "Tea", "price": 1.5, "currency": "RUB", "stock": 0, "availability": "in_stock"},
    {"item_name": "Tea", "availability": False, "replenishable": True, "item_group_id": "g", "item_category": "Food"},
    {"item_name": "Tea", "link": "https://shop.example/tea", "old_price": None},
]
BAD_ITEMS = [
    {},
    {"item_name": ""},
    {"item_name": "Tea", "price": -1},
    {"item_name": "Tea", "price": [1]},
    {"item_name": "Tea", "availability": "perhaps"},
    {"item_name": "Tea", "currency": "RUBLES"},
    {"item_name": "Tea", "item_group_id": "x" * 129},
]


@pytest.mark.parametrize(
    ("item", "good"),
    [(i, True) for i in GOOD_ITEMS] + [(i, False) for i in BAD_ITEMS],
    ids=lambda v: json.dumps(v)[:60],
)
def test_items_are_judged_alike_by_the_document_and_by_intake(api: Any, item: dict[str, Any], good: bool) -> None:
    assert validator_of({"$ref": "#/components/schemas/ItemBody"}).is_valid(item) is good
    assert (api.call("PUT", "/v1/items/judged", item).status_code == 202) is good


@pytest.mark.parametrize(
    ("customer", "good"),
    [
        ({}, True),
        ({"city": "Moscow", "consent_email": True, "attributes": {"tier": "gold"}}, True),
        ({"consent_sms": {"granted": True, "date": "2026-03-02T12:00:00Z", "source": "form"}}, True),
        ({"city": ["Tver"]}, False),
        ({"consent_email": {"source": "form"}}, False),
        ({"attributes": []}, False),
    ],
)
def test_customers_are_judged_alike(api: Any, customer: dict[str, Any], good: bool) -> None:
    assert validator_of({"$ref": "#/components/schemas/CustomerBody"}).is_valid(customer) is good
    assert (api.call("PUT", "/v1/customers/judged", customer).status_code == 202) is good
