"""``offers import``: files and feeds in, through the same stream as events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from offers.cli.output import Output, json_option, progress, table
from offers.cli.session import open_services
from offers.errors import InvalidInput
from offers.settings import read_settings

if TYPE_CHECKING:
    from offers.intake.outcome import Summary

__all__ = ["command", "summary_lines"]


class _Mapped(click.Command):
    """A command whose ``--map`` takes every ``theirs=ours`` that follows it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        spread: list[str] = []
        mapping = False
        for argument in args:
            pair = "=" in argument and not argument.startswith("-")
            if mapping and pair and spread[-1] != "--map":
                spread.append("--map")
            elif not pair:
                mapping = argument == "--map" or argument.startswith("--map=")
            spread.append(argument)
        return super().parse_args(ctx, spread)


def _mapping(ctx: click.Context, parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for pair in pairs:
        theirs, equals, ours = pair.rpartition("=")
        if not equals or not theirs or not ours:
            raise click.BadParameter(f"{pair!r} is not THEIRS=OURS, such as sku=item_id")
        mapping[theirs] = ours
    return mapping


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path)),
    click.option(
        "--map",
        "mapping",
        multiple=True,
        callback=_mapping,
        metavar="THEIRS=OURS ...",
        help="Columns of the file that are ours.",
    ),
    click.option("--currency", help="Of amounts in rows that name none; default: OFFERS_CURRENCY."),
    click.option("--timezone", help="Of times without an offset; default: OFFERS_TIMEZONE."),
    click.option("--encoding", help="Of text files; default: found out."),
    click.option("--date-format", help="Such as %d.%m.%Y; default: found out."),
    click.option("--reject-file", type=click.Path(dir_okay=False, path_type=Path), help="Where refused rows go."),
    json_option,
)


_PARTIAL = click.option("--partial", is_flag=True, help="What the file does not tell stays as it is.")


def _with_options(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.group("import")
def command() -> None:
    """Bring in orders, items or customers from a file."""


@command.command("orders", cls=_Mapped)
@_with_options
def orders(file: Path, output: Output, **given: Any) -> None:
    """Import orders, one row per line, from CSV, Parquet or NDJSON."""
    from offers.intake.orders_file import import_orders

    _run(import_orders, file, output, given)


@command.command("items", cls=_Mapped)
@_PARTIAL
@_with_options
def items(file: Path, output: Output, **given: Any) -> None:
    """Import items from CSV, Parquet, NDJSON, Yandex YML or Google Merchant."""
    from offers.intake.feeds.importing import feed_format, import_feed
    from offers.intake.items_file import import_items

    del given["timezone"], given["date_format"]  # items have no times
    function: Callable[..., Summary] = import_items
    if feed_format(file) is not None:
        if given.pop("mapping"):
            raise InvalidInput(f"{file.name} is a feed, whose fields have their names: leave --map out")
        function = import_feed
    _run(function, file, output, given, catalogue=True)


@command.command("customers", cls=_Mapped)
@_PARTIAL
@_with_options
def customers(file: Path, output: Output, **given: Any) -> None:
    """Import customers from CSV, Parquet or NDJSON."""
    from offers.intake.customers_file import import_customers

    del given["currency"]  # customers have no money
    _run(import_customers, file, output, given)


def _run(
    function: Callable[..., Summary], file: Path, output: Output, given: dict[str, Any], *, catalogue: bool = False
) -> None:
    settings = read_settings()
    if "currency" in given:
        given["currency"] = given["currency"] or settings.currency
    if "timezone" in given:
        given["timezone"] = _zone(given["timezone"] or settings.timezone)
    given["reject_file"] = given["reject_file"] or settings.data_dir / "rejects" / f"{file.name}.ndjson"
    with open_services(settings) as services, progress(output) as report:
        if catalogue:
            given["current"] = {item.item_id: item for chunk in services.catalogue_store.scan() for item in chunk}
        summary = function(
            file,
            services.stream.append,
            progress=lambda done, total: report(f"importing {file.name}", done, total),
            clock=services.clock,
            **given,
        )
    output.result(summary.as_dict(), summary_lines(summary))


def _zone(name: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InvalidInput(f"--timezone: {name!r} is not an IANA time zone, such as Europe/London") from None
    return name


def summary_lines(summary: Summary) -> list[str]:
    """A summary for people."""
    told = summary.as_dict()
    lines = [
        f"{told['file']}: {told['rows']} rows, {told['accepted_rows']} taken, {told['rejected_rows']} not; "
        f"{summary.changed} of {told['events']} events are new ({told['seconds']:.1f} s)"
    ]
    if told["reasons"]:
        rows = [(r["code"], r["rows"], r["first_row"], r["detail"]) for r in told["reasons"]]
        lines += [f"  {line}" for line in table(("Reason", "Rows", "First", ""), rows)]
    lines += [f"  {name}: {n}" for name, n in {**told["verdicts"], **told["notes"]}.items() if n]
    if told["reject_file"]:
        lines.append(f"  refused rows: {told['reject_file']}")
    return lines
