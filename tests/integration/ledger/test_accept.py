"""Acceptance on real servers: verdicts, generations of ids, limits, positions."""

from __future__ import annotations

import threading
from hashlib import blake2b
from typing import Any

import pytest
import redis

from offers.clock import HeldClock
from offers.domain.event import Event
from offers.errors import Busy, Conflict, StateUnavailable
from offers.ledger import codec, position, seen
from offers.ledger.accept import EventStream, Verdict

DAY = 86_400


def event(name: str, **more: Any) -> Event:
    fields = {"event_name": "view_item", "occurred_at": 1, "received_at": 2, **more}
    return Event(name, **fields)


def digest(body: str) -> bytes:
    return blake2b(body.encode(), digest_size=8).digest()


def send(stream: EventStream, *pairs: tuple[str, str]) -> list[str]:
    """Verdicts of events of these ids and bodies."""
    verdicts = stream.append([event(i) for i, _ in pairs], [digest(b) for _, b in pairs])
    return [str(v) for v, _ in verdicts]


@pytest.fixture
def stream(server: Any, clock: HeldClock) -> EventStream:
    return EventStream(server.client(), "shop", clock, max_entries=10_000)


def test_verdicts(stream: EventStream) -> None:
    assert send(stream, ("a", "1"), ("b", "1"), ("a", "1"), ("a", "2")) == [
        "accepted",
        "accepted",
        "duplicate",
        "conflict",
    ]
    assert send(stream, ("a", "1"), ("a", "2"), ("c", "1")) == ["duplicate", "conflict", "accepted"]
    assert [e.event_id for _, e in stream.read(0, 10)] == ["a", "b", "c"]


def test_an_unknown_name_is_stored_and_said_to_be_unused(stream: EventStream) -> None:
    ((verdict, at),) = stream.append([event("x", event_name="danced")], [digest("x")])
    assert verdict is Verdict.stored_unused
    assert stream.read(0, 5) == [(at, event("x", event_name="danced"))]
    ((verdict, at),) = stream.append([event("x", event_name="danced")], [digest("x")])
    assert (verdict, at) == (Verdict.duplicate, None)


