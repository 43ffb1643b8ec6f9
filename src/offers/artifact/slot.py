"""The model that a running process serves with, swapped while requests are in flight."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from offers.artifact.model import Model
from offers.artifact.registry import Registry
from offers.errors import OffersError

__all__ = ["ModelSlot"]

log = logging.getLogger(__name__)


class ModelSlot:
    """Holds the current model of a registry.

    A reader takes ``current`` once per request and uses that one object to the end: an artifact is one immutable
    object, so no request sees two. The old model lives until the last request lets go of it. What must be made ready
    for a model (``on_swap``) is made before the model is published.
    """

    def __init__(self, registry: Registry, on_swap: Callable[[Model], None] | None = None) -> None:
        self._registry = registry
        self._listeners = [on_swap] if on_swap else []
        self._lock = threading.Lock()
        self._current: Model | None = None
        self._fault: str | None = None

    @property
    def current(self) -> Model | None:
        """The published model; None before the first promotion."""
        return self._current

    @property
    def fault(self) -> str | None:
        """Why the registry's current model is not the one served, or None."""
        return self._fault

    def on_swap(self, listener: Callable[[Model], None]) -> None:
        """Call ``listener`` with each new model before it is published, and now with the present one if there is."""
        with self._lock:
            if self._current is not None:
                listener(self._current)
            self._listeners.append(listener)

    def refresh(self) -> bool:
        """Look at the registry once; True when another model was published.

        A model that cannot be opened or made ready leaves the old one in place, and is tried again next time.
        """
        with self._lock:
            try:
                wanted = self._registry.current()
                if wanted is None or (self._current is not None and self._current.version == wanted):
                    self._fault = None
                    return False
                model = Model.open(self._registry.path(wanted))
                for listener in self._listeners:
                    listener(model)
            except (OffersError, OSError, ValueError, ArithmeticError) as error:
                detail = error.detail if isinstance(error, OffersError) else type(error).__name__
                if detail != self._fault:
                    log.error("the promoted model is not served: %s", detail, exc_info=True)
                self._fault = detail
                return False
            previous, self._current, self._fault = self._current, model, None
            log.info("model %s serves instead of %s", model.version, previous.version if previous else "none")
            return True

    def follow(self, stop: threading.Event, interval: float = 0.25) -> None:
        """Refresh until ``stop`` is set, every ``interval`` seconds."""
        while not stop.is_set():
            self.refresh()
            stop.wait(interval)
