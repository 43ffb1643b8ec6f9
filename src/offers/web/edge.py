"""The WSGI edge around Flask: request ids, security headers, metrics, one log line; and the short road of offers.

A plain WSGI application: granian, gunicorn and test clients call it alike. ``POST /v1/offers`` does not enter Flask,
because routing and request objects would cost more than the decision.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from time import perf_counter
from typing import Any

from offers.errors import OffersError
from offers.web.checkout import Checkout
from offers.web.context import Web
from offers.web.logs import LOGGER, request_id_of
from offers.web.problems import render

__all__ = ["FALLBACK", "OFFERS_PATH", "REQUEST_ID", "ROUTE", "SECURITY_HEADERS", "STATUS_LINES", "Edge"]

OFFERS_PATH = "/v1/offers"
REQUEST_ID = "offers.request_id"
ROUTE = "offers.route"
FALLBACK = "offers.fallback"

SECURITY_HEADERS: tuple[tuple[str, str], ...] = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_CLOSED_POLICY = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
STATUS_LINES: dict[int, str] = {s.value: f"{s.value} {s.phrase}" for s in HTTPStatus}

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_log = logging.getLogger(LOGGER)


class Edge:
    """Wraps Flask's WSGI application."""

    def __init__(self, inner: WSGI, web: Web) -> None:
        self._inner = inner
        self._metrics = web.metrics
        self._checkout = Checkout(web)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        began = perf_counter()
        request_id = environ[REQUEST_ID] = request_id_of(environ)
        if environ.get("PATH_INFO") == OFFERS_PATH and environ["REQUEST_METHOD"] == "POST":
            status, headers, body, fallback = self._checkout.answer(environ, request_id)
            start_response(
                STATUS_LINES[status],
                [
                    *headers,
                    ("Content-Length", str(len(body))),
                    ("X-Request-Id", request_id),
                    *SECURITY_HEADERS,
                    _CLOSED_POLICY,
                ],
            )
            self._done(environ, OFFERS_PATH, str(status), perf_counter() - began, fallback)
            return (body,)
        return self._through_flask(environ, start_response, began, request_id)

    def _through_flask(
        self, environ: dict[str, Any], start_response: Callable[..., Any], began: float, request_id: str
    ) -> Iterable[bytes]:
        sent: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            sent.append(status[:3])
            own = [("X-Request-Id", request_id), *SECURITY_HEADERS]
            if not any(name.lower() == "content-security-policy" for name, _ in headers):
                own.append(_CLOSED_POLICY)
            return (
                start_response(status, [*headers, *own], exc_info)
                if exc_info
                else start_response(status, [*headers, *own])
            )

        try:
            answer = self._inner(environ, start)
        except Exception:  # noqa: BLE001 - logged; the caller gets an answer
            # Flask handles what views raise; this is a fault of the framework itself.
            _log.exception("request failed outside any view", extra={"request_id": request_id})
            status, headers, body = render(
                OffersError("The service failed; the request id finds it in the log"), request_id
            )
            answer = (body,)
            start(STATUS_LINES[status], [*headers, ("Content-Length", str(len(body)))])
        route = environ.get(ROUTE, "unmatched")
        self._done(environ, route, sent[-1] if sent else "200", perf_counter() - began, environ.get(FALLBACK))
        return answer

    def _done(self, environ: dict[str, Any], route: str, status: str, seconds: float, fallback: str | None) -> None:
        method = environ["REQUEST_METHOD"]
        self._metrics.answered(route, method if method in _METHODS else "other", status, seconds, fallback)
        level = logging.WARNING if status >= "500" else logging.DEBUG
        if _log.isEnabledFor(level):
            extra = {
                "request_id": environ[REQUEST_ID],
                "method": method,
                "route": route,
                "status": int(status),
                "ms": round(seconds * 1000, 3),
                "fallback": fallback,
            }
            _log.log(level, "request", extra=extra)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
