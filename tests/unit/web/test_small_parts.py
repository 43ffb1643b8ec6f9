"""Keys, slots, log lines, request ids, problem documents, the dead-letter file."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from werkzeug.exceptions import ImATeapot, MethodNotAllowed, RequestEntityTooLarge, UnsupportedMediaType

from offers.clock import HeldClock
from offers.errors import (
    PROBLEMS,
    Busy,
    FieldError,
    Forbidden,
    NotFound,
    OffersError,
    StateUnavailable,
    Unauthorized,
)
from offers.logs import JsonLines
from offers.web.auth import Access, hash_of, new_key
from offers.web.dead_letters import DeadLetters
from offers.web.limits import Limits
from offers.web.logs import request_id_of
from offers.web.problems import designed, nearest, pointer, render


@dataclass
class _Key:
    name: str
    scopes: tuple[str, ...]


@dataclass
class _Keys:
    """Keys that a refresh makes known, or that cannot be refreshed."""

    keys: dict[str, _Key] = field(default_factory=dict)
    hidden: dict[str, _Key] = field(default_factory=dict)
    refreshed: int = 0
    away: bool = False

    def refresh(self) -> bool:
        self.refreshed += 1
        if self.away:
            raise StateUnavailable("away")
        self.keys = self.keys | self.hidden
        return True


def test_keys_are_long_safe_and_distinct() -> None:
    made = {new_key() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(r"offers_[A-Za-z0-9_-]{32}", key) for key in made)


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTP_AUTHORIZATION": "Bearer k"},
        {"HTTP_AUTHORIZATION": "bearer  k "},
        {"HTTP_X_API_KEY": "k"},
        {"HTTP_AUTHORIZATION": "Basic abc", "HTTP_X_API_KEY": "k"},
    ],
)
def test_a_key_is_found_in_either_header(environ: dict[str, Any], clock: HeldClock) -> None:
    access = Access(_Keys({hash_of("k"): _Key("shop", ("offers",))}), clock)
    assert access.principal(environ, "offers").name == "shop"
    with pytest.raises(Forbidden, match="'events'"):
        access.principal(environ, "events")


@pytest.mark.parametrize("environ", [{}, {"HTTP_AUTHORIZATION": "Bearer "}, {"HTTP_AUTHORIZATION": "k"}])
def test_without_a_key(environ: dict[str, Any], clock: HeldClock) -> None:
    with pytest.raises(Unauthorized):
        Access(_Keys(), clock).principal(environ, "offers")


def test_a_new_key_is_looked_for_once_a_second_at_most(clock: HeldClock) -> None:
    keys = _Keys()
    access = Access(keys, clock)
    for _ in range(5):
        with pytest.raises(Unauthorized):
            access.principal({"HTTP_X_API_KEY": "new"}, "offers")
    assert keys.refreshed == 1
    keys.hidden = {hash_of("new"): _Key("new", ("offers",))}
    clock.advance(1)
    assert access.principal({"HTTP_X_API_KEY": "new"}, "offers").name == "new"
    assert keys.refreshed == 2


def test_before_any_configuration_was_read_nobody_is_called_unknown(clock: HeldClock) -> None:
    with pytest.raises(StateUnavailable):
        Access(_Keys(away=True), clock).principal({"HTTP_X_API_KEY": "k"}, "offers")
    known = _Keys({hash_of("a"): _Key("a", ())}, away=True)
    with pytest.raises(Unauthorized):
        Access(known, clock).principal({"HTTP_X_API_KEY": "k"}, "offers")


def test_slots_refuse_and_recover() -> None:
    limits = Limits(2)
    with limits.events.take(), limits.events.take():
        with pytest.raises(Busy) as caught, limits.events.take():
            pass
        assert caught.value.retry_after == 1
    with limits.events.take():
        pass
    with limits.batches.take(), limits.batches.take(), pytest.raises(OffersError) as over, limits.batches.take():
        pass
    assert over.value.code == "too_many_requests"


def test_a_record_is_one_json_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.getLogger("x").makeRecord(
            "offers.web",
            logging.ERROR,
            "f",
            1,
            "failed\n%s",
            ("a",),
            __import__("sys").exc_info(),
            extra={"route": "/"},
        )
    line = JsonLines().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert (told["event"], told["level"], told["route"]) == ("failed\na", "error", "/")
    assert "ValueError" in told["traceback"]


@pytest.mark.parametrize("given", ["abc-1", "0af7651916cd43dd8448eb211c80319c", "a.b:c/d+e=f"])
def test_a_harmless_request_id_is_kept(given: str) -> None:
    assert request_id_of({"HTTP_X_REQUEST_ID": given}) == given


@pytest.mark.parametrize("given", ["", "a b", "a\r\nSet-Cookie: x", "x" * 129, "é", "<script>"])
def test_any_other_request_id_is_replaced(given: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", request_id_of({"HTTP_X_REQUEST_ID": given}))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MethodNotAllowed(["GET", "PUT"]), "method_not_allowed"),
        (RequestEntityTooLarge(), "too_large"),
        (UnsupportedMediaType(), "unsupported_media_type"),
        (ImATeapot(), "invalid_request"),
        (ZeroDivisionError("secret"), "internal"),
        (NotFound("nothing"), "not_found"),
    ],
)
def test_any_exception_becomes_a_problem(error: Exception, code: str) -> None:
    status, headers, body = render(designed(error), "r-1")
    told = json.loads(body)
    assert (status, told["code"], told["request_id"]) == (PROBLEMS[code].status, code, "r-1")
    assert b"secret" not in body
    assert dict(headers).get("Allow") == ("GET, PUT" if code == "method_not_allowed" else None)


def test_problems_to_wait_for_say_how_long() -> None:
    assert dict(render(Busy("x", retry_after=7), None)[1])["Retry-After"] == "7"
    assert dict(render(OffersError("x", code="too_many_requests"), None)[1])["Retry-After"] == "2"
    assert dict(render(Unauthorized("x"), None)[1])["WWW-Authenticate"].startswith("Bearer")


def test_pointers_and_names() -> None:
    assert pointer("cart", 0, "a/b~c") == "/cart/0/a~1b~0c"
    assert nearest("Quanttity", ["quantity", "price"]) == "quantity"
    assert nearest("zzz", ["quantity", "price"]) is None


def test_dead_letters_are_kept_by_day_and_for_thirty(tmp_path: Path, clock: HeldClock) -> None:
    folder = tmp_path / "refused"
    letters = DeadLetters(folder, clock)
    letters.keep([])
    assert not folder.exists()
    fault = FieldError("/0/price", "negative_amount", "below zero")
    letters.keep([({"event_name": "purchase", "price": -1}, [fault]), ({"n": 2**70}, [fault])])
    clock.advance(86_400)
    letters.keep([("text", [fault])])
    first, second = sorted(folder.iterdir())
    lines = [json.loads(line) for line in first.read_text().splitlines()]
    assert lines[0]["event"] == {"event_name": "purchase", "price": -1}
    assert lines[0]["errors"][0] == {"pointer": "/0/price", "code": "negative_amount", "detail": "below zero"}
    assert "2" in lines[1]["event"]
    assert second.name == "2026-03-03.ndjson"
    clock.advance(30 * 86_400)
    letters.keep([("later", [fault])])
    assert [p.name for p in sorted(folder.iterdir())] == ["2026-03-03.ndjson", "2026-04-02.ndjson"]


def test_a_full_disk_does_not_fail_the_request(tmp_path: Path, clock: HeldClock) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    DeadLetters(blocked, clock).keep([("x", [FieldError("", "invalid", "x")])])
