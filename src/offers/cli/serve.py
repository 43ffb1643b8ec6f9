"""``offers serve``: the supervisor and everything below it."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("serve")
@click.option("--no-worker", is_flag=True, help="The API alone: a worker runs elsewhere on the same data directory.")
def command(no_worker: bool) -> None:
    """Run the service: API, worker, Valkey server."""
    from offers.running.supervisor import serve
    from offers.settings import read_settings

    raise SystemExit(serve(read_settings(), first_start=None, worker=not no_worker))
