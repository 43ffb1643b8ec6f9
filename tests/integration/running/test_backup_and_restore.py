"""A backup is one moment, taken at rest or beside traffic, and a restore gives exactly that, minus the forgotten."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offers.errors import Conflict, InvalidInput
from offers.running.backup import backup
from offers.running.doctor import examine
from offers.running.draining import drain_services
from offers.running.forgotten import remember_forgotten
from offers.running.restore import restore, verify
from offers.running.session import open_server
from offers.settings import Settings
from offers.state.connection import command, connect
from offers.state.server import EmbeddedServer, socket_url
from offers.wiring import build

if TYPE_CHECKING:
    from conftest import Shop, StandIn


def fill(shop: Shop) -> None:
    """Some of everything: in the ledger, in the stream only, in the spool, beside them."""
    with open_server(shop.settings) as url:
        shop.tell(url, shop.purchases(0, 20))
    with open_server(shop.settings, drain=False) as url:
        shop.tell(url, shop.purchases(20, 5))
    shop.decide(1, 2)
    (shop.settings.data_dir / "signing.key").write_text("secret")
    (shop.settings.data_dir / "dead-letters").mkdir()
    (shop.settings.data_dir / "dead-letters" / "day.ndjson").write_text("{}\n")
    (shop.settings.data_dir / "models").mkdir(exist_ok=True)
    (shop.settings.data_dir / "models" / "history.ndjson").write_text("")


@pytest.fixture
def home(shop: Shop) -> Shop:
    shop.settings = dataclasses.replace(shop.settings, data_dir=shop.settings.data_dir / "var")
    return shop


def everything(shop: Shop) -> Counter[str]:
    """What the ledger holds once everything is moved."""
    with open_server(shop.settings):
        pass
    return shop.ledger()


def other(shop: Shop, name: str) -> Shop:
    return dataclasses.replace(
        shop, settings=dataclasses.replace(shop.settings, data_dir=shop.settings.data_dir.parent / name)
    )


def test_at_rest_and_back(home: Shop, tmp_path: Path) -> None:
    fill(home)
    steps: list[str] = []
    manifest = backup(home.settings, tmp_path / "b", progress=lambda step, done, total: steps.append(step))
    assert {"state", "ledger"} <= set(steps)
    assert verify(tmp_path / "b") == manifest
    again = other(home, "again")
    told = restore(again.settings, tmp_path / "b")
    assert (told.forgotten, told.pending, told.rebuild) == (0, 0, False)
    assert (again.settings.data_dir / "signing.key").read_text() == "secret"
    assert (again.settings.data_dir / "dead-letters" / "day.ndjson").exists()
    assert everything(again) == {**{f"e-{n}": 1 for n in range(25)}, "d-1": 1, "d-2": 1}
    assert everything(home) == everything(again)
    failed = [finding for finding in examine(again.settings) if finding.verdict == "fail"]
    assert failed == []


def test_beside_a_service_under_traffic(standin: StandIn, home: Shop, tmp_path: Path) -> None:
    standin.home = home.settings.data_dir
    standin.home.mkdir()
    standin.worker_module = "offers.running.worker"
    standin.settings = {"OFFERS_FLUSH_SECONDS": "0.05", "OFFERS_TRAIN_EVERY_HOURS": "0"}
    standin.start()
    url = socket_url(home.settings.data_dir)
    stop, sent = threading.Event(), [0]

    def traffic() -> None:
        while not stop.is_set():
            home.tell(url, home.purchases(sent[0], 50))
            home.decide(sent[0])
            sent[0] += 50

    thread = threading.Thread(target=traffic)
    thread.start()
    try:
        while sent[0] < 1000:
            pass
        before = sent[0]
        for n in range(3):
            backup(home.settings, tmp_path / f"b{n}")
        client = connect(url, timeout_ms=5000)
        command(client, "BGREWRITEAOF")
        backup(home.settings, tmp_path / "b3")
        client.close()
        after = sent[0] + 50
    finally:
        stop.set()
        thread.join()
    assert standin.stop() == 0
    for n in range(4):
        again = other(home, f"again{n}")
        restore(again.settings, tmp_path / f"b{n}")
        found = everything(again)
        assert set(found.values()) == {1}
        events = {int(event[2:]) for event in found if event.startswith("e-")}
        decisions = {int(event[2:]) for event in found if event.startswith("d-")}
        # All that was acknowledged before it began, and from then on a beginning without gaps.
        assert events == set(range(len(events)))
        assert before <= len(events) <= after
        assert decisions >= set(range(0, before, 50))
    assert set(everything(home).values()) == {1}


def test_an_external_server_keeps_its_state_and_gets_back_what_it_lost(home: Shop, tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "elsewhere") as server:
        settings = dataclasses.replace(home.settings, redis_url=server.url)
        home.tell(server.url, home.purchases(0, 5))
        services = build(settings, role="worker", redis_url=server.url)
        drain_services(services)
        services.close()
        home.tell(server.url, home.purchases(5, 3))
        manifest = backup(settings, tmp_path / "b")
    assert manifest.state == "external"
    with EmbeddedServer(tmp_path / "new") as server:
        settings = dataclasses.replace(home.settings, data_dir=tmp_path / "again", redis_url=server.url)
        told = restore(settings, tmp_path / "b")
        assert (told.pending, told.rebuild) == (3, True)
        services = build(settings, role="worker", redis_url=server.url)
        drain_services(services)
        services.close()
    found = dataclasses.replace(home, settings=settings).ledger()
    assert found == {f"e-{n}": 1 for n in range(8)}


def test_whoever_asked_to_be_forgotten_since_stays_forgotten(home: Shop, tmp_path: Path) -> None:
    with open_server(home.settings) as url:
        home.tell(url, home.purchases(0, 2, customer="gone"))
        home.tell(url, home.purchases(2, 2, customer="stays"))
    backup(home.settings, tmp_path / "b")
    with open_server(home.settings) as url:
        home.tell(url, [home.erasure("gone")])
    backup(home.settings, tmp_path / "later")
    again = other(home, "again")
    assert restore(again.settings, tmp_path / "b").forgotten == 1
    with open_server(again.settings) as url:
        services = build(again.settings, role="worker", redis_url=url)
        gone = services.people.fetch("gone", None, "")
        stays = services.people.fetch("stays", None, "")
        services.close()
    assert gone.items == ()
    assert [item[0] for item in stays.items] == ["i-1"]
    data = [path.read_bytes() for path in again.settings.data_dir.rglob("*.parquet")]
    assert len(data) >= 1
    assert set(again.ledger()) >= {"e-0", "e-1", "e-2", "e-3"}
    import polars as pl

    kept = pl.scan_delta(again.settings.ledger_location).filter(pl.col("kind") == "order").collect()
    assert sorted(str(c) for c in kept["customer_id"]) == ["None", "None", "stays", "stays"]


def test_refusals(home: Shop, tmp_path: Path) -> None:
    fill(home)
    with pytest.raises(InvalidInput, match="OFFERS_BACKUP_DIR"):
        backup(home.settings)
    with pytest.raises(InvalidInput, match="share its fate"):
        backup(home.settings, home.settings.data_dir / "b")
    backup(dataclasses.replace(home.settings, backup_dir=tmp_path / "all"))
    [made] = [entry for entry in (tmp_path / "all").iterdir() if entry.is_dir()]
    with pytest.raises(Conflict, match="exists"):
        backup(home.settings, made)
    again = other(home, "again")
    with pytest.raises(InvalidInput, match="no backup"):
        restore(again.settings, tmp_path)
    with pytest.raises(Conflict, match="is there already"):
        restore(home.settings, made)
    with pytest.raises(InvalidInput, match="without OFFERS_REDIS_URL"):
        restore(dataclasses.replace(again.settings, redis_url="unix:///x"), made)
    manifest = json.loads((made / "backup.json").read_text())
    manifest["format"] = 2
    (made / "backup.json").write_text(json.dumps(manifest))
    with pytest.raises(InvalidInput, match="newer version"):
        restore(again.settings, made)
    manifest["format"] = 1
    (made / "backup.json").write_text(json.dumps(manifest))
    with (made / "other" / "signing.key").open("a") as file:
        file.write("x")
    with pytest.raises(InvalidInput, match=r"damaged: 1 files differ, such as other/signing\.key"):
        restore(again.settings, made)
    assert not again.settings.data_dir.exists() or not any(p.name != "run" for p in again.settings.data_dir.iterdir())


def test_the_doctor_names_what_is_wrong_and_a_remedy(home: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(home)
    remember_forgotten(home.settings.data_dir.parent / "x", {})
    (home.settings.run_dir / "jobs.json").write_text(
        '{"training": {"started_at": 1, "seconds": 1, "outcome": "failed", "detail": "no"}}'
    )
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    found = {finding.check: finding for finding in examine(home.settings)}
    assert {name for name, finding in found.items() if finding.verdict == "fail"} == set()
    assert found["settings"].remedy == "Set OFFERS_WORKERS to 1."
    assert found["jobs"].detail == "training failed last: no"
    assert found["model"].verdict == "warn"
    assert found["catalogue"].verdict == "warn"
    assert all(finding.remedy for finding in found.values() if finding.verdict != "ok")
    # The stream is lost: the ledger holds more than it ever had.
    everything(home)
    for path in (home.settings.data_dir / "state" / "appendonlydir").iterdir():
        path.unlink()
    # A new stream has a new name: nothing contradicts it. An older one, with the old name, does.
    assert {f.check for f in examine(home.settings) if f.verdict == "fail"} == set()


def test_the_doctor_sees_a_service_without_a_worker(standin: StandIn, home: Shop) -> None:
    standin.home = home.settings.data_dir
    standin.home.mkdir()
    standin.start()
    found = {finding.check: finding for finding in examine(home.settings)}
    assert found["worker"].verdict == "fail"
    assert "offers worker" in found["worker"].remedy
    assert found["stream"].verdict == "ok"
    assert standin.stop() == 0


def test_the_doctor_finds_a_server_that_is_not_durable(home: Shop, tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "elsewhere") as server:
        client = connect(server.url, timeout_ms=1000)
        command(client, "CONFIG", "SET", "appendfsync", "everysec")
        client.close()
        settings: Settings = dataclasses.replace(home.settings, redis_url=server.url)
        found = {finding.check: finding for finding in examine(settings)}
    assert found["server"].verdict == "fail"
    assert "appendfsync always" in found["server"].detail
