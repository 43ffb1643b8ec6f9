"""``offers restore``: a backup into an empty data directory, with what was asked to be forgotten since forgotten."""

from __future__ import annotations

from pathlib import Path

import click

from offers.cli.output import Output, json_option, progress
from offers.cli.rebuild import rebuild_state
from offers.settings import read_settings

__all__ = ["command"]


@click.command("restore")
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--erasures",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="List of persons to forget, besides those found beside the backup.",
)
@json_option
def command(source: Path, erasures: Path | None, output: Output) -> None:
    """Bring a backup into an empty data directory."""
    from offers.running.restore import restore

    with progress(output) as report:
        done = restore(read_settings(), source, erasures=erasures, progress=report)
        if done.rebuild:
            rebuild_state(report)
    output.result(
        {
            "ledger_version": done.manifest.ledger_version,
            "files": len(done.manifest.files),
            "forgotten": done.forgotten,
            "pending": done.pending,
            "rebuilt": done.rebuild,
        },
        f"Restored {len(done.manifest.files)} files, ledger version {done.manifest.ledger_version}; "
        f"{done.forgotten} persons forgotten again",
    )
