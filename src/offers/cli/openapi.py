"""``offers openapi``: the document that the service serves at ``/openapi.json``."""

from __future__ import annotations

import json
from typing import Any

import click

from offers.settings import Settings, read_settings

__all__ = ["command", "document"]


def document(settings: Settings) -> dict[str, Any]:
    """The OpenAPI document, made from the types that validate requests."""
    from offers.web.openapi import document as made

    return made(settings)


@click.command("openapi")
@click.option("--json", "_", is_flag=True, help="It always is.")
def command(_: bool) -> None:
    """Print the OpenAPI document of the API."""
    click.echo(json.dumps(document(read_settings()), ensure_ascii=False, indent=2))
