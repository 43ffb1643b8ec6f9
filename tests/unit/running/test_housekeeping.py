"""The port, the metrics of the dead, the disk."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from offers.errors import OffersError, StateUnavailable
from offers.running.housekeeping import DiskGuard, check_port, clear_metrics, forget_dead_gauges, reserve_bytes
from offers.settings import Settings

MIB = 1024 * 1024


@pytest.mark.parametrize(("total", "reserve"), [(100 * MIB, 2 * MIB), (10_000 * MIB, 128 * MIB), (0, 0)])
def test_reserve(total: int, reserve: int) -> None:
    assert reserve_bytes(total) == reserve


def test_writes_are_refused_while_the_disk_is_nearly_full() -> None:
    told: list[bool] = []
    free = [500 * MIB]
    guard = DiskGuard(told.append, lambda: (free[0], 100_000 * MIB))
    for now, expected in [
        (500, []),
        (127, [True]),
        (100, [True]),
        (200, [True]),  # above the reserve, not twice above: no flapping
        (257, [True, False]),
        (200, [True, False]),
    ]:
        free[0] = now * MIB
        guard.look()
        assert told == expected


def test_a_server_that_is_away_is_told_later_and_a_new_one_again() -> None:
    told: list[bool] = []
    away = [True]

    def refuse(full: bool) -> None:
        if away[0]:
            raise StateUnavailable("away")
        told.append(full)

    guard = DiskGuard(refuse, lambda: (0, 100_000 * MIB))
    guard.look()
    away[0] = False
    guard.look()
    guard.look()
    assert told == [True]
    guard.renewed()
    guard.look()
    assert told == [True, True]


def test_gauges_of_the_dead_go_and_their_counters_stay(tmp_path: Path) -> None:
    clear_metrics(tmp_path / "m")
    ended = subprocess.Popen(["true"])
    ended.wait()
    for name in (f"gauge_liveall_{ended.pid}.db", f"gauge_livesum_{os.getpid()}.db", f"counter_{ended.pid}.db"):
        (tmp_path / "m" / name).touch()
    forget_dead_gauges(tmp_path / "m")
    assert {path.name for path in (tmp_path / "m").iterdir()} == {
        f"gauge_livesum_{os.getpid()}.db",
        f"counter_{ended.pid}.db",
    }
    clear_metrics(tmp_path / "m")
    assert not any((tmp_path / "m").iterdir())


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(OffersError, match=r"OFFERS_PORT: 192\.0\.2\.1:8080 cannot be listened on") as caught:
        check_port(Settings(host="192.0.2.1"), patience_s=0)
    assert caught.value.code == "invalid_settings"
