"""The embedded server: durable, found again after any end, never two on one append-only file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from offers.errors import OffersError
from offers.state.instance import InstanceLock, holder
from offers.state.leash import lock_holder
from offers.state.server import EmbeddedServer, find_binary, socket_url


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("instance")


@pytest.fixture
def running(home: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(home)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def client(server: EmbeddedServer) -> redis.Redis:
    return redis.Redis.from_url(server.url, decode_responses=True)


def gone(pid: int, patience_s: float = 5.0) -> bool:
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_it_is_durable_private_and_off_the_network(running: EmbeddedServer, home: Path) -> None:
    with client(running) as r:
        told = r.config_get("append*", "maxmemory-policy", "port", "hash-max-listpack-entries")
    assert told["appendonly"] == "yes"
    assert told["appendfsync"] == "always"
    assert told["maxmemory-policy"] == "noeviction"
    assert told["port"] == "0"
    assert told["hash-max-listpack-entries"] == "512"
    assert (home / "run" / "valkey.sock").stat().st_mode & 0o077 == 0
    assert running.url == socket_url(home)


def test_what_was_written_is_there_after_a_clean_stop(home: Path) -> None:
    for n in range(3):
        with EmbeddedServer(home) as server, client(server) as r:
            assert r.incr("starts") == n + 1
    assert not (home / "run" / "valkey.sock").exists()


@pytest.mark.kill
def test_a_killed_server_starts_again_with_everything_acknowledged(home: Path) -> None:
    server = EmbeddedServer(home)
    for n in range(3):
        server.start()
        with client(server) as r:
            assert r.incr("starts") == n + 1
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert server._process is not None
        server._process.wait(5)
        assert not server.alive()
    server.stop()


@pytest.mark.kill
def test_a_torn_end_of_the_append_only_file_is_cut_off(home: Path) -> None:
    server = EmbeddedServer(home)
    server.start()
    with client(server) as r:
        r.set("kept", "yes")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    [tail] = (home / "state" / "appendonlydir").glob("*.incr.aof")
    with tail.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$4\r\nto")
    with EmbeddedServer(home) as again, client(again) as r:
        assert r.get("kept") == "yes"
        assert r.dbsize() == 1


HOLD = """
import sys, time
from pathlib import Path
from offers.state.server import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.kill
def test_it_dies_with_the_process_that_started_it(home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, home], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    assert gone(pid)
    with EmbeddedServer(home) as server:
        assert server.ready()


def test_an_orphan_is_shut_down_and_replaced(home: Path) -> None:
    first = EmbeddedServer(home)
    # As if its instance had vanished without taking it along: nobody but the lock knows of it.
    binary = str(find_binary())
    (home / "run").mkdir()
    (home / "state").mkdir()
    leash = str(Path(sys.modules["offers.state.leash"].__file__ or ""))
    orphan = subprocess.Popen(
        f"{sys.executable} -I -S {leash} {os.getpid()} 0 {home}/run/valkey.lock {binary} --port 0"
        f" --unixsocket {home}/run/valkey.sock --dir {home}/state --appendonly yes --appendfsync always".split(),
        stdout=subprocess.DEVNULL,
    )
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            with client(first) as r:
                r.set("by", "orphan")
                break
        except redis.ConnectionError:
            time.sleep(0.02)
    assert lock_holder(home / "run" / "valkey.lock") == orphan.pid
    with first, client(first) as r:
        assert orphan.wait(5) == 0
        assert r.get("by") == "orphan"
        assert first.pid != orphan.pid


@pytest.mark.kill
def test_a_hanging_server_is_killed_when_its_time_is_up(home: Path) -> None:
    server = EmbeddedServer(home)
    server.start()
    assert server.pid is not None
    process = server._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    server.stop(patience_s=0.2)
    assert process.returncode == -signal.SIGKILL


def test_a_long_path_gets_a_short_socket(home: Path) -> None:
    deep = home / ("d" * 60) / ("e" * 60)
    with EmbeddedServer(deep) as server:
        assert len(server.url) < 108
        assert server.url == socket_url(deep)
        assert Path(server.url.removeprefix("unix://")).parent.stat().st_mode & 0o777 == 0o700
    Path(server.url.removeprefix("unix://")).parent.rmdir()


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    (home / "state" / "appendonlydir").mkdir(parents=True)
    (home / "state" / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(OffersError, match="ended with 1: ") as caught, EmbeddedServer(home):
        pass
    assert caught.value.code == "state_unavailable"


def test_writes_can_be_refused_while_reads_go_on(running: EmbeddedServer) -> None:
    with client(running) as r:
        r.set("a", 1)
        running.refuse_writes(True)
        with pytest.raises(redis.ResponseError, match=r"^NOREPLICAS"):
            r.set("a", 2)
        with pytest.raises(redis.ResponseError, match="NOREPLICAS"):
            r.eval("return redis.call('SET', KEYS[1], 3)", 1, "a")
        assert r.get("a") == "1"
        running.refuse_writes(False)
        assert r.set("a", 4)


def test_one_instance_holds_a_directory_and_is_named(home: Path) -> None:
    assert holder(home) is None
    with InstanceLock(home, role="session"):
        told = holder(home)
        assert told is not None
        assert (told.pid, told.role) == (os.getpid(), "session")
        with pytest.raises(OffersError, match=rf"held by process {os.getpid()} \(offers session\)") as caught:
            InstanceLock(home).acquire(patience_s=0.1)
        assert caught.value.code == "already_running"
    assert holder(home) is None
    with InstanceLock(home):
        pass
