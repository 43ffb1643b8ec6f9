"""``offers placements``: the kill switch. A placement that is off answers at once with nothing offered."""

from __future__ import annotations

import click

from offers.cli.output import Output, json_option
from offers.cli.session import open_services, record, system_event
from offers.domain.ids import is_placement
from offers.errors import InvalidInput

__all__ = ["command"]


@click.group("placements")
def command() -> None:
    """Switch placements off and on."""


def _switch(placement: str, on: bool, output: Output) -> None:
    if not is_placement(placement):
        raise InvalidInput(f"{placement!r} is not a placement: 1 to 50 of a-z, 0-9, dot, dash, underscore")
    with open_services() as services:
        params = {"placement": placement, "on": on}
        record(services, [system_event(services, "placement_switched", placement, params)])
    output.result(params, f"{placement} is {'on' if on else 'off'}")


@command.command("off")
@click.argument("placement")
@json_option
def off(placement: str, output: Output) -> None:
    """Offer nothing at PLACEMENT from now on."""
    _switch(placement, False, output)


@command.command("on")
@click.argument("placement")
@json_option
def on(placement: str, output: Output) -> None:
    """Offer again at PLACEMENT."""
    _switch(placement, True, output)


@command.command("list")
@json_option
def listing(output: Output) -> None:
    """Name the placements that are off; every other one is on."""
    with open_services() as services:
        services.configuration.refresh()
        names = sorted(services.configuration.switched_off)
    output.result({"off": names}, [f"{name}  off" for name in names] or "Every placement is on.")
