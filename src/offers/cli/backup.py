"""``offers backup``: one consistent moment of everything, beside a running service or without one."""

from __future__ import annotations

from pathlib import Path

import click

from offers.cli.output import Output, json_option, progress
from offers.settings import read_settings

__all__ = ["command"]


@click.command("backup")
@click.argument("target", required=False, type=click.Path(path_type=Path))
@json_option
def command(target: Path | None, output: Output) -> None:
    """Copy everything this instance keeps, with checksums.

    Into the folder TARGET, which must not exist; default: one named after the time under OFFERS_BACKUP_DIR.
    """
    from offers.running.backup import backup

    settings = read_settings()
    with progress(output) as report:
        made = backup(settings, target, progress=report)
    where = target or settings.backup_dir
    output.result(
        {
            "target": where,
            "files": len(made.files),
            "bytes": made.bytes,
            "ledger_version": made.ledger_version,
            "ledger_included": made.ledger_included,
            "state": made.state,
        },
        f"{where}: {len(made.files)} files, {made.bytes / 1e6:.1f} MB, ledger version {made.ledger_version}",
    )
