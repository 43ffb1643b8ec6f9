"""Keys and kill switches: configuration changed by facts, like everything else."""

from __future__ import annotations

from time import sleep
from typing import Any

from flask import Response

from offers.domain.ids import is_placement
from offers.errors import Conflict, InvalidInput, NotFound, OffersError
from offers.web.answers import KeyAnswer, KeysAnswer, SwitchAnswer
from offers.web.auth import hash_of, new_key
from offers.web.context import Web
from offers.web.facts import keep, stated
from offers.web.operation import JSON, Body, Operation, Parameter, Reply, Route
from offers.web.responding import document_of, json_response, principal
from offers.web.schemas import KeyBody, SwitchBody
from offers.web.validate import validate

__all__ = ["ROUTES"]

_SHOWN = 12
_PATIENCE_S = 1.0
_PAUSE_S = 0.02

SWITCH = Operation(
    "POST",
    "/v1/placements/{placement}/switch",
    "switch_placement",
    "Configuration",
    "Kill switch of a placement",
    (Reply(200, "The switch as it is now", {JSON: SwitchAnswer}),),
    about="Off: every call for the placement answers an empty list with `fallback` switched_off, within a second.",
    scope="admin",
    parameters=(
        Parameter(
            "placement",
            "path",
            "The placement",
            {"type": "string", "pattern": "^[a-z0-9_.-]{1,50}$"},
            required=True,
            example="checkout",
        ),
    ),
    body=Body(SwitchBody, {"on": False}),
    errors=("overloaded",),
)


def _settle(web: Web, done: Any) -> None:
    """Wait, briefly, until this process sees what it just stated; other processes follow within a second."""
    configuration = web.services.configuration
    for _ in range(int(_PATIENCE_S / _PAUSE_S)):
        try:
            configuration.refresh()
        except OffersError:
            return
        if done():
            return
        sleep(_PAUSE_S)


def _switch(web: Web, placement: str) -> Response:
    if not is_placement(placement):
        raise InvalidInput.at("", "invalid_placement", "A placement is 1 to 50 of a-z, 0-9, dot, dash, underscore")
    body = validate(document_of(web), SwitchBody, strict_names=True)
    keep(web, [stated(web, "placement_switched", placement, {"placement": placement, "on": body.on} | _author())])
    _settle(web, lambda: web.services.configuration.is_off(placement) is not body.on)
    return json_response({"placement": placement, "on": body.on})


def _author() -> dict[str, str]:
    key = principal()
    return {"author": key.name} if key is not None else {}


LIST_KEYS = Operation(
    "GET",
    "/v1/keys",
    "list_keys",
    "Configuration",
    "Keys that are valid",
    (Reply(200, "The keys, without the keys themselves", {JSON: KeysAnswer}),),
    scope="admin",
)


def _list(web: Web) -> Response:
    web.services.configuration.refresh()
    keys = web.services.configuration.keys
    rows = [{"id": h[:_SHOWN], "name": k.name, "scopes": list(k.scopes)} for h, k in keys.items()]
    return json_response({"keys": sorted(rows, key=lambda row: (str(row["name"]), str(row["id"])))})


CREATE_KEY = Operation(
    "POST",
    "/v1/keys",
    "create_key",
    "Configuration",
    "Make a key",
    (Reply(201, "The key, shown this once; only its hash is kept", {JSON: KeyAnswer}),),
    about="To rotate a key, make a new one, use it, and delete the old one.",
    scope="admin",
    body=Body(KeyBody, {"name": "checkout", "scopes": ["offers", "events"]}),
    errors=("overloaded",),
)


def _create(web: Web) -> Response:
    body = validate(document_of(web), KeyBody, strict_names=True)
    key = new_key()
    digest = hash_of(key)
    scopes = list(dict.fromkeys(body.scopes))
    params = {"key_hash": digest, "name": body.name, "scopes": scopes} | _author()
    keep(web, [stated(web, "key_created", digest[:_SHOWN], params)])
    _settle(web, lambda: digest in web.services.configuration.keys)
    return json_response({"id": digest[:_SHOWN], "name": body.name, "scopes": scopes, "key": key}, 201)


DELETE_KEY = Operation(
    "DELETE",
    "/v1/keys/{key_id}",
    "delete_key",
    "Configuration",
    "Revoke a key",
    (Reply(204, "The key is not valid any more; every process knows within a second"),),
    scope="admin",
    parameters=(
        Parameter("key_id", "path", "The id as listed", {"type": "string"}, required=True, example="3f1c0a9be2d4"),
    ),
    errors=("not_found", "conflict", "overloaded"),
)


def _delete(web: Web, key_id: str) -> Response:
    configuration = web.services.configuration
    configuration.refresh()
    keys = configuration.keys
    found = [h for h in keys if len(key_id) >= _SHOWN and h.startswith(key_id.lower())]
    if not found:
        raise NotFound(f"There is no key {key_id[:64]!r}")
    if len(found) > 1:
        raise Conflict(f"{len(found)} keys begin with {key_id!r}; give more of the hash")
    if not any("admin" in k.scopes for h, k in keys.items() if h != found[0]):
        raise Conflict("It is the last key with the scope 'admin'; make another one first")
    keep(web, [stated(web, "key_revoked", found[0][:_SHOWN], {"key_hash": found[0]} | _author())])
    _settle(web, lambda: found[0] not in configuration.keys)
    return Response(status=204)


ROUTES: tuple[Route, ...] = (
    Route(SWITCH, _switch),
    Route(LIST_KEYS, _list),
    Route(CREATE_KEY, _create),
    Route(DELETE_KEY, _delete),
)
