"""A validation as JUnit XML, in the form that Jenkins, GitLab and GitHub's reporters read alike.

One suite a checker, one failed test a finding at or above the threshold: readers show the first failure of a test only,
so findings do not share one. What is below the threshold stands in the output of a test that passes. A checker that
could not run is an error, and one that had nothing to do is skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from codenb.models._plain import plain

if TYPE_CHECKING:
    from codenb.models.validation import CheckerRun, ValidationFinding, ValidationReport


def document(report: ValidationReport) -> str:
    """The whole document, with its declaration."""
    found: dict[str, list[ValidationFinding]] = {}
    for finding in report.findings:
        found.setdefault(finding.checker, []).append(finding)
    checkers: dict[str, list[CheckerRun]] = {}  # one of a name for each type of files that it looked at
    for run in report.checkers:
        checkers.setdefault(run.name, []).append(run)
    root = ET.Element("testsuites", name="codenb validate")
    for name in dict.fromkeys([*checkers, *found]):
        root.append(_suite(report, name, checkers.get(name, ()), found.get(name, ())))
    for kind in ("tests", "failures", "errors", "skipped"):
        root.set(kind, str(sum(int(suite.get(kind, "0")) for suite in root)))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(
    report: ValidationReport, name: str, checkers: Sequence[CheckerRun], findings: Sequence[ValidationFinding]
) -> ET.Element:
    version = next((checker.version for checker in checkers if checker.version), "")
    suite = ET.Element("testsuite", name=plain(f"{name} {version}".rstrip()))
    minor: dict[str, list[ValidationFinding]] = {}
    for finding in findings:
        if finding.severity >= report.fail_on:
            suite.append(_failed(name, finding))
        else:
            minor.setdefault(finding.file, []).append(finding)
    for file, lesser in minor.items():
        case = _case(name, f"{file}: nothing else at or above {report.fail_on}", file)
        ET.SubElement(case, "system-out").text = "\n".join(map(_line, lesser))
        suite.append(case)
    for checker in checkers:
        if checker.status != "ok":
            case = _case(name, f"{name} runs")
            kind = "error" if checker.status == "failed" else "skipped"
            ET.SubElement(case, kind, message=plain(checker.problem or "there was nothing for it to check"))
            suite.append(case)
    if not len(suite):
        suite.append(_case(name, f"nothing at or above {report.fail_on}"))
    suite.set("tests", str(len(suite)))
    for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(kind, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("time", f"{sum(checker.duration_ms for checker in checkers) / 1000:.3f}")
    return suite


def _failed(checker: str, finding: ValidationFinding) -> ET.Element:
    case = _case(checker, f"{finding.place}: {finding.rule}", finding.file)
    if finding.line:
        case.set("line", str(finding.line))
    failure = ET.SubElement(case, "failure", type=plain(finding.rule), message=plain(finding.message))
    failure.text = "\n".join(
        filter(None, [_line(finding), *map(plain, (finding.source, finding.remedy, finding.link))])
    )
    return case


def _case(checker: str, name: str, file: str = "") -> ET.Element:
    case = ET.Element("testcase", classname=plain(checker), name=plain(name))
    if file:
        case.set("file", plain(file))
    return case


def _line(finding: ValidationFinding) -> str:
    about = f" ({finding.object})" if finding.object else ""
    return plain(f"{finding.place}: {finding.severity}: {finding.message}{about} [{finding.rule}]")
