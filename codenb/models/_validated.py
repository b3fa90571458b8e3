"""How a validation looks in a notebook: the verdict, what was found file by file, and who checked.

A chart of an operator brings thousands of findings, and a saved notebook keeps its outputs for ever: what
fails it is seen at once, the rest is a line each, and what is over the limits is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from codenb.models.finding import SEVERITY_TONES, Severity
from codenb.views import Badge, Block, Cards, Fold, Table, Text, Tone, View

if TYPE_CHECKING:
    from codenb.models.validation import ValidationFinding, ValidationReport

_TONES = {"valid": Tone.GOOD, "invalid": Tone.BAD, "incomplete": Tone.WARN}
_SHOWN = 200
_CARDS = 12  # of findings that make the configuration invalid, in full
_LINES = 30  # of the others, a line each


def view(report: ValidationReport) -> View:
    """The whole report."""
    above = summary(report)
    blocks = [*above.blocks, *_by_file(report)]
    if report.checkers:
        rows: list[list[str | float | None]] = [
            [run.name, run.version, run.status, round(run.duration_ms, 1) or None, "yes" if run.cached else ""]
            for run in report.checkers
        ]
        blocks.append(Table(["checker", "version", "status", "ms", "cached"], rows, caption="Who checked"))
    return View(title=above.title, badges=above.badges, blocks=blocks)


def summary(report: ValidationReport) -> View:
    """The counts, the verdict, what could not run and the notes."""
    badges = [Badge(report.status, _TONES[report.status])]
    badges += [
        Badge(f"{report.count(severity):,} {severity}", SEVERITY_TONES[severity])
        for severity in reversed(Severity)
        if report.count(severity)
    ]
    subject = f" ({', '.join(report.types)})" if report.types else ""
    title = f"Validation of {counted(len(report.files), 'file')}{subject}"
    return View(title, badges, blocks=[verdict(report), *remarks(report)])


def verdict(report: ValidationReport) -> Text:
    """The status as a sentence."""
    bad = counted(len(report.at_least(report.fail_on)), "finding")
    match report.status:
        case "invalid":
            return Text(f"Invalid: {bad} at or above {report.fail_on}.", Tone.BAD)
        case "incomplete":
            return Text(f"Incomplete: {bad} at or above {report.fail_on}, but not everything was checked.", Tone.WARN)
        case "valid":
            below = f", {counted(len(report.findings), 'finding')} below" if report.findings else ""
            return Text(f"Valid: nothing at or above {report.fail_on}{below}.", Tone.GOOD)


def remarks(report: ValidationReport) -> list[Block]:
    """What could not run, and the notes."""
    failed: list[Block] = [
        Text(f"{run.name} could not run: {run.problem}", Tone.WARN) for run in report.failed_checkers
    ]
    return [*failed, *(Text(note, Tone.INFO) for note in report.notes)]


def counted(number: int, noun: str) -> str:
    """Such as `1 file`, `2,000 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _by_file(report: ValidationReport) -> list[Block]:
    """A fold a file, the file with the worst finding first."""
    shown = report.findings[:_SHOWN]
    rank = {file: at for at, file in enumerate(dict.fromkeys(finding.file for finding in shown))}
    totals = Counter(finding.file for finding in report.findings)
    blocks: list[Block] = []
    cards, lines = _CARDS, _LINES
    for file, group in groupby(sorted(shown, key=lambda one: rank[one.file]), key=lambda one: one.file):
        findings = list(group)
        failing = [finding for finding in findings if finding.severity >= report.fail_on][:cards]
        rest = findings[len(failing) :]
        first, more = rest[:lines], rest[lines:]
        body: list[Block] = [Cards([finding.view()]) for finding in failing] + list(map(_line, first))
        if more:
            further: list[Block] = list(map(_line, more))
            body += [Fold(f"{len(more):,} more", View("", blocks=further))] if body else further
        blocks.append(Fold(_summary(file, findings, totals[file]), View("", blocks=body), open=bool(failing or first)))
        cards, lines = cards - len(failing), lines - len(first)
    if left := len(report.findings) - len(shown):
        blocks.append(
            Text(f"{counted(left, 'further finding')} not shown here: .frame() and codenb.widgets.ValidationInspector")
        )
    return blocks


def _summary(file: str, findings: Sequence[ValidationFinding], total: int) -> str:
    counts = Counter(finding.severity for finding in findings)
    worst = ", ".join(f"{counts[severity]} {severity}" for severity in sorted(counts, reverse=True))
    return f"{file}: {worst}" + (f", {total - len(findings):,} not shown" if total > len(findings) else "")


def _line(finding: ValidationFinding) -> Block:
    """A finding that does not decide: one line, the rest when it is opened."""
    place = finding.place.removeprefix(finding.file).removeprefix(":")
    summary = " · ".join(filter(None, [str(finding.severity), place, finding.message]))
    about = " · ".join(filter(None, [finding.object, finding.rule]))
    return Fold(summary, View("", subtitle=about, blocks=finding.details()))
