"""``offers picks export``: the picks of a whole audience as NDJSON, for mail systems that want a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from offers.cli.output import Output, json_option, progress
from offers.cli.session import open_services
from offers.domain.ids import Person, id_fault, is_placement
from offers.errors import InvalidInput

if TYPE_CHECKING:
    from offers.wiring import Services

__all__ = ["command"]

_STEP = 200


@click.group("picks")
def command() -> None:
    """Picks for a whole audience of letters."""


@command.command("export")
@click.option("--placement", default="email", show_default=True)
@click.option("--message-id", help="Freezes the picks for this letter; without it they may change with the next fetch.")
@click.option("--limit", type=click.IntRange(1, 50), default=6, show_default=True, help="Picks per customer.")
@click.option("--min", "least", type=click.IntRange(0, 50), default=0, show_default=True, help="Fewer: none at all.")
@click.option(
    "--customers",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with one customer_id a line; default: every customer of the ledger.",
)
@click.option(
    "--output", "target", type=click.Path(dir_okay=False, path_type=Path), help="File; default: standard output."
)
@click.option("--lang", type=click.Choice(["en", "ru"]), help="Language of the reasons.")
@json_option
def export(
    placement: str,
    message_id: str | None,
    limit: int,
    least: int,
    customers: Path | None,
    target: Path | None,
    lang: str | None,
    output: Output,
) -> None:
    """Write the picks of every customer, one JSON object a line."""
    import orjson

    from offers.deciding.request import PicksRequest
    from offers.deciding.response import picks_response

    if not is_placement(placement):
        raise InvalidInput(f"{placement!r} is not a placement: 1 to 50 of a-z, 0-9, dot, dash, underscore")
    if message_id is not None and (fault := id_fault(message_id)):
        raise InvalidInput(f"--message-id: {fault}")
    if output.as_json and target is None:
        raise InvalidInput("With --json the picks need --output: standard output is the summary's")
    written = empty = 0
    with open_services(load=True) as services, _opened(target) as file, progress(output) as report:
        audience = _read(customers) if customers is not None else _everybody(services)
        language = lang or services.settings.language
        for done, customer_id in enumerate(audience):
            if done % _STEP == 0:
                report("picks", done, len(audience))
            request = PicksRequest(
                person=Person("c", customer_id),
                placement=placement,
                message_id=message_id,
                limit=limit,
                min=least,
                lang=lang,
                deadline_ms=5_000,
            )
            answer = services.decider.picks(request)
            body = picks_response(answer, services.catalogue, language)
            head = {"customer_id": customer_id, "placement": placement, "message_id": message_id}
            file.write(orjson.dumps({**head, **body}) + b"\n")
            written += 1
            empty += not body["items"]
        report("picks", len(audience), len(audience))
    summary = {"customers": written, "empty": empty, "placement": placement, "message_id": message_id}
    said = f"{written} customers, {empty} of them without picks"
    if target is None:
        output.note(said)
    else:
        output.result({**summary, "output": str(target)}, f"{said}: {target}")


@contextmanager
def _opened(target: Path | None) -> Iterator[IO[bytes]]:
    """The file, complete under its name or not there at all; or standard output."""
    if target is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = target.with_name(target.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _read(path: Path) -> list[str]:
    try:
        names: Iterable[str] = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8") from None
    ids = list(dict.fromkeys(line.strip() for line in names if line.strip()))
    for customer_id in ids:
        if fault := id_fault(customer_id):
            raise InvalidInput(f"{path}: {customer_id[:40]!r}: {fault}")
    return ids


def _everybody(services: Services) -> list[str]:
    """Customers that ordered or were described and not erased since, in order of their ids."""
    import polars as pl

    from offers.ledger.scan import events

    frame = events(services.table, kinds=["order", "customer"], columns=["customer_id", "event_name", "position"])
    erased = pl.col("event_name") == "customer_erased"
    last = frame.filter(pl.col("customer_id").is_not_null()).group_by("customer_id")
    ends = last.agg(
        pl.col("position").filter(~erased).max().alias("told"), pl.col("position").filter(erased).max().alias("erased")
    )
    living = ends.filter(pl.col("told").is_not_null() & (pl.col("erased").fill_null(-1) < pl.col("told")))
    return living.select("customer_id").sort("customer_id").collect()["customer_id"].to_list()
