"""The writer on real servers and real tables: exactly once, whatever comes in between."""

from __future__ import annotations

import json
import threading
from typing import Any

import polars as pl
import pytest
from deltalake import CommitProperties, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from offers.clock import HeldClock
from offers.domain.event import Event
from offers.errors import OffersError
from offers.ledger import codec, maintenance
from offers.ledger.lease import Lease
from offers.ledger.scan import events
from offers.ledger.table import stream_app
from offers.ledger.writer import Writer

DAY = 86_400_000_000
NOW = 1_772_452_800_000_000


def view(name: str, day: int = 0, **more: Any) -> Event:
    """An event with a time of its own."""
    return Event(name, "view_item", NOW - day * DAY, NOW + 5, customer_id="c", **more)


def undated(name: str, at: int) -> Event:
    """An event that carries the time of its arrival."""
    return Event(name, "view_item", at, at)


def decision(name: str) -> bytes:
    return codec.dump(Event(name, "decision", NOW, NOW, params={"placement": "checkout"}))


def test_stream_and_spool_end_up_in_the_table_once(ledger: Any) -> None:
    spool = ledger.spool()
    ledger.send(view("a"), view("b", 400))
    spool.append(decision("d1"))
    writer = ledger.writer()
    drained = writer.drain()
    assert (drained.stream, drained.spool, drained.duplicates, drained.trimmed) == (2, 1, 0, 2)
    assert ledger.ids() == ["a", "b", "d1"]
    assert ledger.stream.length() == 0
    again = writer.drain()
    assert (again.stream, again.spool, again.version) == (0, 0, -1)
    spool.append(decision("d2"))
    ledger.send(view("c"))
    assert writer.drain().version == 2
    assert ledger.ids() == ["a", "b", "c", "d1", "d2"]
    rows = ledger.rows()
    assert rows.filter(pl.col("position").is_null())["event_id"].to_list() == ["d1", "d2"]
    assert dict(rows.select("event_id", "kind").iter_rows())["d1"] == "decision"


def test_an_idle_writer_commits_nothing(ledger: Any) -> None:
    writer = ledger.writer()
    for _ in range(5):
        writer.drain()
    assert ledger.table.version() == 0


def test_only_what_is_projected_is_trimmed(ledger: Any) -> None:
    ledger.send(*(view(str(n)) for n in range(10)))
    writer = ledger.writer(projected=ledger.stream.projected)
    assert writer.drain().trimmed == 0
    assert ledger.stream.length() == 10
    fifth = ledger.stream.read(0, 5)[-1][0]
    ledger.stream.set_projected(fifth)
    assert writer.drain().trimmed == 5
    assert ledger.stream.length() == 5
    assert len(ledger.ids()) == 10


def test_only_what_is_old_enough_is_trimmed(ledger: Any, clock: HeldClock) -> None:
    ledger.send(view("a"))
    import time

    clock.us = time.time_ns() // 1000
    writer = ledger.writer(trim_only_older_seconds=3600)
    assert writer.drain().trimmed == 0
    clock.advance(3700)
    assert writer.drain().trimmed == 1


def test_more_than_one_pass_takes(ledger: Any) -> None:
    ledger.send(*(view(str(n)) for n in range(25)))
    spool = ledger.spool()
    for n in range(20):
        spool.append(decision(f"d{n}"))
    writer = ledger.writer(max_entries=10, max_spool_bytes=500)
    assert writer.drain().more
    writer.drain_all()
    assert len(ledger.ids()) == len(set(ledger.ids())) == 45


def test_finished_spool_files_go_after_their_commit(ledger: Any) -> None:
    spool = ledger.spool()
    spool.append(decision("d1"))
    writer = ledger.writer()
    writer.drain()
    assert list(spool.slot.glob("*.jsonl"))
    spool.close()
    writer.drain()
    assert not list(spool.slot.glob("*.jsonl"))
    again = ledger.spool()
    again.append(decision("d2"))
    writer.drain()
    assert ledger.ids() == ["d1", "d2"]


