"""A service under its supervisor: it starts, mends itself whatever is killed, and ends in order."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import StandIn

kill = pytest.mark.kill


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def eventually(check: object, patience_s: float = 15.0) -> bool:
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        if check():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


def test_it_starts_answers_and_ends_in_order(standin: StandIn) -> None:
    standin.start()
    assert standin.get("/state") == "1"
    assert len(standin.api_workers) == 2
    assert eventually(lambda: "KEY-1" in standin.log())
    children = standin.everything()
    worker = standin.worker
    answers: list[str | None] = []
    slow = threading.Thread(target=lambda: answers.append(standin.get("/slow")))
    slow.start()
    time.sleep(0.3)
    assert standin.stop() == 0
    slow.join()
    assert answers != [None], "the request in flight was cut off"
    assert (standin.home / "worker-ended").read_text() == str(worker)
    assert not any(map(lives, children))
    assert "Valkey is now ready to exit" in (standin.home / "run" / "valkey.log").read_text()
    lines = [line for line in standin.log().splitlines() if not line.startswith(("offers is", "The first", "  KEY"))]
    assert {json.loads(line)["level"] for line in lines} <= {"info", "warning"}
    # Once more: nothing is in the way, the count goes on, the key is not shown again.
    standin.start()
    assert standin.get("/state") == "2"
    assert standin.stop() == 0
    assert standin.log().count("KEY-1") == 1


@kill
def test_whatever_child_is_killed_is_replaced(standin: StandIn) -> None:
    standin.start()
    assert eventually(lambda: len(standin.api_workers) == 2)

    def whole() -> bool:
        return (
            len(standin.find("valkey-server")) == 1
            and len(standin.find("standin_worker")) == 1
            and len(standin.api_workers) == 2
            and standin.get("/state") is not None
        )

    assert whole()
    count = 1
    for victim in ("worker", "server", "api worker", "api"):
        pid = {
            "worker": lambda: standin.worker,
            "server": lambda: standin.server,
            "api worker": lambda: standin.api_workers[0],
            "api": lambda: standin.api,
        }[victim]()
        workers = standin.api_workers
        os.kill(pid, signal.SIGKILL)
        assert eventually(lambda pid=pid: not lives(pid) and whole()), f"{victim}: {standin.log()[-3000:]}"
        if victim == "api":
            assert not any(map(lives, workers)), "granian's workers outlived it"
    now = standin.get("/state")
    assert now is not None
    assert int(now) > count
    assert standin.stop() == 0


@kill
def test_all_workers_killed_together_and_again(standin: StandIn) -> None:
    """granian gives up on workers that end twice within seconds; the supervisor starts it anew."""
    standin.start()
    for _ in range(3):
        assert eventually(lambda: len(standin.api_workers) == 2 and standin.get("/") is not None), standin.log()[-3000:]
        workers = standin.api_workers
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        assert eventually(lambda workers=workers: not any(map(lives, workers)))
    assert eventually(lambda: len(standin.api_workers) == 2 and standin.get("/") is not None), standin.log()[-3000:]
    assert standin.stop() == 0


@kill
def test_everything_dies_with_the_supervisor_and_it_starts_again_at_once(standin: StandIn) -> None:
    counted = 0
    for _ in range(2):
        standin.start()
        told = standin.get("/state")
        assert told is not None
        assert int(told) == counted + 1
        counted += 1
        children = standin.everything()
        assert len(children) == 5
        assert standin.process is not None
        standin.process.kill()
        standin.process.wait()
        begun = time.monotonic()
        standin.start(wait=False)
        assert eventually(lambda children=children: not any(map(lives, children)), 2.0)
        assert eventually(lambda: standin.get("/") is not None)
        assert time.monotonic() - begun < 10
        counted_now = standin.get("/state")
        assert counted_now is not None
        counted = int(counted_now)
        assert standin.stop() == 0


@kill
def test_killed_while_it_starts(standin: StandIn) -> None:
    for moment in (0.15, 0.3, 0.45, 0.6, 0.9):
        standin.start(wait=False)
        time.sleep(moment)
        children = standin.everything()
        assert standin.process is not None
        standin.process.kill()
        standin.process.wait()
        assert eventually(lambda children=children: not any(map(lives, children)), 3.0)
    standin.start()
    assert standin.stop() == 0


def test_told_to_end_while_it_starts(standin: StandIn) -> None:
    standin.start(wait=False)
    assert eventually(lambda: standin.find("valkey-server"))
    assert standin.stop() == 0


def test_a_second_one_is_refused_and_names_the_first(standin: StandIn) -> None:
    standin.start()
    first = standin.process
    assert first is not None
    standin.start(wait=False)
    second, standin.process = standin.process, first
    assert second is not None
    assert second.wait(20) != 0
    assert f"held by process {first.pid} (offers serve)" in standin.log()
    assert standin.get("/") is not None
    assert standin.stop() == 0


def test_a_port_in_use_is_told_at_once(standin: StandIn) -> None:
    with socket.socket() as other:
        # As an API worker would: the system lets several share the port.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", standin.port))
        other.listen()
        standin.start(wait=False)
        assert standin.process is not None
        assert standin.process.wait(20) != 0
    assert f"OFFERS_PORT: 127.0.0.1:{standin.port} is in use" in standin.log()


def test_an_api_that_cannot_start_is_tried_again_with_pauses(standin: StandIn) -> None:
    standin.target = "standin:failing"
    standin.start(wait=False)
    assert eventually(lambda: standin.log().count("api ended and is started again") >= 2)
    pauses = [json.loads(line)["pause_s"] for line in standin.log().splitlines() if "api ended and is" in line]
    assert pauses[:2] == [0.1, 0.2]
    assert standin.stop() == 0


def test_an_external_server_is_used_and_left_alone(standin: StandIn, tmp_path: Path) -> None:
    from offers.state.server import EmbeddedServer

    with EmbeddedServer(tmp_path / "elsewhere") as external:
        standin.settings["OFFERS_REDIS_URL"] = external.url
        standin.start()
        assert standin.find("valkey-server") == []
        assert standin.get("/state") == "1"
        assert standin.stop() == 0
        assert external.ready()


def test_an_external_server_that_is_not_durable_is_refused(standin: StandIn, tmp_path: Path) -> None:
    from offers.state.connection import command, connect
    from offers.state.server import EmbeddedServer

    with EmbeddedServer(tmp_path / "elsewhere") as external:
        client = connect(external.url, timeout_ms=1000)
        command(client, "CONFIG", "SET", "appendfsync", "everysec")
        client.close()
        standin.settings["OFFERS_REDIS_URL"] = external.url
        standin.start(wait=False)
        assert standin.process is not None
        assert standin.process.wait(20) != 0
    assert "appendfsync always" in standin.log()
