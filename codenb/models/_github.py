"""A validation as workflow commands of GitHub Actions: each line becomes an annotation on a file of the pull request.

What a value may hold is escaped as the runner's own toolkit does it, so that no message can end its command and begin
another. The runner keeps the first ten errors and warnings of a step; findings come worst first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codenb.models._plain import plain
from codenb.models.finding import Severity

if TYPE_CHECKING:
    from codenb.models.validation import ValidationFinding, ValidationReport


def commands(report: ValidationReport) -> str:
    """One line a checker that could not run, then one a finding; empty where there is nothing to say."""
    lines = [
        _command("error", f"{run.name} could not run", run.problem or "no reason was given")
        for run in report.failed_checkers
    ]
    lines += [_finding(finding, report.fail_on) for finding in report.findings]
    lines += [_command("notice", "codenb validate", note) for note in report.notes]
    return "".join(f"{line}\n" for line in lines)


def _finding(finding: ValidationFinding, fail_on: Severity) -> str:
    lesser = "warning" if finding.severity >= Severity.MEDIUM else "notice"
    kind = "error" if finding.severity >= fail_on else lesser
    about = f"{finding.object}: {finding.message}" if finding.object else finding.message
    message = "\n".join(filter(None, [about, finding.remedy, finding.link]))
    place: dict[str, str | int | None] = {"file": finding.file}
    if finding.line:
        place |= {"line": finding.line, "endLine": finding.end_line, "col": finding.column}
    return _command(kind, f"{finding.severity}: {finding.rule}", message, **place)


def _command(kind: str, title: str, message: str, **place: str | int | None) -> str:
    values = {name: value for name, value in place.items() if value is not None} | {"title": title}
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in values.items())
    return f"::{kind} {properties}::{_data(message)}"


def _data(text: str) -> str:
    return plain(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
