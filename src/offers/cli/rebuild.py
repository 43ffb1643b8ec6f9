"""``offers rebuild``: the online state, anew from the ledger."""

from __future__ import annotations

import click

from offers.cli.output import Output, json_option, progress
from offers.cli.session import open_services

__all__ = ["command"]


@click.command("rebuild")
@json_option
def command(output: Output) -> None:
    """Derive the online state anew from the ledger."""
    from offers.projecting.rebuild import rebuild

    with open_services() as services, progress(output) as report:
        done = rebuild(
            services.table,
            services.stream,
            services.people_store,
            services.catalogue_store,
            services.configuration,
            counts_from=services.settings.orders_count_from,
            progress=lambda done, total: report("events", done, total),
        )
    output.result(
        {"events": done.events, "faults": done.faults, "ledger_version": done.version, "position": done.position},
        f"{done.events} events of ledger version {done.version}; {done.faults} could not be applied",
    )