def test_one_batch_is_one_call_and_one_entry_an_event(stream: EventStream, server: Any) -> None:
    send(stream, ("warm", "up"))
    client = server.client()
    before = client.info("stats")["total_commands_processed"]
    calls = int(client.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"])
    assert set(send(stream, *((str(n), "b") for n in range(100)))) == {"accepted"}
    assert int(client.info("commandstats")["cmdstat_evalsha"]["calls"]) == calls + 1
    assert before
    assert stream.length() == 101


def test_positions_rise_and_are_those_of_the_stream(stream: EventStream) -> None:
    positions = [at for _, at in stream.append([event(str(n)) for n in range(300)], [digest("x")] * 300)]
    assert positions == sorted(set(positions))
    assert [at for at, _ in stream.read(0, 1000)] == positions
    assert stream.last_position() == positions[-1]
    assert [at for at, _ in stream.read(positions[9], 2)] == positions[10:12]


def test_an_empty_batch_and_a_wrong_one(stream: EventStream) -> None:
    assert stream.append([], []) == []
    with pytest.raises(ValueError):
        stream.append([event("a")], [b"short"])
    with pytest.raises(ValueError):
        stream.append([event("a")], [])


def test_verdicts_are_exact_for_thirty_days_and_no_longer_kept_after(stream: EventStream, clock: HeldClock) -> None:
    for day in range(0, 60, 3):
        assert send(stream, (f"d{day}", "body")) == ["accepted"]
        for earlier in range(max(0, day - 30), day, 3):
            assert send(stream, (f"d{earlier}", "body"), (f"d{earlier}", "other")) == ["duplicate", "conflict"]
        stream.sweep()
        clock.advance(3 * DAY)
    clock.advance(60 * DAY)
    assert stream.sweep() > 0
    assert send(stream, ("d0", "other")) == ["accepted"]


def test_swept_ids_leave_no_keys_behind(stream: EventStream, clock: HeldClock, server: Any) -> None:
    send(stream, *((str(n), "b") for n in range(500)))
    clock.advance(16 * DAY)
    send(stream, ("later", "b"))
    send(stream, ("later still", "b"))
    clock.advance(31 * DAY)
    assert stream.sweep() > 300
    assert len(list(server.client().scan_iter("*seen:*"))) == 1
    assert send(stream, ("later still", "b")) == ["duplicate"]


def test_a_full_generation_is_followed_by_a_larger_one(
    stream: EventStream, server: Any, monkeypatch: pytest.MonkeyPatch, clock: HeldClock
) -> None:
    monkeypatch.setattr(seen, "_SMALLEST", 2)
    other = EventStream(server.client(), "shop", clock)  # another process, with a view of its own
    ids = [f"e{n}" for n in range(6000)]
    for start in range(0, len(ids), 100):
        writer = stream if start % 200 else other
        assert set(send(writer, *((i, "b") for i in ids[start : start + 100]))) == {"accepted"}
    view = seen.SeenIds(server.client(), stream.keys).reload(clock.now_us())
    assert [g.buckets for g in view.live] == [128, 32, 8, 2]
    for start in range(0, len(ids), 500):
        assert set(send(stream, *((i, "b") for i in ids[start : start + 500]))) == {"duplicate"}
        assert set(send(other, *((i, "c") for i in ids[start : start + 500]))) == {"conflict"}


def test_ids_take_little_memory(stream: EventStream, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "_SMALLEST", 64)
    client = server.client()
    for start in range(0, 5000, 1000):
        send(stream, *((f"order-{n}", "b") for n in range(start, start + 1000)))
    used = sum(client.memory_usage(key) for key in client.scan_iter("*:seen:*"))
    assert used / 5000 < 32
    assert {client.object("encoding", key) for key in client.scan_iter("*:seen:*")} == {b"listpack"}


def test_a_server_that_lost_its_data_starts_anew(stream: EventStream, server: Any) -> None:
    send(stream, ("a", "1"))
    first = stream.uuid()
    server.client().flushall()
    assert send(stream, ("a", "1")) == ["accepted"]
    assert stream.uuid() != first


def test_a_full_stream_takes_nothing_of_a_batch(server: Any, clock: HeldClock) -> None:
    stream = EventStream(server.client(), "shop", clock, max_entries=10)
    send(stream, *((str(n), "b") for n in range(8)))
    with pytest.raises(Busy):
        send(stream, ("x", "b"), ("y", "b"), ("z", "b"))
    assert stream.length() == 8
    assert send(stream, ("x", "b"), ("y", "b")) == ["accepted", "accepted"]


def test_out_of_memory_takes_nothing_of_a_batch(stream: EventStream, server: Any) -> None:
    send(stream, ("a", "b"))
    client = server.client()
    client.config_set("maxmemory", 1)
    with pytest.raises(Busy) as caught:
        send(stream, ("b", "b"), ("c", "b"))
    assert caught.value.retry_after
    client.config_set("maxmemory", 0)
    assert stream.length() == 1
    assert send(stream, ("b", "b"), ("c", "b")) == ["accepted", "accepted"]


def test_a_server_that_is_gone_is_said_to_be(stream: EventStream, server: Any) -> None:
    server.process.kill()
    server.process.wait()
    with pytest.raises(StateUnavailable):
        send(stream, ("a", "b"))
    with pytest.raises(StateUnavailable):
        stream.projected()


def test_what_was_acknowledged_survives_the_death_of_the_server(stream: EventStream, server: Any) -> None:
    """Append-only with fsync always: the file holds every entry at the moment of the answer."""
    send(stream, *((f"e{n}", "b") for n in range(50)))
    folder = server.client().config_get("dir")["dir"]
    server.process.kill()
    server.process.wait()
    found = b""
    import pathlib

    for path in pathlib.Path(folder).rglob("*.aof"):
        found += path.read_bytes()
    assert all(codec.dump(event(f"e{n}")) in found for n in range(50))


def test_the_clock_of_the_server_set_back_keeps_positions_valid(stream: EventStream, server: Any) -> None:
    """Ids then go on within the last millisecond; the script leaves it before its numbers run out."""
    client = server.client()
    ahead = 4_000_000_000_000
    client.xadd(stream.keys.stream, {"e": codec.dump(event("future"))}, id=f"{ahead}-999998")
    positions = [at for _, at in stream.append([event(str(n)) for n in range(5)], [digest("x")] * 5)]
    assert positions == [
        position.encode(f"{ahead}-999999"),
        position.encode(f"{ahead}-1000000"),
        position.encode(f"{ahead + 1}-0"),
        position.encode(f"{ahead + 1}-1"),
        position.encode(f"{ahead + 1}-2"),
    ]


def test_progress_only_rises(stream: EventStream) -> None:
    assert stream.projected() == 0
    assert stream.set_projected(1 << 60) == 1 << 60
    assert stream.set_projected(999) == 1 << 60
    assert stream.set_projected((1 << 60) + 1) == stream.projected() == (1 << 60) + 1
    stream.reset_projected(7)
    assert stream.projected() == 7
    stream.set_committed(70)
    stream.set_committed(8)
    assert stream.committed() == 70


def test_waiting_readers_see_an_event_at_once_and_take_nothing_away(stream: EventStream, server: Any) -> None:
    got: list[Any] = []
    reader = EventStream(server.client(), "shop")
    threads = [threading.Thread(target=lambda: got.append(reader.read(0, 10, block_ms=5000))) for _ in range(2)]
    for thread in threads:
        thread.start()
    threading.Event().wait(0.2)
    send(stream, ("a", "b"))
    for thread in threads:
        thread.join(3)
    assert [[e.event_id for _, e in found] for found in got] == [["a"], ["a"]]
    assert reader.read(stream.last_position(), 10, block_ms=20) == []


def test_a_wait_ends_before_the_connections_own_limit(server: Any) -> None:
    client = redis.Redis.from_url(server.url, socket_timeout=0.4)
    assert EventStream(client, "shop").read(0, 10, block_ms=5000) == []


def test_what_is_no_event_is_passed_over_by_readers(stream: EventStream, server: Any) -> None:
    client = server.client()
    client.xadd(stream.keys.stream, {"other": "x"})
    client.xadd(stream.keys.stream, {"e": "nonsense"})
    assert stream.read(0, 1) == []  # the last of them was passed; nothing follows
    send(stream, ("a", "b"))
    assert [e.event_id for _, e in stream.read(0, 1)] == ["a"]


def test_trimming_keeps_what_comes_after_and_needs_the_lease(stream: EventStream, server: Any) -> None:
    positions = [at for _, at in stream.append([event(str(n)) for n in range(10)], [digest("x")] * 10)]
    assert stream.trim(int(positions[3] or 0)) == 4
    assert [at for at, _ in stream.read(0, 100)] == positions[4:]
    assert stream.trimmed() == positions[3]
    server.client().set(stream.keys.lease, "another")
    with pytest.raises(Conflict):
        stream.trim(int(positions[5] or 0), token="mine")
    assert stream.trim(int(positions[9] or 0), token="another") == 6
    assert stream.last_position() == positions[9]


def test_all_keys_share_a_slot(stream: EventStream, server: Any) -> None:
    send(stream, ("a", "b"))
    stream.uuid()
    stream.set_projected(1)
    assert all(b"{ledger}" in key for key in server.client().scan_iter())
