"""``offers keys``: API keys. Only a hash is kept; a key is shown once, when it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from offers.cli.output import Output, json_option, table
from offers.cli.session import open_services, record, system_event
from offers.errors import InvalidInput, NotFound
from offers.web.auth import hash_of, new_key
from offers.web.schemas import SCOPES

if TYPE_CHECKING:
    from offers.wiring import Services

__all__ = ["command", "create_key"]

_SHOWN = 12


def create_key(services: Services, name: str, scopes: tuple[str, ...]) -> str:
    """Make a key and record its hash; the key itself is in the answer only."""
    key = new_key()
    digest = hash_of(key)
    params = {"key_hash": digest, "name": name, "scopes": list(scopes)}
    record(services, [system_event(services, "key_created", digest[:_SHOWN], params)])
    return key


def _scopes(text: str) -> tuple[str, ...]:
    if text == "all":
        return SCOPES
    wanted = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise InvalidInput(f"no such scope: {', '.join(unknown) or '(none given)'}; known are all, {', '.join(SCOPES)}")
    return wanted


@click.group("keys")
def command() -> None:
    """Create, list and revoke API keys."""


@command.command("create")
@click.option("--name", required=True, help="Whose key it is, such as the shop's checkout.")
@click.option("--scopes", default="all", show_default=True, help="Comma-separated scopes, or all.")
@json_option
def create(name: str, scopes: str, output: Output) -> None:
    """Make a key. It is shown this once."""
    wanted = _scopes(scopes)
    with open_services() as services:
        key = create_key(services, name, wanted)
    output.result({"key": key, "name": name, "scopes": list(wanted)}, key)
    output.note("Keep it now: only its hash is stored.")


@command.command("list")
@json_option
def listing(output: Output) -> None:
    """Show the keys that are valid, by the beginning of their hash."""
    with open_services() as services:
        services.configuration.refresh()
        rows = [
            {"id": digest[:_SHOWN], "name": key.name, "scopes": list(key.scopes)}
            for digest, key in services.configuration.keys.items()
        ]
    rows.sort(key=lambda row: (str(row["name"]), str(row["id"])))
    lines = table(("Id", "Name", "Scopes"), [(row["id"], row["name"], ",".join(row["scopes"])) for row in rows])
    output.result(rows, lines if rows else "There are no keys: offers keys create --name ...")


@command.command("revoke")
@click.argument("which")
@json_option
def revoke(which: str, output: Output) -> None:
    """End the key WHICH: its id as listed, or its name if only one has it."""
    with open_services() as services:
        services.configuration.refresh()
        keys = services.configuration.keys
        found = [d for d, key in keys.items() if d.startswith(which) or key.name == which]
        if not found:
            raise NotFound(f"There is no key {which!r}")
        if len(found) > 1:
            raise InvalidInput(f"{len(found)} keys match {which!r}: give more of the id")
        record(services, [system_event(services, "key_revoked", found[0][:_SHOWN], {"key_hash": found[0]})])
        name = keys[found[0]].name
    output.result({"id": found[0][:_SHOWN], "name": name, "revoked": True}, f"Revoked {found[0][:_SHOWN]} ({name})")
