"""Every route of the service, in the order of the documentation."""

from __future__ import annotations

from offers.web import batches, configuration, customers, documentation, events, items, offers, operating, picks
from offers.web.operation import Operation, Route

__all__ = ["OPERATIONS", "ROUTES"]

ROUTES: tuple[Route, ...] = (
    *offers.ROUTES,
    *picks.ROUTES,
    *batches.ROUTES,
    *events.ROUTES,
    *items.ROUTES,
    *customers.ROUTES,
    *configuration.ROUTES,
    *operating.ROUTES,
    *documentation.ROUTES,
)

OPERATIONS: tuple[Operation, ...] = tuple(route.operation for route in ROUTES)
