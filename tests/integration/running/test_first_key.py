"""The first key: made once, by the command line in a process of its own, printed, and valid."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from offers.running.environment import child_environment
from offers.running.firstkey import FirstKey
from offers.state.server import EmbeddedServer

if TYPE_CHECKING:
    from conftest import Shop


def finish(first: FirstKey, marker: object) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        first.tend()
        if marker.exists():  # type: ignore[attr-defined]
            return
        time.sleep(0.02)
    raise AssertionError("it is never done")


def test_a_new_service_gets_one_key_and_an_old_one_none(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    marker = shop.settings.run_dir / "first-key"
    with EmbeddedServer(shop.settings.data_dir) as server:
        environment = child_environment(shop.settings, redis_url=server.url)
        finish(FirstKey(shop.settings, environment), marker)
        told = capsys.readouterr().out
        assert "shown this once" in told
        assert told.split()[-1].startswith("offers_")
        FirstKey(shop.settings, environment).tend()
        marker.unlink()
        from offers.wiring import build

        services = build(shop.settings, role="worker", redis_url=server.url)
        services.projector.drain()
        services.configuration.refresh()
        assert [key.name for key in services.configuration.keys.values()] == ["first"]
        services.close()
        finish(FirstKey(shop.settings, environment), marker)
    assert capsys.readouterr().out == ""
