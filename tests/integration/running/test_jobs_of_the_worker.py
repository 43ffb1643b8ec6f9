"""The jobs on a real ledger: erasure with every id of the person, training only when there is something new."""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from offers.errors import OffersError
from offers.ledger.writer import Writer
from offers.running.draining import drain_services, make_writer
from offers.running.forgotten import read_forgotten
from offers.running.jobs import all_ids, ledger_jobs, model_jobs
from offers.running.journal import Record
from offers.running.scheduler import Job, Skipped
from offers.running.training import training_job
from offers.state.server import EmbeddedServer
from offers.wiring import Services, build

if TYPE_CHECKING:
    from conftest import Shop


@pytest.fixture
def services(shop: Shop) -> Iterator[Services]:
    shop.settings = dataclasses.replace(
        shop.settings, backup_dir=shop.settings.data_dir / "backups", train_every_hours=24.0
    )
    with EmbeddedServer(shop.settings.data_dir) as server:
        built = build(shop.settings, role="worker", redis_url=server.url)
        yield built
        built.close()


def job(jobs: list[Job], name: str) -> Job:
    return next(each for each in jobs if each.name == name)


def run(job: Job, last: Record | None = None) -> Any:
    return job.run(last, threading.Event())


def url(services: Services) -> str:
    return f"unix://{services.settings.data_dir}/run/valkey.sock"


def test_erasure_takes_every_id_of_the_person_and_nobody_elses(services: Services, shop: Shop) -> None:
    here = url(services)
    shop.tell(here, shop.purchases(0, 2, customer="gone", visitor="v-own"))
    shop.tell(here, shop.purchases(2, 1, customer="gone", visitor="v-shared"))
    shop.tell(here, shop.purchases(3, 1, customer="stays", visitor="v-shared"))
    shop.tell(here, [shop.view(1, "v-own"), shop.view(2, "v-shared")])
    drain_services(services)
    erasure = job(ledger_jobs(services, make_writer(services)), "erasure")
    with pytest.raises(Skipped):
        run(erasure)
    shop.tell(here, [shop.erasure("gone")])
    drain_services(services)
    assert set(all_ids(services.table, {"c:gone": 1})) == {"c:gone", "v:v-own"}
    done = run(erasure)
    assert done.detail.startswith("1 persons forgotten")
    left = pl.scan_delta(services.settings.ledger_location).select("event_id", "customer_id", "visitor_id").collect()
    rows = {row[0]: row[1:] for row in left.iter_rows()}
    assert "view-1" not in rows
    assert rows["view-2"] == (None, "v-shared")
    assert rows["e-0"] == (None, None)
    assert rows["e-2"] == (None, None)
    assert rows["e-3"] == ("stays", "v-shared")
    assert read_forgotten(shop.settings.data_dir / "backups" / "erasures.json").keys() == {"c:gone"}
    # Once more within the hour changes nothing; later there is nothing to do.
    version = services.table.version()
    run(erasure, Record(0, 0, "ok", "", done.mark))
    assert services.table.version() == version
    with pytest.raises(Skipped):
        run(erasure, Record(0, 0, "ok", "", str(int(done.mark) + 3601 * 10**6)))


def test_compaction_is_due_by_commits(services: Services, shop: Shop) -> None:
    writer: Writer = make_writer(services)
    compaction = job(ledger_jobs(services, writer), "compaction")
    now = services.clock.now_us()
    assert not compaction.due(None, now)
    for n in range(3):
        shop.tell(url(services), shop.purchases(n, 1))
        services.projector.drain()
        writer.drain_all()
    writer.counts.commits = services.settings.compact_every_commits
    assert compaction.due(None, now)
    assert run(compaction).detail == "3 files joined into 1"
    assert not compaction.due(None, now)
    assert len(shop.ledger()) == 3


def test_training_runs_when_there_is_something_new(services: Services, shop: Shop, tmp_path: Path) -> None:
    trained = tmp_path / "trained"
    command = [
        sys.executable,
        "-c",
        f"print('log'); open({str(trained)!r}, 'a').write('x'); print('{{\"model\": \"m\"}}')",
    ]
    training = training_job(services, command)
    with pytest.raises(Skipped, match="no orders"):
        run(training)
    # Before the first model it is looked for orders often, and later once a day.
    skipped = Record(services.clock.now_us() - 601 * 10**6, 0.0, "skipped")
    assert training.due(skipped, services.clock.now_us())
    assert not training.due(dataclasses.replace(skipped, outcome="ok"), services.clock.now_us())
    shop.tell(url(services), shop.purchases(0, 1))
    drain_services(services)
    done = run(training)
    assert done.detail == "model: m"
    assert trained.read_text() == "x"
    with pytest.raises(Skipped, match="no order came"):
        run(training, Record(0, 0, "ok", "", done.mark))
    shop.tell(url(services), shop.purchases(1, 1))
    drain_services(services)
    run(training, Record(0, 0, "ok", "", done.mark))
    assert trained.read_text() == "xx"


def test_a_training_that_fails_is_told_and_one_in_the_way_is_ended(services: Services, shop: Shop) -> None:
    shop.tell(url(services), shop.purchases(0, 1))
    drain_services(services)
    with pytest.raises(OffersError, match="ended with 3"):
        run(training_job(services, [sys.executable, "-c", "raise SystemExit(3)"]))
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(Skipped, match="the worker ends"):
        training_job(services, ["/bin/sleep", "60"]).run(None, stop)


def test_no_training_where_it_is_switched_off(services: Services) -> None:
    assert [each.name for each in model_jobs(services)] == ["training", "pruning"]
    services.settings = dataclasses.replace(services.settings, train_every_hours=0)
    assert [each.name for each in model_jobs(services)] == ["pruning"]
