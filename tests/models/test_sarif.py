"""SARIF: the log fits its schema whatever was found, and tells a reader what a person would be told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given

from codenb.models import CheckerRun, Severity
from tests.conftest import part
from tests.models.reports import INCOMPLETE, POLICY, REPORT, SCHEMA, STYLE, VALID, anything, many
from tests.views.anything import unhurried

pytestmark = pytest.mark.parts


@pytest.fixture(scope="session")
def faults() -> Callable[[str], list[str]]:
    """What the published schema says against a log, as text."""
    schema = json.loads(Path(part("sarif", "sarif-schema-2.1.0.json")).read_text("utf-8"))
    # As published this is no regular expression of ECMAScript (a bracket too many); no log of ours has the field.
    for owner in ("run", "toolComponent"):
        del schema["definitions"][owner]["properties"]["language"]["pattern"]
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)

    def check(text: str) -> list[str]:
        # A strict reader of JSON takes UTF-8 and nothing else.
        log = json.loads(text.encode("utf-8"))
        return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(log)]

    return check


@pytest.mark.parametrize(
    "report", [REPORT, VALID, INCOMPLETE, many(300)], ids=["invalid", "valid", "incomplete", "300"]
)
def test_every_report_fits_the_schema(report, faults):
    """Code scanning rejects a whole upload for one wrong field."""
    assert faults(report.export("sarif")) == []


def test_the_schema_in_use_finds_faults(faults):
    """A schema that was not read right would let everything pass."""
    log = REPORT.to_sarif()
    log["runs"][1]["results"][0]["level"] = "fatal"

    assert any("fatal" in fault for fault in faults(json.dumps(log)))


@unhurried
@given(report=anything)
def test_any_text_fits_the_schema(report, faults):
    """File names, messages and links are other people's: a control character or half a character must not spoil it."""
    assert faults(report.export("sarif")) == []


def test_a_finding_is_where_it_was_found():
    """A reader follows rule, level, place and snippet; a run names the tool that it is of."""
    runs = {run["tool"]["driver"]["name"]: run for run in REPORT.to_sarif()["runs"]}
    driver, result = runs["checkov"]["tool"]["driver"], runs["checkov"]["results"][0]

    assert driver["version"] == driver["semanticVersion"] == "3.3.1"
    assert driver["rules"][result["ruleIndex"]] == {
        "id": "CKV_K8S_16",
        "shortDescription": {"text": POLICY.message},
        "fullDescription": {"text": POLICY.message},
        "help": {"text": POLICY.remedy},
        "helpUri": POLICY.link,
        "defaultConfiguration": {"level": "error"},
        "properties": {"security-severity": "9.5", "tags": ["security"]},
    }
    assert (result["ruleId"], result["level"]) == ("CKV_K8S_16", "error")
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "shop/checkout.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 21, "startColumn": 11, "endLine": 22, "snippet": {"text": POLICY.source}},
    }
    assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "Deployment shop/checkout"


def test_a_checker_that_could_not_run_is_not_silent():
    """Silence of a tool reads as health; the log must say that the tool did not run, and why."""
    runs = {run["tool"]["driver"]["name"]: run for run in INCOMPLETE.to_sarif()["runs"]}
    invocation = runs["terraform validate"]["invocations"][0]

    assert invocation["executionSuccessful"] is False
    assert invocation["toolExecutionNotifications"] == [
        {"level": "error", "message": {"text": "the provider aws is missing: run init"}}
    ]
    assert runs["terraform validate"]["results"] == []
    assert runs["hadolint"]["invocations"][0]["executionSuccessful"] is True
    assert "live schema" not in runs


def test_one_of_several_runs_of_a_checker_failed(faults):
    """A checker runs once for each type of files; the failure of one was lost when the last one's word was kept."""
    failed = CheckerRun(name="checkov", status="failed", problem="the engine is not installed")
    report = REPORT.model_copy(update={"checkers": (failed, *REPORT.checkers)})
    run = next(run for run in report.to_sarif()["runs"] if run["tool"]["driver"]["name"] == "checkov")

    assert [one["executionSuccessful"] for one in run["invocations"]] == [False, True]
    assert run["tool"]["driver"]["version"] == "3.3.1"
    assert faults(report.export("sarif")) == []


