"""Threads of a worker: one that fails ends them all; what passes is waited out."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from offers.errors import InvalidInput, OffersError, StateUnavailable
from offers.logs import JsonLines
from offers.running.counters import WorkerCounters
from offers.running.forgotten import merge, read_forgotten, remember_forgotten
from offers.running.worker import Worker


def idle(stop: threading.Event) -> None:
    stop.wait()


@pytest.mark.parametrize("fault", [RuntimeError("x"), OffersError("x", code="ledger_damaged"), None])
def test_an_unexpected_end_of_a_thread_wakes_the_process(fault: BaseException | None) -> None:
    def fails(stop: threading.Event) -> None:
        if fault is not None:
            raise fault

    worker = Worker({"idle": idle, "fails": fails})
    worker.start()
    worker.wait()
    assert worker.failed == "fails"
    assert worker.end("idle")


def test_a_server_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offers.running.worker._AGAIN_S", 0.001)
    tries: list[int] = []

    def waits(stop: threading.Event) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise StateUnavailable("away") if len(tries) == 1 else OSError("no space left")
        stop.wait()

    worker = Worker({"waits": waits})
    worker.start()
    while len(tries) < 3:
        pass
    assert worker.end("waits")
    assert worker.failed is None


def test_a_thread_that_does_not_end_is_left_behind() -> None:
    release = threading.Event()

    def stubborn(stop: threading.Event) -> None:
        release.wait()
        stop.wait()

    worker = Worker({"stubborn": stubborn})
    worker.start()
    assert not worker.end("stubborn", patience_s=0.01)
    release.set()


def test_a_log_record_is_one_line_of_json() -> None:
    record = logging.makeLogRecord({"name": "offers.x", "levelname": "INFO", "msg": "%s\nnew line", "args": ("é",)})
    record.detail = Path("/p")
    line = JsonLines().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert (told["event"], told["level"], told["detail"]) == ("é\nnew line", "info", "/p")


def test_the_list_of_the_forgotten_only_grows(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    remember_forgotten(folder, {"c:1": 5, "v:2": 7})
    remember_forgotten(folder, {"c:1": 3, "c:3": 1})
    assert read_forgotten(folder / "erasures.json") == {"c:1": 5, "v:2": 7, "c:3": 1}
    assert (folder / "erasures.json").stat().st_mode & 0o777 == 0o600
    assert merge({"c:1": 1}, {"c:1": 2}, {}) == {"c:1": 2}


@pytest.mark.parametrize("text", ["", "[]", '{"x": 1}', '{"c:1": "soon"}'])
def test_a_damaged_list_is_not_taken_for_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "l").write_text(text)
    with pytest.raises(InvalidInput):
        read_forgotten(tmp_path / "l")


def test_running_totals_become_counters() -> None:
    writer = SimpleNamespace(counts=SimpleNamespace(commits=2, rows=10, duplicates=1, set_aside=0))
    projector = SimpleNamespace(applied=10, faults=0)
    counters = WorkerCounters(writer, projector)  # type: ignore[arg-type]
    counters.show()
    writer.counts.rows = 15
    counters.show()
    values = {counter._name: counter._value.get() for counter, _ in counters._counters}
    assert values["offers_ledger_rows"] == 15
    assert values["offers_ledger_commits"] == 2
    assert values["offers_projected_events"] == 10
