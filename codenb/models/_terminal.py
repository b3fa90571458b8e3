"""A validation as a compiler prints it: `file:line:column: severity: message [rule]`, the line, and a caret below it.

Editors, terminals and CI logs follow such a line to its place; nothing is folded or wrapped, so that it can be
searched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codenb.models._validated import counted, remarks, verdict
from codenb.models.finding import Severity
from codenb.views import Source, Text, View, to_text

if TYPE_CHECKING:
    from codenb.models.validation import ValidationFinding, ValidationReport

_UNBROKEN = 100_000  # columns: the terminal breaks lines itself


def text(report: ValidationReport, *, color: bool) -> str:
    """All findings, then what could not run, the notes and the verdict."""
    parts = [*(_finding(finding, color=color) for finding in report.findings), _summary(report, color=color)]
    return "\n\n".join(parts) + "\n"


def _finding(finding: ValidationFinding, *, color: bool) -> str:
    about = f"{finding.object}: " if finding.object else ""
    views = [View(f"{finding.place}: {finding.severity}: {about}{finding.message} [{finding.rule}]")]
    if finding.source and finding.line:
        views.append(View("", blocks=[Source(finding.source, finding.line, finding.column)]))
    lines = [to_text(view, _UNBROKEN, color=color) for view in views]
    for label, value in (("remedy", finding.remedy), ("more", finding.link)):
        if value:
            lines.append("  " + to_text(View("", subtitle=f"{label}: {value}"), _UNBROKEN, color=color))
    return "\n".join(lines)


def _summary(report: ValidationReport, *, color: bool) -> str:
    counts = [f"{report.count(one):,} {one}" for one in reversed(Severity) if report.count(one)]
    ran = dict.fromkeys(f"{run.name} {run.version}".rstrip() for run in report.checkers if run.status == "ok")
    files, found = counted(len(report.files), "file"), ", ".join(counts) or "no findings"
    checked = Text(f"{files}, {found}; checked by {', '.join(ran) or 'nobody'}")
    blocks = (*remarks(report), checked, verdict(report))
    return "\n".join(to_text(View("", blocks=[block]), _UNBROKEN, color=color) for block in blocks)
