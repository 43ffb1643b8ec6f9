"""``offers rebuild``: the online state, anew from the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from offers.cli.output import Output, Report, json_option, progress
from offers.cli.session import open_services

if TYPE_CHECKING:
    from offers.projecting.rebuild import Rebuilt

__all__ = ["command", "rebuild_state"]


def rebuild_state(report: Report) -> Rebuilt:
    """Derive people, catalogue and configuration from the ledger, beside a running service or without one."""
    from offers.projecting.rebuild import rebuild

    with open_services() as services:
        return rebuild(
            services.table,
            services.stream,
            services.people_store,
            services.catalogue_store,
            services.configuration,
            counts_from=services.settings.orders_count_from,
            progress=lambda done, total: report("events", done, total),
        )


@click.command("rebuild")
@json_option
def command(output: Output) -> None:
    """Derive the online state anew from the ledger."""
    with progress(output) as report:
        done = rebuild_state(report)
    output.result(
        {"events": done.events, "faults": done.faults, "ledger_version": done.version, "position": done.position},
        f"{done.events} events of ledger version {done.version}; {done.faults} could not be applied",
    )
