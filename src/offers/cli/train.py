"""``offers train``: a model from the ledger, through the gate, into service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from offers.cli.models import author, state_promotion
from offers.cli.output import Output, Report, json_option, progress
from offers.cli.session import open_services

if TYPE_CHECKING:
    from offers.learning.train import Registered
    from offers.wiring import Services

__all__ = ["command", "train_model"]


def train_model(
    services: Services,
    report: Report,
    output: Output,
    *,
    reason: str,
    promote: bool = True,
    force: bool = False,
) -> Registered:
    """Train on the ledger as it is now; promote what passes the gate (or by force) and state it as a fact.

    Raises:
        InvalidInput: there is too little to learn from, or the recipe is wrong.
    """
    from offers.learning.recipe import read_recipe
    from offers.learning.train import train_and_register
    from offers.ledger.scan import order_lines

    settings, table, who = services.settings, services.table, author()
    recipe = read_recipe(settings.recipe)
    version = table.version()
    done = train_and_register(
        order_lines(table, version=version, counts_from=settings.orders_count_from),
        recipe,
        services.registry,
        author=who,
        reason=reason,
        force=force,
        promote=promote,
        clock=services.clock,
        ledger_version=version,
        ledger_uri=table.url,
        report=report,
        note=output.note,
    )
    if done.promoted:
        state_promotion(services, done.trained.model_id, done.previous, who, reason, force)
    return done


@click.command("train")
@click.option("--promote/--no-promote", default=True, show_default=True, help="Serve it, if it passes the gate.")
@click.option("--force", is_flag=True, help="Serve it even if it does not; the history says so.")
@click.option("--reason", default="trained by hand", show_default=True, help="Kept in the history.")
@json_option
def command(promote: bool, force: bool, reason: str, output: Output) -> None:
    """Train a model and promote it if it passes the gate.

    A model that the gate refuses is kept and said to be; that is a finding, not a failure.
    """
    with open_services() as services, progress(output) as report:
        done = train_model(services, report, output, reason=reason, promote=promote, force=force)
    trained = done.trained
    document = {
        "model": trained.model_id,
        "promoted": done.promoted,
        "previous": done.previous,
        "refused": done.refused,
        "metrics": {} if trained.gate is None else trained.gate.metrics(),
        "counts": trained.counts,
        "timings": {step: round(seconds, 3) for step, seconds in trained.timings.items()},
        "bytes": trained.bytes,
    }
    lines = [f"Model {trained.model_id}, trained in {sum(trained.timings.values()):.1f} s"]
    if trained.gate is not None:
        lines += [f"  {sentence}" for sentence in trained.gate.sentences()]
    if done.promoted:
        lines.append(f"It is served from now on; before: {done.previous or 'none'}")
    elif done.refused:
        lines.append(f"The gate refused it. {done.refused}")
    elif done.previous == trained.model_id:
        lines.append("It is the model that is served already: nothing has changed")
    output.result(document, lines)
