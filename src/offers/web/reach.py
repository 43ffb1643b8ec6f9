"""Whether the online store answers, found without waiting for the long time limits of writes.

Writes may wait seconds for a disk, so with a store that has stopped they would hold a process's threads, and checkouts
behind them. The breaker that offers already keeps tells it earlier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offers.wiring import Services

__all__ = ["ensure_reachable", "found_away", "probe"]

_NOBODY = "-"


def probe(services: Services) -> None:
    """One read within ``state_timeout_ms``.

    Raises:
        StateUnavailable: no answer, or none a moment ago.
    """
    services.people.fetch(None, _NOBODY, "")


def ensure_reachable(services: Services) -> None:
    """Pass at once unless the store was found away; then one caller at a time probes and the rest are refused.

    Raises:
        StateUnavailable: it is still away.
    """
    if not services.people.breaker.closed:
        probe(services)


def found_away(services: Services) -> None:
    """Tell the breaker what a slow call found out. An open breaker is left alone, or it would never probe again."""
    breaker = services.people.breaker
    if breaker.closed:
        breaker.failure()
