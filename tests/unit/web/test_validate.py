"""Every fault of a document, each at its pointer; unknown fields with the name that was meant."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest

from offers.errors import InvalidInput
from offers.web.schemas import CartLineBody, KeyBody, OffersBody, PicksQuery
from offers.web.validate import known_fields, unknown_fields, validate


def _faults(document: Any, struct: type[msgspec.Struct] = OffersBody, **more: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        validate(document, struct, **more)
    return {e.pointer: e.code for e in caught.value.errors}


def test_all_faults_are_told_at_once() -> None:
    document = {
        "placement": "Check out",
        "limit": 0,
        "customer_id": 17,
        "exclude": ["a", 5],
        "context": [],
        "preview": "yes",
        "lang": "fr",
        "relations": ["cross_sell", "down_sell"],
        "cart": [{"quantity": -1}, {"item_id": "a", "price": -5}, 7, {"item_id": "x" * 129}],
    }
    assert _faults(document) == {
        "/placement": "invalid_format",
        "/limit": "out_of_range",
        "/customer_id": "wrong_type",
        "/exclude/1": "wrong_type",
        "/context": "wrong_type",
        "/preview": "wrong_type",
        "/lang": "not_allowed",
        "/relations/1": "not_allowed",
        "/cart/0/item_id": "required",
        "/cart/0/quantity": "out_of_range",
        "/cart/1/price": "out_of_range",
        "/cart/2": "wrong_type",
        "/cart/3/item_id": "out_of_range",
    }


@pytest.mark.parametrize("document", [None, [], "x", 3, True])
def test_what_is_no_object(document: Any) -> None:
    assert _faults(document) == {"": "wrong_type"}


def test_faults_are_bounded() -> None:
    assert len(_faults({"placement": "a", "cart": [{}] * 10_000})) == 50


@pytest.mark.parametrize(
    ("value", "words"),
    [("x", "must be a whole number or null, not text"), (1.5, "must be a whole number or null, not a number")],
)
def test_types_are_told_in_words(value: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        validate({"placement": "a", "limit": value}, OffersBody)
    assert caught.value.errors[0].detail == words


def test_query_parameters_are_read_from_text() -> None:
    query = validate({"limit": "6", "min": "3", "preview": "1"}, PicksQuery, lax=True)
    assert (query.limit, query.min, query.preview) == (6, 3, True)
    assert _faults({"limit": "six"}, PicksQuery, lax=True) == {"/limit": "wrong_type"}


def test_unknown_fields_name_what_was_meant() -> None:
    warnings = unknown_fields({"placment": "a", "cart": [{"item_id": "a", "quanttty": 1}], "zzzz": 1}, OffersBody)
    assert {w.pointer: w.detail for w in warnings} == {
        "/placment": "There is no field 'placment'; did you mean 'placement'?",
        "/zzzz": "There is no field 'zzzz'",
        "/cart/0/quanttty": "There is no field 'quanttty'; did you mean 'quantity'?",
    }


def test_unknown_fields_of_names_with_slashes_keep_their_pointer() -> None:
    assert unknown_fields({"a/b~c": 1}, CartLineBody)[0].pointer == "/a~1b~0c"


def test_configuration_refuses_unknown_fields() -> None:
    assert _faults({"name": "x", "scopes": ["offers"], "scope": 1}, KeyBody, strict_names=True) == {
        "/scope": "unknown_field"
    }


def test_every_struct_can_be_decoded() -> None:
    """msgspec finds contradictory constraints only when a type is first used; that must not be in a request."""
    from offers.web import answers, facts_schemas, schemas

    for module in (answers, facts_schemas, schemas):
        for name in module.__all__:
            struct = getattr(module, name)
            if isinstance(struct, type):
                msgspec.json.Decoder(struct)
                assert known_fields(struct)


class _Inner(msgspec.Struct):
    a: int


class _Outer(msgspec.Struct):
    inner: Annotated[list[_Inner] | None, msgspec.Meta(description="optional")] = None


def test_lists_are_seen_through_their_documentation() -> None:
    assert _faults({"inner": [{"a": 1}, {"a": "x"}, {"a": None}]}, _Outer) == {
        "/inner/1/a": "wrong_type",
        "/inner/2/a": "wrong_type",
    }
    assert validate({"inner": None}, _Outer).inner is None
