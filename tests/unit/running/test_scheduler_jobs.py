"""When jobs run, what of them is remembered, and that one's fault is not another's."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from offers.clock import HeldClock
from offers.errors import Busy
from offers.running.journal import Journal, Outcome, Record, read_journal
from offers.running.scheduler import Done, Job, Scheduler, Skipped, every

HOUR = 3600


@pytest.mark.parametrize(
    ("outcome", "elapsed_s", "due"),
    [
        ("ok", HOUR - 1, False),
        ("ok", HOUR, True),
        ("failed", 59, False),
        ("failed", 60, True),
        ("skipped", 299, False),
        ("skipped", 300, True),
        ("ok", -5, True),
    ],
)
def test_every(outcome: Outcome, elapsed_s: int, due: bool) -> None:
    rule = every(HOUR, after_skip=300, after_failure=60)
    now = 10**15
    assert rule(Record(now - elapsed_s * 10**6, 1.0, outcome), now) is due
    assert rule(None, now)


def test_runs_are_remembered_beyond_the_process(tmp_path: Path, clock: HeldClock) -> None:
    ran: list[str] = []

    def job(name: str, fault: BaseException | None = None) -> Job:
        def run(last: Record | None, stop: threading.Event) -> Done:
            ran.append(f"{name} after {last.mark if last else None}")
            if fault is not None:
                raise fault
            return Done("fine", f"mark {len(ran)}")

        return Job(name, every(HOUR), run)

    jobs = [job("a"), job("b", RuntimeError("secret")), job("c", Busy("not now")), job("d", Skipped("nothing new"))]
    path = tmp_path / "jobs.json"
    Scheduler(jobs, Journal(path), clock).look(threading.Event())
    told = {name: (record.outcome, record.detail) for name, record in read_journal(path).items()}
    assert told == {
        "a": ("ok", "fine"),
        "b": ("failed", "RuntimeError"),
        "c": ("failed", "not now"),
        "d": ("skipped", "nothing new"),
    }
    # A new process: nothing is due again at once; later it is, and knows the mark.
    again = Scheduler(jobs, Journal(path), clock)
    again.look(threading.Event())
    assert len(ran) == 4
    clock.advance(HOUR)
    again.look(threading.Event())
    assert ran[4:] == ["a after mark 1", "b after ", "c after ", "d after "]


def test_nothing_begins_when_the_process_ends(tmp_path: Path, clock: HeldClock) -> None:
    stop = threading.Event()

    def run(last: Record | None, asked: threading.Event) -> Done:
        stop.set()
        return Done()

    def never(last: Record | None, asked: threading.Event) -> Done:
        raise AssertionError

    Scheduler([Job("a", every(1), run), Job("b", every(1), never)], Journal(tmp_path / "j"), clock).look(stop)
    assert list(read_journal(tmp_path / "j")) == ["a"]


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": {"b": 2}}', "\0"])
def test_a_damaged_journal_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "j").write_text(text)
    assert read_journal(tmp_path / "j") == {}
    assert read_journal(tmp_path / "absent") == {}
