"""What a command prints: text for people or, with ``--json``, one JSON document; progress goes to standard error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click

__all__ = ["Output", "Report", "json_option", "progress", "table"]

#: How far a long piece of work is: what is being done, done so far, of how many (None: not known).
Report = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command's result goes."""

    as_json: bool

    def result(self, document: Any, text: str | Sequence[str]) -> None:
        """The result: ``document`` for programs, ``text`` for people."""
        if self.as_json:
            click.echo(json.dumps(document, ensure_ascii=False, default=str))
        else:
            click.echo(text if isinstance(text, str) else "\n".join(text))

    def note(self, text: str) -> None:
        """A remark on the way, for people only."""
        if not self.as_json:
            click.echo(text, err=True)


def json_option(function: Callable[..., None]) -> Callable[..., None]:
    """Adds ``--json``; the command gets ``output``."""

    def made(ctx: click.Context, parameter: click.Parameter, value: bool) -> Output:
        return Output(value)

    option = click.option("--json", "output", is_flag=True, callback=made, help="Print one JSON document.")
    return option(function)


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Aligned columns, as lines; numbers to the right."""
    cells = [[("" if value is None else str(value)) for value in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(headings), *cells]) for i in range(len(headings))]
    right = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(headings))]

    def line(values: Sequence[str]) -> str:
        padded = (v.rjust(w) if r else v.ljust(w) for v, w, r in zip(values, widths, right, strict=True))
        return "  ".join(padded).rstrip()

    return [line(list(headings)), *map(line, cells)]


@contextmanager
def progress(output: Output) -> Iterator[Report]:
    """Progress bars on standard error, one per named step; nothing with ``--json`` or where nobody watches."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    shown = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=output.as_json or not console.is_terminal,
    )
    tasks: dict[str, TaskID] = {}

    def report(step: str, done: int, total: int | None) -> None:
        if step not in tasks:
            tasks[step] = shown.add_task(step, total=total)
            if not console.is_terminal:
                output.note(step)
        shown.update(tasks[step], completed=done, total=total)

    with shown:
        yield report
