"""What is answered: the decision, whether the ledger will have it, and what was odd about the request."""

from __future__ import annotations

from dataclasses import dataclass

from offers.domain.offer import Decision
from offers.errors import FieldError

__all__ = ["Answer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One decision, ready to be rendered.

    ``recorded`` is False only when the decision could not be appended to the spool (a full disk) or was a
    preview. ``frozen``: a letter with a ``message_id`` whose picks stand from now on. ``repeated``: an earlier
    decision was answered again, so nothing new was recorded. ``warnings`` name what was ignored, by JSON pointer.
    """

    decision: Decision
    recorded: bool
    warnings: tuple[FieldError, ...] = ()
    frozen: bool = False
    repeated: bool = False
