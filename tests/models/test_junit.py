"""JUnit XML: read back by a real parser, with the counts that a CI system shows."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given

from codenb.models import CheckerRun, Severity
from tests.models.reports import INCOMPLETE, POLICY, REPORT, SCHEMA, TAG, VALID, anything
from tests.views.anything import unhurried


def parsed(report) -> ET.Element:
    return ET.fromstring(report.to_junit().encode())


def suites(report) -> dict[str, ET.Element]:
    return {suite.get("name", ""): suite for suite in parsed(report)}


def test_each_finding_at_the_threshold_is_a_failed_test():
    """CI systems show the first failure of a test only: two findings in one test would be one."""
    suite = suites(REPORT)["checkov 3.3.1"]
    (case,) = suite
    failure = case.find("failure")

    assert (suite.get("tests"), suite.get("failures"), suite.get("time")) == ("1", "1", "0.080")
    assert case.attrib == {
        "classname": "checkov",
        "name": "shop/checkout.yaml:21:11: CKV_K8S_16",
        "file": "shop/checkout.yaml",
        "line": "21",
    }
    assert failure is not None
    assert failure.attrib == {"type": "CKV_K8S_16", "message": POLICY.message}
    assert POLICY.source in (failure.text or "")
    assert POLICY.remedy in (failure.text or "")
    assert POLICY.link in (failure.text or "")


def test_what_is_below_the_threshold_passes_and_is_still_said():
    """A pipeline that fails from high on must not fail for a tag, nor hide it."""
    case = suites(REPORT)["hadolint 2.14.0"][0]

    assert case.find("failure") is None
    assert TAG.message in (case.findtext("system-out") or "")
    stricter = REPORT.model_copy(update={"fail_on": Severity.MEDIUM})
    assert suites(stricter)["hadolint 2.14.0"][0].find("failure") is not None


def test_a_checker_that_could_not_run_is_an_error():
    """A suite without tests is green in most CI systems; a checker that did not run must not be."""
    error = suites(INCOMPLETE)["terraform validate"].find("testcase/error")
    skipped = suites(INCOMPLETE)["live schema"].find("testcase/skipped")

    assert error is not None
    assert error.get("message") == "the provider aws is missing: run init"
    assert skipped is not None
    assert skipped.get("message") == "no cluster is connected"
    assert parsed(INCOMPLETE).get("errors") == "1"


def test_one_of_several_runs_of_a_checker_failed():
    """A checker runs once for each type of files; the failure of one was lost when the last one's word was kept."""
    failed = CheckerRun(name="checkov", status="failed", problem="the engine is not installed")
    suite = suites(REPORT.model_copy(update={"checkers": (failed, *REPORT.checkers)}))["checkov 3.3.1"]

    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "1")


def test_a_checker_that_found_nothing_passes():
    """Who ran and found nothing is shown as run."""
    assert [suite.get("tests") for suite in parsed(VALID)] == ["1", "1"]
    assert parsed(VALID).get("failures") == "0"


@unhurried
@given(anything)
def test_any_text_is_read_back(report):
    """A control character in a manifest makes XML that no parser reads: the whole result of a pipeline is lost."""
    root = parsed(report)
    failures = root.findall("testsuite/testcase/failure")

    assert len(failures) == len(report.at_least(report.fail_on))
    assert root.get("failures") == str(len(failures))
    assert len(root.findall("testsuite/testcase")) == int(root.get("tests", ""))


def test_markup_in_a_message_stays_text():
    """`]]>` and tags are what a message about XML or HTML holds."""
    message = 'a ]]> </failure> <b>&amp; "x" \x1b[31m\x00'
    report = REPORT.model_copy(update={"findings": (SCHEMA.model_copy(update={"message": message}),)})
    failure = parsed(report).find("testsuite/testcase/failure")

    assert failure is not None
    assert failure.get("message") == 'a ]]> </failure> <b>&amp; "x" \ufffd[31m\ufffd'
