"""``offers settings``: the table of settings, with the values this process would run with."""

from __future__ import annotations

import click

from offers.cli.output import Output, json_option, table
from offers.settings import SETTINGS, read_settings

__all__ = ["command"]

_SECRET = frozenset({"signing_secret"})


@click.command("settings")
@json_option
def command(output: Output) -> None:
    """Print every setting: value, default, meaning."""
    settings = read_settings()
    rows = []
    for setting in SETTINGS:
        value = getattr(settings, setting.name)
        shown = "" if value is None else "(set)" if setting.name in _SECRET and value else str(value)
        if isinstance(value, bool):
            shown = "yes" if value else "no"
        rows.append((setting.env, shown, setting.default, setting.unit, setting.help))
    names = ("variable", "value", "default", "unit", "help")
    output.result(
        [dict(zip(names, row, strict=True)) for row in rows],
        table(("Variable", "Value", "Default", "Unit", "Meaning"), rows),
    )
