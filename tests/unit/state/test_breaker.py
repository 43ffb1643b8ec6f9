"""The circuit breaker: one wait after a fault, then refusals, then one probe."""

from __future__ import annotations

import pytest

from offers.clock import HeldClock
from offers.errors import StateUnavailable
from offers.state.breaker import Breaker


def test_refuses_for_the_pause_and_then_lets_one_probe_through(clock: HeldClock) -> None:
    breaker = Breaker(0.25, clock.monotonic)
    assert breaker.closed
    assert breaker.admit()
    breaker.failure()
    assert not breaker.admit()
    clock.advance(0.2)
    assert not breaker.admit()
    clock.advance(0.1)
    assert breaker.admit()
    assert not breaker.admit(), "a second caller waits for the probe's report"
    breaker.failure()
    assert not breaker.admit()
    clock.advance(0.3)
    assert breaker.admit()
    breaker.success()
    assert breaker.closed
    assert breaker.admit()
    assert breaker.admit()


def test_guarded_reports_what_happened(clock: HeldClock) -> None:
    breaker = Breaker(0.25, clock.monotonic)
    with pytest.raises(StateUnavailable), breaker.guarded():
        raise StateUnavailable("away")
    assert not breaker.closed
    with pytest.raises(StateUnavailable, match="a moment ago"), breaker.guarded():
        pytest.fail("nothing may be tried while open")
    clock.advance(1)
    with pytest.raises(KeyError), breaker.guarded():
        raise KeyError("the server answered, with something odd")
    assert breaker.closed
