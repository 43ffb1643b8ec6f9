"""``offers``: the table of commands, each imported when called, and the one place that turns errors into a line."""

from __future__ import annotations

import importlib
import json
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from offers import __version__
from offers.errors import OffersError

__all__ = ["COMMANDS", "cli", "main"]

#: name -> (module, help in one line). The line stands here so that `offers --help` imports no command.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("offers.cli.demo", "Load real purchases, train, and leave a service running."),
    "serve": ("offers.cli.serve", "Run the service: API, worker, Valkey server."),
    "worker": ("offers.cli.worker", "Run the worker alone: writer, projector, scheduler."),
    "import": ("offers.cli.imports", "Bring in orders, items or customers from a file."),
    "train": ("offers.cli.train", "Train a model and promote it if it passes the gate."),
    "models": ("offers.cli.models", "List, promote and roll back models."),
    "explain": ("offers.cli.explain", "Show what would be offered to whom, and why."),
    "picks": ("offers.cli.picks", "Picks for a whole audience of letters."),
    "keys": ("offers.cli.keys", "Create, list and revoke API keys."),
    "placements": ("offers.cli.placements", "Switch placements off and on."),
    "rebuild": ("offers.cli.rebuild", "Derive the online state anew from the ledger."),
    "backup": ("offers.cli.backup", "Copy everything this instance keeps, with checksums."),
    "restore": ("offers.cli.restore", "Bring a backup into an empty data directory."),
    "doctor": ("offers.cli.doctor", "Check this instance; name a remedy for each fault."),
    "settings": ("offers.cli.settings", "Print every setting: value, default, meaning."),
    "openapi": ("offers.cli.openapi", "Print the OpenAPI document of the API."),
}


class _Commands(click.Group):
    """A group whose commands are modules with an attribute ``command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="offers")
def cli() -> None:
    """Next-best-offer, upsell and cross-sell for a shop, in which every offer is an experiment.

    Settings come from the environment (OFFERS_...): `offers settings` lists them.
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run a command and end the process: 0 done, 1 done with a bad finding, 2 not done, 130/143 interrupted."""
    wanted = sys.argv[1:] if arguments is None else arguments
    # As process 1 of a container the default action of SIGTERM is nothing; and `with` blocks must close.
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = cli.main(args=wanted, prog_name="offers", standalone_mode=False)
    except OffersError as error:
        _complain(error, as_json="--json" in wanted)
        code = 2
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.exceptions.Abort:
        click.echo("offers: interrupted", err=True)
        code = 130
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): not an error, and nothing more to flush.
        sys.stdout = sys.stderr
        code = 0
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        click.echo(f"offers: {place}{error.strerror or type(error).__name__}", err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _complain(error: OffersError, *, as_json: bool) -> None:
    if as_json:
        places = [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in error.errors]
        line = {"code": error.code, "title": error.problem.title, "detail": error.detail, "errors": places}
        click.echo(json.dumps(line, ensure_ascii=False), err=True)
    else:
        said = " ".join(str(error).split()).rstrip(".")
        remedy = "" if error.code == "internal" else f" {error.problem.remedy}"
        click.echo(f"offers: {said}.{remedy}", err=True)


if __name__ == "__main__":
    main()
