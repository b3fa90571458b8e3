"""A validation as SARIF 2.1.0 (OASIS Standard, 27 March 2020): what GitHub code scanning and editors read.

One run a checker, because a run says which tool it is of, and a reader asks who found something. A checker that could
not run has a run too, without results and marked as not successful: its silence must not read as health.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from codenb.models._plain import plain
from codenb.models.finding import Severity

if TYPE_CHECKING:
    from codenb.models.validation import CheckerRun, ValidationFinding, ValidationReport

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_LEVELS = {
    Severity.INFO: "note",
    Severity.LOW: "note",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}
# The middle of each band by which code scanning names a score (over 9 critical, 7 high, 4 medium, above 0 low).
_SCORES = {Severity.LOW: "2.0", Severity.MEDIUM: "5.5", Severity.HIGH: "8.0", Severity.CRITICAL: "9.5"}
_SEMANTIC = re.compile(r"\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?")
_FINGERPRINT = "codenbFinding/v1"
_IN_PATH = "/-._~"


def log(report: ValidationReport) -> dict[str, Any]:
    """The whole log; the report's own verdict and notes travel as its properties."""
    found: dict[str, list[ValidationFinding]] = {}
    for finding in report.findings:
        found.setdefault(finding.checker, []).append(finding)
    checkers: dict[str, list[CheckerRun]] = {}  # one of a name for each type of files that it looked at
    for run in report.checkers:
        if run.status != "skipped":
            checkers.setdefault(run.name, []).append(run)
    names = dict.fromkeys([*checkers, *found])
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [_run(name, checkers.get(name, ()), found.get(name, ())) for name in names],
        "properties": {
            "status": report.status,
            "failOn": str(report.fail_on),
            "types": list(report.types),
            "kubernetesVersion": report.kubernetes_version,
            "files": [plain(file) for file in report.files],
            "notes": [plain(note) for note in report.notes],
        },
    }


def _run(name: str, checkers: Sequence[CheckerRun], findings: Sequence[ValidationFinding]) -> dict[str, Any]:
    rules: dict[str, list[ValidationFinding]] = {}
    for finding in findings:
        rules.setdefault(finding.rule, []).append(finding)
    index = {rule: at for at, rule in enumerate(rules)}
    driver: dict[str, Any] = {
        "name": plain(name) or "unnamed",
        "rules": [_rule(rule, all_of) for rule, all_of in rules.items()],
    }
    if version := next((checker.version for checker in checkers if checker.version), ""):
        driver["version"] = plain(version)
        if _SEMANTIC.fullmatch(version):
            driver["semanticVersion"] = version
    seen: Counter[str] = Counter()
    return {
        "tool": {"driver": driver},
        # Names the run among others of the same upload, which code scanning keeps apart by it.
        "automationDetails": {"id": f"codenb/{plain(name)}/"},
        "invocations": [_invocation(checker) for checker in checkers] or [{"executionSuccessful": True}],
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, index[finding.rule], seen) for finding in findings],
    }


def _invocation(checker: CheckerRun) -> dict[str, Any]:
    failed = checker.status == "failed"
    invocation: dict[str, Any] = {
        "executionSuccessful": not failed,
        "properties": {"durationMs": checker.duration_ms, "cached": checker.cached},
    }
    if failed or checker.problem:
        text = plain(checker.problem) or "no reason was given"
        invocation["toolExecutionNotifications"] = [{"level": "error" if failed else "note", "message": {"text": text}}]
    return invocation


def _rule(rule: str, findings: Sequence[ValidationFinding]) -> dict[str, Any]:
    worst = max(finding.severity for finding in findings)
    messages, remedies = ({getattr(one, name) for one in findings} for name in ("message", "remedy"))
    text = plain(messages.pop() if len(messages) == 1 else rule) or "unnamed"
    described: dict[str, Any] = {
        "id": plain(rule) or "unnamed",
        "shortDescription": {"text": text},
        "fullDescription": {"text": text},
        "help": {"text": plain(remedies.pop() if len(remedies) == 1 else "") or text},
        "defaultConfiguration": {"level": _LEVELS[worst]},
    }
    if uri := next((uri for one in findings if (uri := _help(one.link))), ""):
        described["helpUri"] = uri
    if worst in _SCORES and not all(finding.style for finding in findings):
        described["properties"] = {"security-severity": _SCORES[worst], "tags": ["security"]}
    return described


def _result(finding: ValidationFinding, rule: int, seen: Counter[str]) -> dict[str, Any]:
    mark = _mark(finding)
    seen[mark] += 1
    location: dict[str, Any] = {"physicalLocation": _place(finding)}
    if finding.object:
        location["logicalLocations"] = [{"fullyQualifiedName": plain(finding.object), "kind": "resource"}]
    properties = {"severity": str(finding.severity), "style": finding.style}
    return {
        "ruleId": plain(finding.rule) or "unnamed",
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": plain(finding.message) or "no message"},
        "locations": [location],
        "partialFingerprints": {_FINGERPRINT: f"{mark}:{seen[mark]}"},
        "properties": properties | ({"remedy": plain(finding.remedy)} if finding.remedy else {}),
    }


def _place(finding: ValidationFinding) -> dict[str, Any]:
    # Code scanning takes a result on a line only; that of a whole file stands on its first.
    region: dict[str, Any] = {"startLine": finding.line or 1}
    if finding.line:
        region |= {"startColumn": finding.column} if finding.column else {}
        region |= {"endLine": max(finding.end_line, finding.line)} if finding.end_line else {}
        region |= {"snippet": {"text": plain(finding.source)}} if finding.source else {}
    return {"artifactLocation": _address(finding.file), "region": region}


def _address(file: str) -> dict[str, Any]:
    # Relative names are relative to the sources, which whoever reads the log has somewhere of their own.
    path = quote(file.encode("utf-8", "replace"), safe=_IN_PATH)
    if path.startswith("/"):
        return {"uri": f"file://{path}"}
    return {"uri": path or ".", "uriBaseId": "%SRCROOT%"}


def _help(link: str) -> str:
    return link if re.fullmatch(r"https?://[!#$&-;=?@A-Z\[\]_a-z~%]+", link) else ""


def _mark(finding: ValidationFinding) -> str:
    """What stays the same when lines move: the rule, the file, the object, and the line's own words."""
    words = " ".join(finding.source.split()) or finding.message
    parts = (finding.rule, finding.file, finding.object, words)
    return sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
