"""``offers doctor``: every check with its finding and, where something is wrong, what to do."""

from __future__ import annotations

import click

from offers.cli.output import Output, json_option

__all__ = ["command"]

_SIGNS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


@click.command("doctor")
@json_option
def command(output: Output) -> None:
    """Check this instance; name a remedy for each fault.

    Ends with 1 when a check fails; a warning alone ends with 0.
    """
    from offers.running.doctor import examine
    from offers.settings import read_settings

    findings = examine(read_settings())
    lines = []
    for finding in findings:
        lines.append(f"{_SIGNS[finding.verdict]}  {finding.check}: {finding.detail}")
        if finding.remedy and finding.verdict != "ok":
            lines.append(f"      {finding.remedy}")
    failed = any(finding.verdict == "fail" for finding in findings)
    document = [
        {"check": f.check, "verdict": f.verdict, "detail": f.detail, "remedy": f.remedy or None} for f in findings
    ]
    output.result({"ok": not failed, "checks": document}, lines)
    if failed:
        raise SystemExit(1)