@pytest.mark.parametrize("days_later", [0, 31, 400])
def test_a_repeat_is_dropped_however_late_it_comes(ledger: Any, clock: HeldClock, days_later: int) -> None:
    writer = ledger.writer()
    ledger.send(view("a", 3), view("b", 3))
    writer.drain()
    clock.advance(days_later * 86_400)
    ledger.forget_ids()
    assert ledger.send(view("a", 3), view("c", 3)) == ["accepted", "accepted"]
    assert writer.drain().duplicates == 1
    assert ledger.ids() == ["a", "b", "c"]
    assert writer.counts.duplicates == 1


def test_a_late_repeat_without_a_time_of_its_own_is_dropped(ledger: Any, clock: HeldClock) -> None:
    """It would fall into the day of its second arrival, where the first is not."""
    writer = ledger.writer()
    ledger.send(undated("u1", NOW), undated("u2", NOW))
    writer.drain()
    for later in (1, 40, 300):
        ledger.forget_ids()
        assert ledger.send(undated("u1", NOW + later * DAY)) == ["accepted"]
        assert writer.drain().duplicates == 1
    ledger.forget_ids()
    ledger.send(undated("u2", NOW + 40 * DAY), undated("u3", NOW + 40 * DAY))
    writer.drain()
    assert ledger.ids() == ["u1", "u2", "u3"]


def test_a_new_writer_knows_the_undated_of_the_one_before(ledger: Any) -> None:
    first = ledger.writer()
    ledger.send(undated("u1", NOW))
    first.drain()
    first.lease.release()
    ledger.forget_ids()
    ledger.send(undated("u1", NOW + 50 * DAY))
    assert ledger.writer().drain().duplicates == 1


def test_repeats_within_one_pass(ledger: Any) -> None:
    ledger.send(view("a"), view("b"))
    ledger.forget_ids()
    ledger.send(view("b"), view("c"))
    drained = ledger.writer().drain()
    assert drained.duplicates == 1
    assert ledger.ids() == ["a", "b", "c"]


def test_a_pass_of_repeats_alone_moves_on(ledger: Any) -> None:
    writer = ledger.writer()
    ledger.send(view("a"))
    writer.drain()
    ledger.forget_ids()
    ledger.send(view("a"))
    assert writer.drain().trimmed == 1
    assert ledger.table.committed_position(ledger.stream.uuid()) == ledger.stream.last_position()


def test_the_first_of_a_conflict_stays(ledger: Any) -> None:
    writer = ledger.writer()
    ledger.send(view("a", params={"n": 1}))
    writer.drain()
    ledger.forget_ids()
    ledger.send(view("a", params={"n": 2}))
    writer.drain()
    assert json.loads(ledger.rows()["params"][0]) == {"n": 1}


def test_what_is_no_event_is_set_aside_and_stops_nothing(ledger: Any) -> None:
    client = ledger.server.client()
    ledger.send(view("a"))
    client.xadd(ledger.stream.keys.stream, {"e": b"\xffnonsense"})
    client.xadd(ledger.stream.keys.stream, {"x": "y"})
    spool = ledger.spool()
    spool.append(b"\0\0\0")
    spool.append(decision("d"))
    ledger.send(view("b"))
    drained = ledger.writer().drain()
    assert (drained.stream, drained.spool, drained.set_aside) == (2, 1, 3)
    assert ledger.ids() == ["a", "b", "d"]
    aside = (ledger.spool_dir / "set-aside.jsonl").read_text().splitlines()
    assert len(aside) == 3
    assert ledger.stream.length() == 0


