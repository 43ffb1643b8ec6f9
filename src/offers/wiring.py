"""The only place that chooses implementations: settings in, connected services out.

Nothing here decides anything about offers; it says which stream, table, stores and model the other parts are given,
and which of them follow changes in the background.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from offers.artifact.registry import Registry
from offers.artifact.slot import ModelSlot
from offers.clock import Clock, SystemClock
from offers.deciding.decide import Decider
from offers.ledger.accept import EventStream
from offers.ledger.spool import Spool
from offers.ledger.table import LedgerTable
from offers.projecting.projector import Projector
from offers.settings import Settings
from offers.state.catalogue import Catalogue
from offers.state.catalogue_store import CatalogueStore
from offers.state.configuration import Configuration
from offers.state.connection import check_server, connect
from offers.state.people import People
from offers.state.people_store import PeopleStore

__all__ = ["Role", "Services", "build", "read_signing_secret"]

Role = Literal["api", "worker", "cli"]

_PATIENT_MS = 10_000
"""Time limit of calls that wait for the disk: a batch of events, a page of the catalogue."""

_LETTER_MS = 1_000
"""Time limit of freezing a letter, which waits for the disk too but on a person's time."""


@dataclass
class Services:
    """Everything one process works with. Made by :func:`build`; ended by :meth:`close`."""

    settings: Settings
    clock: Clock
    stream: EventStream
    table: LedgerTable
    spool: Spool | None
    people: People
    people_store: PeopleStore
    catalogue_store: CatalogueStore
    catalogue: Catalogue
    configuration: Configuration
    registry: Registry
    models: ModelSlot
    decider: Decider
    projector: Projector
    signing_secret: bytes
    stop: threading.Event = field(default_factory=threading.Event)
    _followers: list[threading.Thread] = field(default_factory=list)

    def load(self) -> None:
        """Read the catalogue, the configuration and the current model once."""
        self.configuration.refresh()
        self.catalogue.load(self.catalogue_store)
        self.models.refresh()

    def start_following(self) -> None:
        """:meth:`load`, then keep following in the background until :meth:`close`."""
        self.load()
        for name, follow in (
            ("configuration", lambda: self.configuration.follow(self.stop)),
            ("catalogue", lambda: self.catalogue.follow(self.catalogue_store, self.stop)),
            ("model", lambda: self.models.follow(self.stop)),
        ):
            self._follow(name, follow)

    def _follow(self, name: str, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, name=f"follow-{name}", daemon=True)
        thread.start()
        self._followers.append(thread)

    def worker_alive(self) -> bool:
        """Whether some process applies and writes what the stream takes, so that waiting for it makes sense."""
        return self.stream.leased()

    def close(self) -> None:
        """End the followers, write what is queued, give the spool's slot back."""
        self.stop.set()
        for thread in self._followers:
            thread.join(5)
        self.people.close()
        if self.spool is not None:
            self.spool.close()


def build(settings: Settings, *, role: Role, redis_url: str, clock: Clock | None = None) -> Services:
    """Connect the parts for one process.

    Args:
        role: ``api`` and ``cli`` record decisions by a spool of their own; ``worker`` makes none.
        redis_url: where the state server is: the external one or the embedded one's socket.

    Raises:
        OffersError: a server that is not durable, a damaged ledger, unusable settings.
        StateUnavailable: the state server cannot be reached.
    """
    now = clock or SystemClock()
    client = connect(redis_url, timeout_ms=_PATIENT_MS)
    check_server(client, settings.redis_durability_elsewhere)
    prefix = settings.key_prefix
    stream = EventStream(client, prefix, now, max_entries=settings.max_stream_entries)
    letters = connect(redis_url, timeout_ms=_LETTER_MS)
    people = People(letters, prefix, timeout=settings.state_timeout_ms / 1000)
    people_store = PeopleStore(client, prefix)
    catalogue_store = CatalogueStore(client, prefix)
    catalogue = Catalogue()
    configuration = Configuration(client, prefix)
    registry = Registry(settings.models_location, now)
    models = ModelSlot(registry)
    spool = None if role == "worker" else Spool(settings.spool_dir)
    decider = Decider(people, catalogue, models, spool, configuration, now, settings)
    models.on_swap(decider.prepare)
    return Services(
        settings=settings,
        clock=now,
        stream=stream,
        table=LedgerTable(settings.ledger_location),
        spool=spool,
        people=people,
        people_store=people_store,
        catalogue_store=catalogue_store,
        catalogue=catalogue,
        configuration=configuration,
        registry=registry,
        models=models,
        decider=decider,
        projector=Projector(
            stream, people_store, catalogue_store, configuration, now, counts_from=settings.orders_count_from
        ),
        signing_secret=read_signing_secret(settings),
    )


def read_signing_secret(settings: Settings) -> bytes:
    """The secret of signed addresses: the setting, else a file of this instance that is made once."""
    if settings.signing_secret:
        return settings.signing_secret.encode()
    path = settings.data_dir / "signing.key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_urlsafe(32).encode())
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first: its secret stands
    finally:
        draft.unlink()
    return path.read_bytes()
