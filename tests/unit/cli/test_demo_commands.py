"""The commands that the demo prints are what a shell makes of them when they are pasted."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

from offers.cli.demo import Demo, _commands
from offers.settings import Settings

EXAMPLE: dict[str, Any] = {
    "customer_id": "6",
    "currency": "USD",
    "cart": [
        {"item_id": "a'b", "item_name": 'Baker\'s "best" $HOME', "quantity": 1, "price": 0.99},
        {"item_id": "c", "item_name": "Lemons", "quantity": 1, "price": 0.67},
    ],
}


def _pasted(command: str) -> list[str]:
    """The arguments that curl would get."""
    script = 'curl() { for a in "$@"; do printf "%s\\0" "$a"; done; }\n' + command
    done = subprocess.run(["bash", "-uec", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split("\0")[:-1]


def test_each_command_survives_the_shell() -> None:
    (_, offers), (_, picks), (_, purchase) = _commands("http://127.0.0.1:8080", "offers_key", EXAMPLE)
    for command in (offers, picks, purchase):
        assert command.startswith("curl -s ")
        assert "\n" not in command
        assert "Authorization: Bearer offers_key" in _pasted(command)
    asked = json.loads(_pasted(offers)[-1])
    assert asked["cart"] == [
        {"item_id": "a'b", "quantity": 1, "price": 0.99},
        {"item_id": "c", "quantity": 1, "price": 0.67},
    ]
    assert (asked["customer_id"], asked["placement"], asked["currency"]) == ("6", "checkout", "USD")
    assert "http://127.0.0.1:8080/v1/customers/6/picks?placement=email&limit=6&min=3" in _pasted(picks)
    told = json.loads(_pasted(purchase)[-1])
    assert re.fullmatch(r"demo-\d{10}", told["transaction_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["timestamp"])
    assert told["items"] == [{"item_id": "a'b", "quantity": 1, "price": 0.99}]


def test_an_example_is_there_when_everything_is_done_and_not_before(tmp_path: Path) -> None:
    demo = Demo(Settings(data_dir=tmp_path))
    assert demo.example() is None
    assert demo.key(None) is None
    demo.finish(EXAMPLE)
    assert demo.example() == EXAMPLE
    (tmp_path / "demo.json").write_text("{cut")
    assert demo.example() is None


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path, monkeypatch: Any) -> None:
    made: list[str] = []

    def create(services: Any, name: str, scopes: Any) -> str:
        made.append(name)
        return f"offers_{len(made)}"

    monkeypatch.setattr("offers.cli.keys.create_key", create)
    demo = Demo(Settings(data_dir=tmp_path))
    services: Any = object()
    assert demo.key(services) == demo.key(services) == demo.key(None) == "offers_1"
    assert made == ["demo"]
    assert stat.S_IMODE((tmp_path / "demo.key").stat().st_mode) == 0o600
