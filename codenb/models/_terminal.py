"""A validation as a compiler prints it: `file:line:column: severity: message [rule]`, the line, and a caret below it.

Editors, terminals and CI logs follow such a line to its place; nothing is folded or wrapped, so that it can be
searched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codenb.models._validated import counted, remarks, verdict
from codenb.models.finding import Severity
from codenb.views import Text, View, to_text

if TYPE_CHECKING:
    from codenb.models.validation import ValidationFinding, ValidationReport

_UNBROKEN = 100_000  # columns: the terminal breaks lines itself


def text(report: ValidationReport, *, color: bool) -> str:
    """All findings, then what could not run, the notes and the verdict."""
    lines = [to_text(_finding(finding), _UNBROKEN, color=color) for finding in report.findings]
    lines.append(to_text(_summary(report), _UNBROKEN, color=color))
    return "\n\n".join(lines) + "\n"


def _finding(finding: ValidationFinding) -> View:
    about = f"{finding.object}: " if finding.object else ""
    return View(
        title=f"{finding.place}: {finding.severity}: {about}{finding.message} [{finding.rule}]",
        blocks=finding.details(),
    )


def _summary(report: ValidationReport) -> View:
    counts = [f"{report.count(one):,} {one}" for one in reversed(Severity) if report.count(one)]
    ran = [f"{run.name} {run.version}".rstrip() for run in report.checkers if run.status == "ok"]
    files, found = counted(len(report.files), "file"), ", ".join(counts) or "no findings"
    checked = Text(f"{files}, {found}; checked by {', '.join(ran) or 'nobody'}")
    return View("", blocks=[*remarks(report), checked, verdict(report)])
