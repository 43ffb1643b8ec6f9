"""The application: Flask with thin views, inside the WSGI edge."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, g, request

from offers.errors import OffersError, StateUnavailable
from offers.logs import configure
from offers.settings import read_settings
from offers.web.context import Web
from offers.web.edge import REQUEST_ID, ROUTE, Edge
from offers.web.logs import LOGGER
from offers.web.operation import Operation, Route
from offers.web.problems import designed, render
from offers.web.reach import ensure_reachable, found_away
from offers.web.routes import ROUTES

if TYPE_CHECKING:
    from offers.wiring import Services

__all__ = ["create_app", "from_environment"]

_log = logging.getLogger(LOGGER)
#: Ids may hold slashes; placements and hashes do not.
_CONVERTERS = {"customer_id": "path:", "item_id": "path:"}
#: Operations that have an answer without the online store.
_ANSWERED_ANYWAY = frozenset({"picks", "picks_batch", "sign_picks", "list_models"})


def create_app(services: Services) -> Flask:
    """The application over ``services``; its ``wsgi_app`` is the edge. Connects to nothing by itself."""
    app = Flask("offers.web")
    app.url_map.merge_slashes = False
    web = Web.of(services)
    blueprints: dict[str, Blueprint] = {}
    for route in ROUTES:
        tag = route.operation.tag.lower()
        blueprint = blueprints.setdefault(tag, Blueprint(tag, "offers.web"))
        _bind(blueprint, web, route)
    for blueprint in blueprints.values():
        app.register_blueprint(blueprint)
    app.register_error_handler(Exception, _failed)
    app.extensions["offers"] = web
    app.wsgi_app = Edge(app.wsgi_app, web)  # type: ignore[method-assign]
    return app


def _bind(blueprint: Blueprint, web: Web, route: Route) -> None:
    operation = route.operation
    rule = re.sub(r"\{(\w+)\}", lambda m: f"<{_CONVERTERS.get(m[1], '')}{m[1]}>", operation.path)
    view = _guarded(web, operation, route.view)
    blueprint.add_url_rule(rule, operation.name, view, methods=[operation.method])


def _guarded(web: Web, operation: Operation, view: Callable[..., Response]) -> Callable[..., Response]:
    """The view behind its key or signature."""

    def guarded(**path: Any) -> Response:
        request.environ[ROUTE] = operation.path
        if operation.scope is not None and operation.name != "offers":
            if operation.signed and "sig" in request.args and request.method in ("GET", "HEAD"):
                web.signer.check(request.path, request.args.items(multi=True))
            else:
                g.principal = web.access.principal(request.environ, operation.scope)
            if operation.name not in _ANSWERED_ANYWAY:
                ensure_reachable(web.services)
        try:
            return view(web, **path)
        except StateUnavailable:
            found_away(web.services)
            raise

    return guarded


def _failed(error: Exception) -> Response:
    """Any exception as a problem document; only what was not designed is logged with its traceback."""
    request_id: str = request.environ[REQUEST_ID]
    known: OffersError = designed(error)
    if known.code == "internal" and not isinstance(error, OffersError):
        _log.error(
            "request failed", extra={"request_id": request_id, "route": request.environ.get(ROUTE)}, exc_info=error
        )
    status, headers, body = render(known, request_id)
    return Response(body, status, headers=headers)


def from_environment() -> Flask:
    """The application as a server process runs it: settings from the environment, followers started.

    ``OFFERS_REDIS_URL`` must be set here: the supervisor sets it to the embedded server's socket.
    """
    from offers.wiring import build

    settings = read_settings(os.environ)
    configure(settings.log_level)
    services = build(settings, role="api", redis_url=settings.redis_url)
    services.start_following()
    return create_app(services)