def test_a_stale_snapshot_of_the_same_stream_is_refused(ledger: Any) -> None:
    """The fence that makes a writer which slept through its lease harmless."""
    stale = ledger.table.delta()
    ledger.send(view("a"))
    ledger.writer().drain()
    app = stream_app(ledger.stream.uuid())
    with pytest.raises(CommitFailedError):
        write_deltalake(
            stale,
            codec.frame([(1, view("zombie"))]),
            mode="append",
            commit_properties=CommitProperties(app_transactions=[Transaction(app, 1)]),
        )
    assert ledger.ids() == ["a"]


def test_a_writer_whose_lease_was_taken_mid_pass_writes_nothing_twice(ledger: Any) -> None:
    """The second one runs a whole pass between the first one's read and its commit."""
    ledger.send(*(view(str(n)) for n in range(20)))
    client = ledger.server.client()
    second: Writer = ledger.writer()
    done: list[Any] = []

    def interfere(step: str) -> None:
        if step == "read" and not done:
            client.delete(ledger.stream.keys.lease)
            done.append(second.drain())

    first = ledger.writer(crash_point=interfere)
    first.drain()
    assert done[0].stream == 20
    assert first.counts.conflicts == 1
    assert ledger.ids() == sorted(str(n) for n in range(20))


def test_two_writers_at_once_write_everything_once(ledger: Any) -> None:
    stop = threading.Event()
    writers = [ledger.writer(flush_seconds=0.01, lease_ms=40) for _ in range(2)]
    threads = [threading.Thread(target=w.run, args=(stop,)) for w in writers]
    for thread in threads:
        thread.start()
    spool = ledger.spool()
    client = ledger.server.client()
    for batch in range(40):
        ledger.send(*(view(f"{batch:03d}-{n}", batch % 5) for n in range(10)))
        spool.append(decision(f"d{batch:03d}"))
        if batch % 7 == 0:
            client.delete(ledger.stream.keys.lease)  # as if it had run out
    stop.set()
    for thread in threads:
        thread.join(30)
    ledger.writer().drain_all()
    expected = [f"{b:03d}-{n}" for b in range(40) for n in range(10)] + [f"d{b:03d}" for b in range(40)]
    assert ledger.ids() == sorted(expected)


def test_a_lease_is_one_at_a_time_and_that_of_a_dead_process_is_taken_at_once(ledger: Any) -> None:
    client = ledger.server.client()
    first, second = Lease(client, ledger.stream.keys), Lease(client, ledger.stream.keys)
    assert first.acquire() == (True, True)
    assert first.acquire() == (True, False)
    assert second.acquire() == (False, False)
    first.release()
    assert second.acquire() == (True, True)
    machine = first.token.partition("|")[0]
    client.set(ledger.stream.keys.lease, f"{machine}|999999999|1|dead")
    assert first.acquire() == (True, True)
    client.set(ledger.stream.keys.lease, "elsewhere|999999999|1|unknown")
    assert first.acquire() == (False, False)


def test_without_the_lease_the_spool_is_drained_all_the_same(ledger: Any) -> None:
    ledger.server.client().set(ledger.stream.keys.lease, "another machine")
    ledger.send(view("a"))
    ledger.spool().append(decision("d"))
    drained = ledger.writer().drain()
    assert (drained.stream, drained.spool) == (0, 1)
    assert ledger.ids() == ["d"]


def test_a_stream_that_ends_before_the_committed_position_is_refused(ledger: Any) -> None:
    ledger.send(view("a"))
    ledger.writer().drain()
    client = ledger.server.client()
    client.delete(ledger.stream.keys.stream)
    client.delete(ledger.stream.keys.lease)
    client.xadd(ledger.stream.keys.stream, {"e": codec.dump(view("b"))}, id="5-0")
    with pytest.raises(OffersError) as caught:
        ledger.writer().drain()
    assert caught.value.code == "ledger_damaged"
    assert ledger.stream.length() == 1


