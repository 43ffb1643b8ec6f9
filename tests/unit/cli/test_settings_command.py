"""``offers settings`` shows what a process would run with, and no secret."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from offers.cli.main import cli
from offers.settings import SETTINGS


def test_values_come_from_the_environment_and_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFERS_PORT", "9090")
    monkeypatch.setenv("OFFERS_SIGNING_SECRET", "deep-secret")
    done = CliRunner().invoke(cli, ["settings", "--json"])
    assert done.exit_code == 0
    rows = {row["variable"]: row for row in json.loads(done.output)}
    assert set(rows) == {setting.env for setting in SETTINGS}
    assert (rows["OFFERS_PORT"]["value"], rows["OFFERS_PORT"]["default"]) == ("9090", "8080")
    assert rows["OFFERS_SIGNING_SECRET"]["value"] == "(set)"
    assert "deep-secret" not in done.output


def test_for_people_it_is_a_table() -> None:
    done = CliRunner().invoke(cli, ["settings"])
    assert done.output.splitlines()[0].startswith("Variable")
    assert len(done.output.splitlines()) == len(SETTINGS) + 1
