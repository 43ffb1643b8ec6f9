"""Commands on a real server, a real ledger and real models, one process each, as an operator calls them."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest


def test_keys_are_made_listed_and_revoked(empty: Any) -> None:
    made = empty.json("keys", "create", "--name", "checkout", "--scopes", "offers,events,offers")
    assert made["key"].startswith("offers_")
    assert made["scopes"] == ["offers", "events"]
    (listed,) = empty.json("keys", "list")
    assert (listed["name"], listed["scopes"]) == ("checkout", ["offers", "events"])
    assert made["key"] not in "".join(p.read_text(errors="replace") for p in empty.data.rglob("*") if p.is_file())
    assert "last" not in empty.ok("keys", "revoke", "checkout")
    assert empty.json("keys", "list") == []
    assert "no key 'checkout'" in empty.refused("keys", "revoke", "checkout")


def test_two_keys_of_one_name_are_told_apart_by_their_id(empty: Any) -> None:
    for _ in range(2):
        empty.ok("keys", "create", "--name", "shop")
    first, second = empty.json("keys", "list")
    assert "give more of the id" in empty.refused("keys", "revoke", "shop")
    empty.ok("keys", "revoke", first["id"])
    assert [row["id"] for row in empty.json("keys", "list")] == [second["id"]]


@pytest.mark.parametrize("scopes", ["", "offers,nonsense", "All"])
def test_a_scope_that_is_none_is_refused_before_anything_starts(empty: Any, scopes: str) -> None:
    assert "no such scope" in empty.refused("keys", "create", "--name", "x", "--scopes", scopes)
    assert not empty.data.exists()


def test_placements_are_switched_off_and_on(empty: Any) -> None:
    assert empty.ok("placements", "list") == "Every placement is on.\n"
    empty.ok("placements", "off", "checkout")
    assert empty.json("placements", "list") == {"off": ["checkout"]}
    empty.ok("placements", "on", "checkout")
    assert empty.json("placements", "list") == {"off": []}
    assert "not a placement" in empty.refused("placements", "off", "Check Out")


def test_an_import_says_what_was_taken_and_why_the_rest_was_not(empty: Any, tmp_path: Path) -> None:
    path = tmp_path / "товары.csv"
    path.write_bytes("sku;Название;Цена\n1;Чай;1 299,90\n2;;5\n3;Кофе;даром\n".encode("cp1251"))
    arguments = ["import", "items", str(path), "--map", "sku=item_id", "Название=item_name", "Цена=price"]
    told = empty.json(*arguments, "--currency", "RUB")
    assert (told["rows"], told["accepted_rows"], told["rejected_rows"]) == (3, 1, 2)
    assert sum(reason["rows"] for reason in told["reasons"]) == 2
    rejected = [json.loads(line) for line in Path(told["reject_file"]).read_text(encoding="utf-8").splitlines()]
    assert [row["line"] for row in rejected] == [3, 4]
    again = empty.ok(*arguments, "--currency", "RUB")
    assert "0 of" in again


def test_options_that_cannot_be_are_refused(empty: Any, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("order_id,customer_id,timestamp,item_id,quantity,price\n1,c,2026-01-01,i,1,1\n")
    assert "Mars/Base" in empty.refused("import", "orders", str(path), "--timezone", "Mars/Base")
    assert "XXX" in empty.refused("import", "orders", str(path), "--currency", "XXX")
    path.write_text("a,b\n1,2\n")
    assert "order_id" in empty.refused("import", "orders", str(path))


def test_models_are_listed_promoted_and_rolled_back(shop: Any) -> None:
    first = shop.json("models", "list")["current"]
    assert "no earlier model" in shop.refused("models", "rollback")
    recipe = shop.home / "recipe.toml"
    shop.ok("train", "--no-promote", OFFERS_RECIPE=_smaller(recipe))
    listed = shop.json("models", "list")
    assert listed["current"] == first
    (other,) = [row["id"] for row in listed["models"] if row["id"] != first]
    assert shop.json("models", "promote", other[:8], "--force", "--reason", "try")["previous"] == first
    assert shop.json("models", "list")["current"] == other
    assert shop.json("models", "rollback")["model"] == first
    assert "no model" in shop.refused("models", "promote", "zzzz").lower()


def _smaller(path: Path) -> str:
    """A recipe that gives another model than the shipped one."""
    import re

    from offers.learning import recipe

    text = (Path(recipe.__file__).parent / "recipes" / "default.toml").read_text(encoding="utf-8")
    path.write_text(re.sub(r"(?m)^factors\s*=\s*\d+", "factors = 16", text), encoding="utf-8")
    return str(path)


def test_explain_shows_history_cart_offers_and_what_was_dropped(shop: Any) -> None:
    shown = shop.json("explain", "--customer", "c1", "--item", "g1-2", "--item", "g1-3:2", "--limit", "3")
    assert shown["history"]
    assert [line["quantity"] for line in shown["cart"]] == [1.0, 2.0]
    assert {offer["item"]["item_id"] for offer in shown["offers"]}.isdisjoint({"g1-2", "g1-3"})
    assert shown["offers"][0]["reason"]["text"]
    assert shown["offers"][0]["score"] > 0
    assert shown["recorded"] is False
    text = shop.ok("explain", "--customer", "c1", "--item", "g1-2", "--lang", "ru")
    assert "in the cart" in text
    assert "offered:" in text
    assert "--sample" in shop.refused("explain")


def test_a_sample_is_the_same_for_the_same_seed(shop: Any) -> None:
    first = [one["customer_id"] for one in shop.json("explain", "--sample", "4")]
    assert len(set(first)) == 4
    assert [one["customer_id"] for one in shop.json("explain", "--sample", "4")] == first
    assert [one["customer_id"] for one in shop.json("explain", "--sample", "4", "--seed", "1")] != first


def test_a_sample_of_nobody_is_said(empty: Any) -> None:
    assert "no orders" in empty.refused("explain", "--sample", "3")


def test_picks_of_everybody_and_of_a_list(shop: Any) -> None:
    target = shop.home / "picks.ndjson"
    told = shop.json("picks", "export", "--message-id", "m1", "--limit", "4", "--output", str(target))
    rows = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert told["customers"] == len(rows) == 150
    assert {row["message_id"] for row in rows} == {"m1"}
    assert all(len(row["items"]) <= 4 for row in rows)
    assert sum(bool(row["items"]) for row in rows) > 100
    names = shop.home / "some.txt"
    names.write_text("c3\n\nc1\nc3\n")
    out = shop.ok("picks", "export", "--message-id", "m1", "--limit", "4", "--customers", str(names))
    again = [json.loads(line) for line in out.splitlines()]
    assert [row["customer_id"] for row in again] == ["c3", "c1"]
    before = {row["customer_id"]: [i["item_id"] for i in row["items"]] for row in rows}
    assert [[i["item_id"] for i in row["items"]] for row in again] == [before["c3"], before["c1"]]
    done = shop.run("picks", "export", "--json")
    assert done.returncode == 2
    assert "--output" in json.loads(done.stderr)["detail"]


def _firm(shown: Any) -> list[Any]:
    """Offers that are there for a reason: in so regular a shop the rest all score zero, to the rounding error."""
    return [offer["item"] for offer in shown["offers"] if offer["score"] > 0.01]


def test_a_state_made_anew_explains_the_same(shop: Any) -> None:
    arguments = ("explain", "--customer", "c5", "--item", "g5-1")
    before = shop.json(*arguments)
    shop.ok("rebuild")
    after = shop.json(*arguments)
    assert _firm(after) == _firm(before) != []
    assert after["history"] == before["history"]


def test_a_backup_comes_back_in_an_empty_directory_and_nowhere_else(shop: Any, empty: Any) -> None:
    target = shop.home / "backup"
    shop.ok("keys", "create", "--name", "kept")
    shop.ok("backup", str(target))
    assert "empty" in shop.refused("restore", str(target)).lower()
    empty.ok("restore", str(target))
    assert "kept" in {row["name"] for row in empty.json("keys", "list")}
    assert empty.json("models", "list")["current"] == shop.json("models", "list")["current"]
    arguments = ("explain", "--customer", "c7", "--item", "g1-1")
    assert _firm(empty.json(*arguments)) == _firm(shop.json(*arguments)) != []


def test_doctor_finds_a_sound_shop_sound(shop: Any) -> None:
    found = shop.json("doctor")
    assert found["ok"]
    assert {check["verdict"] for check in found["checks"]} <= {"ok", "warn"}
    assert all(check["remedy"] for check in found["checks"] if check["verdict"] == "warn")


def test_openapi_needs_no_server(empty: Any) -> None:
    document = json.loads(empty.ok("openapi"))
    assert document["openapi"].startswith("3.1")
    assert "/v1/offers" in document["paths"]
    assert not empty.data.exists()


def test_the_signing_secret_is_for_its_owner_alone(shop: Any) -> None:
    assert stat.S_IMODE((shop.data / "signing.key").stat().st_mode) == 0o600
