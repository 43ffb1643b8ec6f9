"""``offers rebuild``: the online state, anew from the ledger."""

from __future__ import annotations
