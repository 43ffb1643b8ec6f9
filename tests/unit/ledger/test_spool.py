"""The spool and its tail, on real files."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from offers.errors import Busy
from offers.ledger import spool as spool_module
from offers.ledger.spool import Spool, file_path
from offers.ledger.tail import SlotRead, SpoolTail


def nothing(app: str) -> None:
    return None


def only(reads: tuple[list[SlotRead], bool]) -> SlotRead:
    (read,) = reads[0]
    return read


def test_lines_come_out_as_they_went_in(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(b'{"a":1}')
    spool.append(b'{"b":2}\n')
    tail = SpoolTail(tmp_path)
    first = only(tail.read(nothing))
    assert first.lines == [b'{"a":1}', b'{"b":2}']
    assert not first.finished
    spool.append(b'{"c":3}')
    second = only(tail.read({first.app: first.version}.get))
    assert second.lines == [b'{"c":3}']
    assert second.version > first.version
    assert only(tail.read({first.app: second.version}.get)).lines == []


def test_a_record_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        Spool(tmp_path).append(b"a\nb")


def test_each_process_has_a_slot_and_a_slot_is_used_again(tmp_path: Path) -> None:
    first, second = Spool(tmp_path), Spool(tmp_path)
    assert first.slot != second.slot
    first.close()
    assert Spool(tmp_path).slot == first.slot


def test_a_full_file_is_followed_by_another_and_finished(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_file_bytes=10)
    for n in range(5):
        spool.append(b"%09d" % n)
    read = only(SpoolTail(tmp_path).read(nothing))
    assert read.lines == [b"%09d" % n for n in range(5)]
    assert len(read.finished) == 4
    spool.close()
    assert len(only(SpoolTail(tmp_path).read(nothing)).finished) == 5


def test_numbers_rise_even_when_files_are_gone_and_the_clock_is_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    spool.append(b"first")
    spool.close()
    read = only(SpoolTail(tmp_path).read(nothing))
    for path in read.finished:
        path.unlink()
    monkeypatch.setattr(spool_module.time, "time", lambda: 1000.0)
    again = Spool(tmp_path)
    again.append(b"second")
    later = only(SpoolTail(tmp_path).read({read.app: read.version}.get))
    assert later.lines == [b"second"]
    assert later.version > read.version


def test_a_torn_last_line_waits_for_its_rest_and_is_dropped_when_its_writer_is_gone(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(b"whole")
    (path,) = spool.slot.glob("*.jsonl")
    with path.open("ab") as file:
        file.write(b"to")
    tail = SpoolTail(tmp_path)
    read = only(tail.read(nothing))
    assert read.lines == [b"whole"]
    assert (read.torn, read.finished) == (0, [])
    with path.open("ab") as file:
        file.write(b"rn\nha")
    read = only(tail.read({read.app: read.version}.get))
    assert read.lines == [b"torn"]
    spool.close()
    read = only(tail.read({read.app: read.version}.get))
    assert (read.lines, read.torn, read.finished) == ([], 1, [path])


def test_a_budget_leaves_the_rest_for_later_and_says_so(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_file_bytes=100)
    expected = [b"%020d" % n for n in range(50)]
    for line in expected:
        spool.append(line)
    spool.close()
    tail, at, got = SpoolTail(tmp_path), 0, []
    for _ in range(200):
        reads, more = tail.read(lambda app, at=at: at, max_bytes=70)
        got += reads[0].lines
        at = reads[0].version
        if not more:
            break
    assert got == expected
    assert set(only(tail.read(lambda app: at)).finished) == set(spool.slot.glob("*.jsonl"))


def test_a_line_longer_than_the_budget_is_read_whole(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(b"x" * 1000)
    assert only(SpoolTail(tmp_path).read(nothing, max_bytes=10)).lines == [b"x" * 1000]


def test_threads_never_mix_their_lines(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_file_bytes=20_000)

    def write(k: int) -> None:
        for n in range(300):
            spool.append(b"%d:%d:" % (k, n) + b"x" * 50)

    threads = [threading.Thread(target=write, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = only(SpoolTail(tmp_path).read(nothing)).lines
    assert sorted(lines) == sorted(b"%d:%d:" % (k, n) + b"x" * 50 for k in range(8) for n in range(300))


def test_half_a_line_is_taken_back_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    spool.append(b"kept")
    real = os.write
    monkeypatch.setattr(spool_module.os, "write", lambda fd, data: real(fd, data[: len(data) // 2]))
    with pytest.raises(Busy):
        spool.append(b"halved")
    monkeypatch.undo()
    spool.append(b"after")
    assert only(SpoolTail(tmp_path).read(nothing)).lines == [b"kept", b"after"]


def test_a_real_full_disk_refuses_and_keeps_what_was_there(tmp_path: Path) -> None:
    code = """
import resource, signal, sys
from pathlib import Path
from offers.errors import Busy
from offers.ledger.spool import Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
kept = 0
try:
    while True:
        spool.append(b"y" * 99)
        kept += 1
        if kept == 9:
            spool.append(b"z" * 700)
except Busy:
    print(kept)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    read = only(SpoolTail(tmp_path).read(nothing))
    assert read.lines == [b"y" * 99] * int(done.stdout)
    assert read.torn == 0


def test_a_writer_that_stands_still_does_not_fill_the_disk(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_file_bytes=100, max_backlog_bytes=300)
    for _ in range(4):
        spool.append(b"x" * 99)
    with pytest.raises(Busy):
        spool.append(b"x" * 99)
    assert SpoolTail(tmp_path).backlog() == 400
    for path in only(SpoolTail(tmp_path).read(nothing)).finished:
        path.unlink()
    spool.append(b"again")


def test_a_fork_cannot_write_into_its_parents_slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    monkeypatch.setattr(spool_module.os, "getpid", lambda: 1)
    with pytest.raises(ValueError):
        spool.append(b"x")


def test_what_a_killed_process_wrote_is_read_and_its_slot_is_free(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from offers.ledger.spool import Spool
spool = Spool(Path(sys.argv[1]))
for n in range(100):
    spool.append(b"%d" % n)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    read = only(SpoolTail(tmp_path).read(nothing))
    assert read.lines == [b"%d" % n for n in range(100)]
    assert len(read.finished) == 1
    assert Spool(tmp_path).slot.name == "00"


def test_files_before_the_committed_one_are_finished(tmp_path: Path) -> None:
    slot = tmp_path / "00"
    slot.mkdir(parents=True)
    (tmp_path / "uuid").write_text("u")
    for number in (3, 5):
        file_path(slot, number).write_bytes(b"x\n")
    read = only(SpoolTail(tmp_path).read(lambda app: (5 << 32) | 2))
    assert read.lines == []
    assert sorted(read.finished) == [file_path(slot, 3), file_path(slot, 5)]


def test_no_directory_is_nothing_to_read(tmp_path: Path) -> None:
    tail = SpoolTail(tmp_path / "none")
    assert tail.read(nothing) == ([], False)
    assert tail.marks() == {}
    assert tail.backlog() == 0


def test_a_file_that_the_writer_deletes_meanwhile_costs_no_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Spool(tmp_path, max_file_bytes=1)
    first.append(b"{}")
    (old,) = first.slot.glob("*.jsonl")
    listed = type(old).iterdir

    def deleted_after_listing(folder: Path) -> list[Path]:
        found = list(listed(folder))
        old.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(type(old), "iterdir", deleted_after_listing)
    first.append(b"{}")
    monkeypatch.undo()
    assert [p.read_bytes() for p in first.slot.glob("*.jsonl")] == [b"{}\n"]
    first.close()