def test_runs_of_one_upload_can_be_told_apart():
    """Code scanning refuses two runs of one category in one upload."""
    ids = [run["automationDetails"]["id"] for run in REPORT.to_sarif()["runs"]]

    assert len(ids) == len(set(ids)) == 5


@pytest.mark.parametrize(
    ("severity", "level", "score"),
    [
        (Severity.CRITICAL, "error", 9.0),
        (Severity.HIGH, "error", 7.0),
        (Severity.MEDIUM, "warning", 4.0),
        (Severity.LOW, "note", 0.1),
    ],
)
def test_a_severity_keeps_its_name_in_code_scanning(severity, level, score):
    """Code scanning names a result by its score: above 9 critical, from 7 high, from 4 medium, above 0 low."""
    report = REPORT.model_copy(update={"findings": (POLICY.model_copy(update={"severity": severity}),)})
    run = next(run for run in report.to_sarif()["runs"] if run["results"])
    given_score = float(run["tool"]["driver"]["rules"][0]["properties"]["security-severity"])

    assert run["results"][0]["level"] == level
    assert score < given_score < score + 3.1


def test_style_is_no_security_alert():
    """A badly formatted file listed among security alerts teaches people to ignore them."""
    run = next(run for run in REPORT.to_sarif()["runs"] if run["tool"]["driver"]["name"] == "terraform fmt")

    assert "properties" not in run["tool"]["driver"]["rules"][0]
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
    assert run["results"][0]["message"]["text"] == STYLE.message


def fingerprints(*findings) -> list[str]:
    runs = REPORT.model_copy(update={"findings": findings}).to_sarif()["runs"]
    return [mark for run in runs for one in run["results"] for mark in one["partialFingerprints"].values()]


def test_a_finding_is_the_same_after_lines_moved():
    """An alert that was dismissed must not come back because somebody added a comment above it."""
    moved = SCHEMA.model_copy(update={"line": 80, "column": 15, "source": f"  {SCHEMA.source}"})

    assert fingerprints(moved) == fingerprints(SCHEMA)


@pytest.mark.parametrize("change", [{"rule": "x"}, {"file": "x"}, {"object": "x"}, {"source": "x"}])
def test_another_finding_has_another_fingerprint(change):
    """Two findings with one fingerprint are one alert: the second would never be seen."""
    assert fingerprints(SCHEMA.model_copy(update=change)) != fingerprints(SCHEMA)


def test_equal_lines_of_one_file_stay_two_findings():
    """Two containers with the same fault on the same words are two things to mend."""
    marks = fingerprints(SCHEMA, SCHEMA.model_copy(update={"line": 30}))

    assert len(set(marks)) == 2


@pytest.mark.parametrize(
    ("file", "address"),
    [
        ("a b/ü%.yaml", {"uri": "a%20b/%C3%BC%25.yaml", "uriBaseId": "%SRCROOT%"}),
        ("/srv/a.yaml", {"uri": "file:///srv/a.yaml"}),
        ("//srv/a.yaml", {"uri": "file:////srv/a.yaml"}),
        ("<text>", {"uri": "%3Ctext%3E", "uriBaseId": "%SRCROOT%"}),
        ("a:b.yaml", {"uri": "a%3Ab.yaml", "uriBaseId": "%SRCROOT%"}),
    ],
)
def test_a_file_name_is_an_address(file, address):
    """A reader opens the address: a colon must not make a scheme of a name, nor a percent sign an escape."""
    log: dict[str, Any] = REPORT.model_copy(update={"findings": (SCHEMA.model_copy(update={"file": file}),)}).to_sarif()
    result = next(result for run in log["runs"] for result in run["results"])

    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == address
