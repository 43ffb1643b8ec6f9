"""Events to online state, live: reads the stream from where it stopped, applies, and says how far it is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from offers.clock import Clock
from offers.domain.event import Event
from offers.errors import Busy, StateUnavailable
from offers.ledger.accept import EventStream
from offers.projecting.catalogue import CatalogueProjection
from offers.projecting.configuration import apply_configuration
from offers.projecting.people import PeopleProjection
from offers.projecting.turn import REBUILDING, Turn
from offers.state.catalogue_store import CatalogueStore
from offers.state.configuration import Configuration
from offers.state.people_store import PeopleStore

__all__ = ["Projector"]

_log = logging.getLogger(__name__)


class Projector:
    """One at a time per stream: others wait for their :class:`~offers.projecting.turn.Turn`.

    Applying is idempotent per position: after a crash the batch is applied again. ``batch``: most events read at
    once; when many wait, large batches let each person be written once for many events. ``applied_at`` (µs, by
    ``clock``), ``position`` and ``held`` (whether it has the turn) tell operators how it stands; ``faults`` counts
    events that were passed over.
    """

    def __init__(
        self,
        stream: EventStream,
        people: PeopleStore,
        catalogue_store: CatalogueStore,
        configuration: Configuration,
        clock: Clock,
        *,
        counts_from: str = "placed",
        batch: int = 20_000,
    ) -> None:
        self.position = 0
        self.held = False
        self.applied_at = 0
        self.applied = 0
        self._stream = stream
        self._people = PeopleProjection(people, counts_from=counts_from)
        self._catalogue = CatalogueProjection(catalogue_store)
        self._configuration = configuration
        self._clock = clock
        self._batch = batch
        self._turn = Turn(stream)
        self._config_faults = 0

    @property
    def faults(self) -> int:
        return self._people.faults + self._catalogue.faults + self._config_faults

    def apply(self, batch: Sequence[tuple[int, Event]]) -> None:
        """Apply events in position order and write all they change. Raises StateUnavailable."""
        self._config_faults += apply_configuration(self._configuration, batch)
        self._catalogue.apply(batch)
        self._people.apply(batch, self._stream.set_projected)
        self.applied += len(batch)
        self.applied_at = self._clock.now_us()

    def step(self, block_ms: int | None = None) -> int:
        """Read and apply one batch, waiting up to ``block_ms`` for it; the number of events.

        0 also when another process has the turn: :attr:`held` tells. Where it stands is read anew each time: a
        rebuild may have moved it. Raises StateUnavailable.
        """
        position = self._stream.projected()
        if position == REBUILDING and self.held:
            self._let_go()  # whoever rebuilds takes the turn now
            return 0
        self.held = self._turn.mine()
        if not self.held:
            return 0
        if position == REBUILDING:
            position = self._stream.projected()
            if position == REBUILDING:
                _log.error("a rebuild was cut short: online state is incomplete until offers rebuild is run again")
                position = 0
        self.position = position
        batch = self._stream.read(position, self._batch, block_ms)
        if batch:
            self.apply(batch)
            self.position = self._stream.set_projected(batch[-1][0])
        return len(batch)

    def drain(self) -> int:
        """Apply all that waits now; the number of events. Raises StateUnavailable."""
        total = 0
        try:
            while count := self.step():
                total += count
        finally:
            self._let_go()
        return total

    def run(self, stop: threading.Event) -> None:
        """Follow the stream until ``stop``; waits, ever longer up to 2 s, while the server is away."""
        pause = 0.0
        while not stop.is_set():
            try:
                self.step(block_ms=500)
                if not self.held:
                    stop.wait(0.1)
                pause = 0.0
            except (StateUnavailable, Busy) as fault:
                if pause == 0.0:
                    _log.warning("projecting waits: %s", fault.detail)
                pause = min(2.0, max(0.05, pause * 2))
                stop.wait(pause)
        self._let_go()

    def _let_go(self) -> None:
        self._turn.release()
        self.held = False
