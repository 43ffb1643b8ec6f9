"""``offers import``: files and feeds in, through the same stream as events."""

from __future__ import annotations
