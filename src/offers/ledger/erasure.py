"""Erasure: what is left of a person who asked to be forgotten.

Orders stay, as a guest's: their baskets teach complements and their sums belong to the shop's books. Everything
else of the person is deleted. The erasure event itself stays, with the id, so that a restored backup can be made to
forget again; the id is in no statistics and no log entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl
from deltalake import DeltaTable

from offers.clock import from_us, to_us
from offers.ledger.changes import no_hooks, parquet, secured, vacuum
from offers.ledger.scan import events
from offers.ledger.table import LedgerTable

__all__ = ["erase", "erasures"]

_CHUNK = 200
_FOR_EVER = 2**62


def erasures(table: LedgerTable) -> dict[str, int]:
    """Person key -> when the last erasure of this person was received (µs): what a restored table must apply."""
    told = (
        events(table, kinds=["customer"])
        .filter(pl.col("event_name") == "customer_erased")
        .select("customer_id", "visitor_id", "received_at")
        .collect()
    )
    result: dict[str, int] = {}
    for customer_id, visitor_id, received_at in told.iter_rows():
        for key in (f"c:{customer_id}" if customer_id else None, f"v:{visitor_id}" if visitor_id else None):
            if key is not None:
                result[key] = max(result.get(key, 0), to_us(received_at))
    return result


def _quoted(texts: Iterable[str]) -> str:
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts)


def _whose(persons: Sequence[str], until: int) -> str:
    """SQL: rows of these persons that were received until then."""
    customers = [key[2:] for key in persons if key.startswith("c:")]
    visitors = [key[2:] for key in persons if key.startswith("v:")]
    parts = []
    if customers:
        parts.append(f"customer_id IN ({_quoted(customers)})")
    if visitors:
        parts.append(f"visitor_id IN ({_quoted(visitors)})")
    whose = f"({' OR '.join(parts)})"
    if until < _FOR_EVER:
        moment = from_us(until).isoformat(timespec="microseconds")
        whose += f" AND received_at <= arrow_cast('{moment}', 'Timestamp(Microsecond, Some(\"UTC\"))')"
    return whose


def erase(table: LedgerTable, persons: Iterable[str] | Mapping[str, int], *, vacuum_now: bool = True) -> int:
    """Forget persons, by key (``c:ID``, ``v:ID``: pass every id the person had); the number of rows changed.

    A mapping bounds it: rows received until that moment (µs), so that a customer who comes back after an erasure
    is not erased again when the list is applied anew. Idempotent: nothing is written when nothing is left.
    ``vacuum_now`` removes the files that held the rows at once; a scan that holds an older snapshot may fail.
    """
    wanted = dict(persons) if isinstance(persons, Mapping) else dict.fromkeys(persons, _FOR_EVER)
    for key in wanted:
        if not key.startswith(("c:", "v:")):
            raise ValueError(f"{key!r} is no person key")
    changed = 0
    by_moment: dict[int, list[str]] = {}
    for key, until in wanted.items():
        by_moment.setdefault(until, []).append(key)
    for until, keys in by_moment.items():
        for start in range(0, len(keys), _CHUNK):
            changed += _erase(table, keys[start : start + _CHUNK], until)
    if changed and vacuum_now:
        vacuum(table, retention_hours=0)
    return changed


def _erase(table: LedgerTable, persons: Sequence[str], until: int) -> int:
    whose = _whose(persons, until)
    gone = f"kind <> 'order' AND event_name <> 'customer_erased' AND {whose}"

    def remove(snapshot: DeltaTable) -> int:
        return int(snapshot.delete(gone, parquet(), post_commithook_properties=no_hooks())["num_deleted_rows"])

    def anonymise(snapshot: DeltaTable) -> int:
        done = snapshot.update(
            updates={"customer_id": "NULL", "visitor_id": "NULL", "params": "'{}'"},
            predicate=f"kind = 'order' AND {whose}",
            writer_properties=parquet(),
            post_commithook_properties=no_hooks(),
        )
        return int(done["num_updated_rows"])

    removed, _ = secured(table, remove)
    hidden, _ = secured(table, anonymise)
    return removed + hidden