def test_a_table_that_lacks_what_was_trimmed_is_refused(ledger: Any) -> None:
    ledger.send(view("a"))
    ledger.writer().drain()
    ledger.table.delta().restore(0)
    client = ledger.server.client()
    client.delete(ledger.stream.keys.lease)
    ledger.stream.client.set(ledger.stream.keys.trimmed, ledger.stream.last_position() + 5)
    client.xadd(ledger.stream.keys.stream, {"e": codec.dump(view("b"))})
    with pytest.raises(OffersError) as caught:
        ledger.writer().drain()
    assert caught.value.code == "ledger_damaged"


def test_a_server_that_lost_everything_goes_on_with_a_new_stream(ledger: Any) -> None:
    ledger.send(view("a"))
    ledger.writer().drain()
    ledger.server.client().flushall()
    ledger.send(view("b"), view("a"))
    ledger.writer().drain()
    assert ledger.ids() == ["a", "b"]


def test_appends_beside_compaction_and_erasure(ledger: Any) -> None:
    """Whoever commits second reads again: nothing lost, nothing double."""
    steps: list[str] = []

    def interfere(step: str) -> None:
        if step == "read" and len(steps) < 6:
            steps.append(step)
            maintenance.compact(ledger.table)
            maintenance.erase(ledger.table, [f"c:x{len(steps) - 2}"])

    writer = ledger.writer(crash_point=interfere)
    for n in range(8):
        ledger.send(view(f"k{n}"), Event(f"x{n}", "view_item", NOW, NOW + 5, customer_id=f"x{n}"))
        writer.drain()
    assert steps
    assert writer.counts.conflicts > 0
    assert [i for i in ledger.ids() if i.startswith("k")] == [f"k{n}" for n in range(8)]
    assert len(ledger.ids()) == len(set(ledger.ids()))


def test_a_server_that_dies_under_the_writer_is_waited_for(ledger: Any) -> None:
    stop = threading.Event()
    writer = ledger.writer(flush_seconds=0.01)
    thread = threading.Thread(target=writer.run, args=(stop,))
    thread.start()
    ledger.send(view("a"))
    threading.Event().wait(0.3)
    ledger.server.process.kill()
    ledger.server.process.wait()
    threading.Event().wait(0.3)
    assert thread.is_alive()
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    assert ledger.ids() == ["a"]


def test_a_decision_told_again_is_found_among_files_of_its_time(ledger: Any) -> None:
    """Lines that are read once more under another name, as after the spool's own name was lost."""
    lines = [codec.dump(Event(f"d{n}", "decision", NOW + n * 60_000_000, NOW + n * 60_000_000)) for n in range(6)]
    spool = ledger.spool()
    writer = ledger.writer()
    for line in lines[:4]:
        spool.append(line)
        assert writer.drain().spool == 1
    other = ledger.spool()
    for line in [lines[0], lines[3], lines[3], lines[4]]:
        other.append(line)
    drained = writer.drain()
    assert (drained.spool, drained.duplicates) == (4, 3)
    for line in lines:
        other.append(line)
    drained = ledger.writer().drain()
    assert drained.duplicates == 5
    found = events(ledger.table).select("event_id").collect()["event_id"]
    assert sorted(found) == [f"d{n}" for n in range(6)]


def test_the_writer_goes_on_from_checkpoints_of_its_own(ledger: Any) -> None:
    spool = ledger.spool()
    writer = ledger.writer()
    for n in range(70):
        spool.append(decision(f"d{n}"))
        assert writer.drain().spool == 1
    made = sorted((ledger.table.local / "_delta_log").glob("*.checkpoint.parquet"))
    assert len(made) == 2
    assert ledger.table.rows() == 70
    assert ledger.writer().drain_all() == 0


def test_a_commit_beside_the_writer_is_seen_by_its_next_pass(ledger: Any) -> None:
    spool = ledger.spool()
    first, second = ledger.writer(), ledger.writer()
    for n in range(6):
        spool.append(decision(f"d{n}"))
        assert (first if n % 2 else second).drain().spool == 1
    assert (first.drain().spool, second.drain().spool) == (0, 0)
    assert ledger.table.rows() == 6
