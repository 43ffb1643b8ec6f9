"""Moving what was accepted to where it belongs: the writer of this instance, and the tidy end of a session."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from offers.ledger.tail import SpoolTail
from offers.ledger.writer import Drained, Writer
from offers.running.holds import hold
from offers.settings import Settings

if TYPE_CHECKING:
    from offers.wiring import Services

__all__ = ["TurnTakingWriter", "drain_services", "drain_session", "make_writer"]

_log = logging.getLogger(__name__)


class TurnTakingWriter(Writer):
    """The writer, each of whose passes takes its turn with backups."""

    settings: Settings

    def drain(self) -> Drained:
        with hold(self.settings, "draining"):
            return super().drain()


def make_writer(services: Services) -> TurnTakingWriter:
    """The writer of this instance, as its settings say."""
    settings = services.settings
    writer = TurnTakingWriter(
        services.table,
        services.stream,
        settings.spool_dir,
        services.clock,
        projected=services.stream.projected,
        flush_seconds=settings.flush_seconds,
        trim_only_older_seconds=settings.trim_only_older_seconds,
    )
    writer.settings = settings
    return writer


def drain_services(services: Services) -> None:
    """Everything accepted so far: into the online state, then into the ledger.

    Raises:
        StateUnavailable, Busy: not now; nothing is lost.
    """
    services.projector.drain()
    writer = make_writer(services)
    try:
        writer.drain_all()
    finally:
        writer.lease.release()


def drain_session(settings: Settings, url: str) -> None:
    """:func:`drain_services` on a server nobody else uses, if there is anything to move."""
    from offers.ledger.accept import EventStream
    from offers.state.connection import connect

    client = connect(url, timeout_ms=10_000)
    try:
        stream = EventStream(client, settings.key_prefix)
        last = stream.last_position()
        waiting = stream.length() > 0 or stream.projected() < last or stream.committed() < last
    finally:
        client.close()
    if not waiting and SpoolTail(settings.spool_dir).backlog() == 0:
        return
    from offers.wiring import build

    _log.info("moving what was accepted into the ledger")
    services = build(settings, role="worker", redis_url=url)
    try:
        drain_services(services)
    finally:
        services.close()
