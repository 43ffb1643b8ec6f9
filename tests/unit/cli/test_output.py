"""Text for people, one document for programs, progress where somebody watches."""

from __future__ import annotations

import json

import pytest

from offers.cli.output import Output, progress, table


def test_text_or_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    Output(False).result({"a": 1}, ["one", "two"])
    assert capsys.readouterr().out == "one\ntwo\n"
    Output(True).result({"имя": 1}, "x")
    assert json.loads(capsys.readouterr().out) == {"имя": 1}


def test_notes_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    Output(False).note("by the way")
    Output(True).note("by the way")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "by the way\n")


def test_columns_line_up_and_numbers_go_right() -> None:
    assert table(("Name", "Count"), [("a", 5), ("longer", 1234)]) == [
        "Name    Count",
        "a           5",
        "longer   1234",
    ]
    assert table(("Name", "Count"), []) == ["Name  Count"]
    assert table(("A", "B"), [(None, "x")]) == ["A  B", "   x"]


def test_progress_names_each_step_once_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(Output(False)) as report:
        report("reading", 0, 10)
        report("reading", 10, 10)
        report("writing", 1, None)
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.strip() for line in err.splitlines() if line.strip()] == ["reading", "writing"]


def test_progress_is_silent_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(Output(True)) as report:
        report("reading", 1, 2)
    assert capsys.readouterr() == ("", "")
