"""Pages of ``docs/`` that are made from the code: settings, and every code that says what was wrong.

``python -m offers.cli.reference docs`` writes them; a test holds pages and code together.
"""

from __future__ import annotations

import sys
from pathlib import Path

from offers.errors import PROBLEMS
from offers.settings import SETTINGS

__all__ = ["PAGES", "errors_page", "settings_page"]

_MADE = "<!-- Made from the code by `python -m offers.cli.reference docs`; change it there. -->"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def settings_page() -> str:
    """``docs/settings.md``."""
    lines = [
        "# Settings",
        "",
        _MADE,
        "",
        "Every setting is an environment variable, read once when a process starts. An unknown variable that begins",
        "with `OFFERS_` is refused, so a misspelt one cannot be overlooked. `offers settings` prints the table with",
        "the values in force.",
        "",
        "| variable | default | unit | meaning |",
        "|---|---|---|---|",
    ]
    for s in SETTINGS:
        default = f"`{s.default}`" if s.default else ""
        lines.append(f"| `{s.env}` | {default} | {_cell(s.unit)} | {_cell(s.help)} |")
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """``docs/errors.md``."""
    from offers.intake.reading import SENTENCES
    from offers.web.field_codes import FIELD_CODES

    lines = [
        "# Errors",
        "",
        _MADE,
        "",
        "A failed request is answered with `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail`,",
        "`code` and, where fields are at fault, `errors`: one `{pointer, code, detail}` each, the pointer being an",
        "RFC 6901 JSON pointer into the body that was sent. `detail` never holds the text of an exception. The command",
        "line prints the same as one line on standard error and ends with 2 (with `--json` the line is JSON).",
        "",
        "The set of codes is closed:",
        "",
        "| code | status | title | remedy |",
        "|---|---|---|---|",
    ]
    for code, problem in PROBLEMS.items():
        lines.append(f"| `{code}` | {problem.status} | {_cell(problem.title)} | {_cell(problem.remedy)} |")
    lines += [
        "",
        "`429` and `503` carry `Retry-After` in seconds. After a `503` to `POST /v1/events` nothing of that request is",
        "promised: send the whole request again, repeats are recognised by their `event_id`.",
        "",
        "## Codes of single fields",
        "",
        "In `errors` of a problem, in `warnings`, and in the verdict of a refused event:",
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| `{code}` | {_cell(about)} |" for code, about in FIELD_CODES.items()),
        "",
        "## Reasons of imports",
        "",
        "In the summary of an import and in its reject file:",
        "",
        "| reason | meaning |",
        "|---|---|",
        *(f"| `{code}` | {_cell(about)} |" for code, about in SENTENCES.items()),
    ]
    return "\n".join(lines) + "\n"


PAGES = {"settings.md": settings_page, "errors.md": errors_page}


def write(directory: Path) -> None:
    """Write every page into ``directory``."""
    for name, page in PAGES.items():
        (directory / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
