"""The command line as a whole: quick help, one-line errors, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest

from offers.cli import main as cli_main
from offers.errors import FieldError, InvalidInput, StateUnavailable


def _run(monkeypatch: pytest.MonkeyPatch, raised: BaseException | None, *arguments: str) -> int:
    @click.command("settings")
    @click.option("--json", "as_json", is_flag=True)
    def command(as_json: bool) -> None:
        if raised is not None:
            raise raised

    monkeypatch.setattr("offers.cli.settings.command", command)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        cli_main.main(["settings", *arguments])
    return int(ended.value.code or 0)


def test_help_imports_no_command_and_nothing_heavy() -> None:
    code = (
        "import sys\nfrom offers.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('polars','numpy','flask','redis','deltalake','rich')"
        " or m.startswith('offers.cli.') and m != 'offers.cli.main'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for name in cli_main.COMMANDS:
        assert f"  {name} " in done.stdout


@pytest.mark.parametrize("arguments", [["no-such-command"], ["settings", "--no-such-option"]])
def test_a_misspelt_command_line_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli_main.main(arguments)
    assert ended.value.code == 2
    assert "no such" in capsys.readouterr().err.lower()


def test_a_designed_error_is_one_line_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = InvalidInput("The file\nis odd", (FieldError("/a", "x", "not so"),))
    assert _run(monkeypatch, error) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "offers: The file is odd (/a: not so). Mend the fields named in errors.\n"


def test_with_json_the_line_is_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(monkeypatch, StateUnavailable("No answer"), "--json") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err) == {
        "code": "state_unavailable",
        "title": "The online store cannot be reached",
        "detail": "No answer",
        "errors": [],
    }


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (OSError(28, "No space left on device", "/data/x"), 2, "offers: /data/x: No space left on device\n"),
        (KeyboardInterrupt(), 130, "offers: interrupted\n"),
        (BrokenPipeError(), 0, ""),
        (SystemExit(1), 1, ""),
        (None, 0, ""),
    ],
    ids=["disk-full", "ctrl-c", "reader-gone", "bad-finding", "done"],
)
def test_how_commands_end(
    raised: BaseException | None,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stdout = sys.stdout
    try:
        assert _run(monkeypatch, raised) == code
    finally:
        sys.stdout = stdout
    assert capsys.readouterr().err.lstrip("\n") == said


def test_sigterm_unwinds_so_that_a_started_server_is_stopped() -> None:
    code = (
        "import os, signal, click, offers.cli.settings as s\nfrom offers.cli.main import main\n"
        "@click.command('settings')\ndef command():\n"
        "    try:\n        os.kill(os.getpid(), signal.SIGTERM); signal.pause()\n"
        "    finally: print('closed')\n"
        "s.command = command\nmain(['settings'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, done.stdout) == (143, "closed\n")


def test_an_unknown_setting_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OFFERS_WORKRES", "3")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        cli_main.main(["settings"])
    assert ended.value.code == 2
    assert "OFFERS_WORKRES" in capsys.readouterr().err
