"""``offers models``: which model is served, which could be, and how it came to be so."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

import click

from offers.cli.output import Output, json_option, table
from offers.cli.session import open_services, record, system_event
from offers.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from offers.artifact.registry import ModelInfo
    from offers.wiring import Services

__all__ = ["author", "command", "state_promotion"]


def author() -> str:
    """Who does this: the name of the system's user."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "cli"


def state_promotion(services: Services, model: str, previous: str | None, who: str, reason: str, forced: bool) -> None:
    """State, as a fact of the ledger, that ``model`` is current from now on."""
    params = {"model": model, "previous": previous, "author": who, "reason": reason, "forced": forced}
    record(services, [system_event(services, "model_promoted", model, params)])


@click.group("models")
def command() -> None:
    """List, promote and roll back models."""


@command.command("list")
@json_option
def listing(output: Output) -> None:
    """Show the models that are kept, newest first."""
    from offers.artifact.registry import Registry
    from offers.settings import read_settings

    registry = Registry(read_settings().models_location)
    models = registry.list()
    rows = [_row(info) for info in models]
    lines = table(
        ("", "Model", "Created", "Gate", "Ledger", "Items", "Fault"),
        [
            (
                "*" if row["current"] else "",
                row["id"],
                row["created_at"],
                row["gate"],
                row["ledger_version"],
                row["items"],
                row["fault"],
            )
            for row in rows
        ],
    )
    document = {"current": registry.current(), "models": rows}
    output.result(document, lines if rows else "There are no models: offers train")


def _row(info: ModelInfo) -> dict[str, Any]:
    from offers.clock import from_us

    manifest = info.manifest
    row: dict[str, Any] = {"id": info.id, "current": info.current, "fault": info.fault}
    if manifest is None:
        return {**row, "created_at": None, "gate": None, "ledger_version": None, "items": None, "metrics": {}}
    gate = "not asked" if manifest.gate is None else "passed" if manifest.gate.passed else "refused"
    return {
        **row,
        "created_at": from_us(manifest.created_at).isoformat(timespec="seconds"),
        "gate": gate,
        "reasons": [] if manifest.gate is None else list(manifest.gate.reasons),
        "ledger_version": manifest.ledger_version,
        "items": manifest.parameters.n_items,
        "metrics": manifest.metrics,
    }


@command.command("promote")
@click.argument("model")
@click.option("--reason", default="by hand", show_default=True, help="Kept in the history.")
@click.option("--force", is_flag=True, help="Also when the gate did not pass; the history says so.")
@json_option
def promote(model: str, reason: str, force: bool, output: Output) -> None:
    """Serve MODEL (an id, or its beginning) from now on."""
    with open_services() as services:
        chosen = _named(services, model)
        who = author()
        previous = services.registry.promote(chosen, who, reason, forced=force)
        state_promotion(services, chosen, previous, who, reason, force)
    output.result(
        {"model": chosen, "previous": previous, "forced": force}, f"{chosen} is served; before: {previous or 'none'}"
    )


@command.command("rollback")
@click.option("--reason", default="by hand", show_default=True, help="Kept in the history.")
@json_option
def rollback(reason: str, output: Output) -> None:
    """Return to the model that was served before."""
    with open_services() as services:
        who = author()
        now, before = services.registry.rollback(who, reason)
        state_promotion(services, now, before, who, reason, False)
    output.result({"model": now, "previous": before}, f"{now} is served again; before: {before}")


def _named(services: Services, text: str) -> str:
    found = [info.id for info in services.registry.list() if info.id.startswith(text)]
    if not found:
        raise NotFound(f"There is no model {text!r}; offers models list shows them")
    if len(found) > 1:
        raise InvalidInput(f"{len(found)} models begin with {text!r}: give more of the id")
    return found[0]
