"""What a command works on: the services of this instance, and a way to record a fact and see it take effect."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from offers.settings import Settings, read_settings

if TYPE_CHECKING:
    from offers.domain.event import Event
    from offers.wiring import Services

__all__ = ["open_services", "record", "system_event"]

_PATIENCE_S = 5.0
_PAUSE_S = 0.02


@contextmanager
def open_services(settings: Settings | None = None, *, load: bool = False) -> Iterator[Services]:
    """The services, on the server of the running instance, an external one, or one started for the duration.

    ``load`` reads configuration, catalogue and model, which deciding needs.
    """
    from offers.running.session import open_server
    from offers.wiring import build

    chosen = read_settings() if settings is None else settings
    with open_server(chosen) as url:
        services = build(chosen, role="cli", redis_url=url)
        try:
            if load:
                services.load()
            yield services
        finally:
            services.close()


def system_event(services: Services, event_name: str, identity: str, params: dict[str, Any], **fields: Any) -> Event:
    """An event of this service's own, told by the command line. ``identity``: of whom or what, part of its id."""
    from offers.domain.event import Event

    now = services.clock.now_us()
    return Event(
        event_id=f"{event_name}:{identity}:{now}",
        event_name=event_name,
        occurred_at=now,
        received_at=now,
        source="cli",
        params=params,
        **fields,
    )


def record(services: Services, events: Sequence[Event]) -> None:
    """Append events to the stream and, where a worker applies them, wait until it has.

    Raises:
        Busy: the stream takes nothing now.
    """
    from offers.ledger.codec import dump

    digests = [hashlib.blake2b(dump(event), digest_size=8).digest() for event in events]
    positions = [position for _, position in services.stream.append(events, digests) if position is not None]
    last = max(positions, default=0)
    if not services.worker_alive():
        return  # it is applied when this command's own session ends, or once a worker runs
    until = time.monotonic() + _PATIENCE_S
    while services.stream.projected() < last:
        if time.monotonic() > until:
            click.echo("It is recorded; the worker has not applied it yet and will.", err=True)
            return
        time.sleep(_PAUSE_S)
