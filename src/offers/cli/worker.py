"""``offers worker``: the worker process on its own, for when the API runs elsewhere."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("worker")
def command() -> None:
    """Run the worker alone: writer, projector, scheduler."""
    from offers.running.worker import work
    from offers.settings import read_settings

    raise SystemExit(work(read_settings()))
