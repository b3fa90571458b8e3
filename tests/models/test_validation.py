"""Validation reports: as data, as a frame, in a notebook and in a terminal."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from hypothesis import given

from codenb.errors import BadInput
from codenb.models import Severity, ValidationFinding, ValidationReport
from codenb.views import to_html, to_markdown
from tests.models.reports import INCOMPLETE, POLICY, REPORT, SCHEMA, STYLE, TAG, VALID, anything, many
from tests.views.anything import unhurried
from tests.views.parsed import Parsed


def test_severities_are_words_in_json_and_are_read_from_both():
    """`"severity": 4` says nothing to a person or a model; reports written with numbers are still read."""
    data = REPORT.to_dict()

    assert [one["severity"] for one in data["findings"]] == ["critical", "high", "medium", "info"]
    assert data["fail_on"] == "high"
    assert ValidationReport.from_dict(json.loads(json.dumps(data))) == REPORT
    assert ValidationFinding.from_dict(data["findings"][0] | {"severity": 5}) == POLICY
    assert SCHEMA.severity < POLICY.severity
    with pytest.raises(BadInput, match="severity"):
        ValidationFinding.from_dict(data["findings"][0] | {"severity": "grave"})


def test_the_schema_of_a_tool_names_the_severities():
    """A model that reads the tool's output schema must know which words to expect."""
    schema = ValidationReport.model_json_schema(mode="serialization")["properties"]["fail_on"]

    assert schema["enum"] == ["info", "low", "medium", "high", "critical"]


def test_line_zero_means_the_whole_file():
    """Some checkers say 0 for a file as a whole; a place `file:0` leads nowhere, and SARIF forbids it."""
    finding = SCHEMA.model_copy()
    finding = ValidationFinding.from_dict(finding.to_dict() | {"line": 0, "column": 4})

    assert finding.line is None
    assert finding.place == "shop/checkout.yaml"


def test_a_frame_sorts_and_selects_by_severity():
    """Severities sorted as words would put critical before high, and low between them."""
    frame = REPORT.frame()

    assert list(frame[frame.severity >= "high"].rule) == ["CKV_K8S_16", "kubernetes/schema"]
    assert list(frame.sort_values("severity").severity) == ["info", "medium", "high", "critical"]
    assert frame.line.isna().sum() == 1
    assert str(frame.line.dtype) == "Int64"
    assert list(VALID.frame().columns) == list(frame.columns)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, (POLICY, SCHEMA, TAG, STYLE)),
        ({"at_least": Severity.MEDIUM}, (POLICY, SCHEMA, TAG)),
        ({"rule": "DL3007"}, (TAG,)),
        ({"file": "shop/checkout.yaml"}, (POLICY, SCHEMA)),
        ({"text": "CHECKOUT privileged"}, (POLICY,)),
        ({"text": "python:latest"}, (TAG,)),
        ({"text": "quotation", "at_least": Severity.CRITICAL}, ()),
    ],
)
def test_findings_are_selected_by_all_that_is_given(wanted, found):
    """All that the inspector can filter, code can."""
    assert REPORT.select(**wanted) == found


def test_html_shows_the_line_that_is_meant():
    """A reader should see what is wrong without opening the file."""
    html = to_html(REPORT.view())

    assert '<span class="cnb-sub">8 │</span>   replicas: <mark>&quot;3&quot;</mark></pre>' in html
    assert POLICY.link.replace("&", "&amp;") in html
    assert html.index(POLICY.message) < html.index(SCHEMA.message) < html.index(TAG.message)
    assert html.index("terraform validate could not run") < html.index(POLICY.message)
    Parsed(html)


def test_what_fails_is_seen_in_full_and_the_rest_as_lines():
    """A manifest brings three faults and twenty pieces of advice: the three must not drown in the twenty."""
    html = to_html(REPORT.view())
    lenient = to_html(REPORT.model_copy(update={"fail_on": Severity.CRITICAL}).view())

    assert f"<strong>{SCHEMA.message}</strong>" in html
    assert f"<summary>medium · 1:1 · {TAG.message}</summary>" in html
    assert f"<summary>info · {STYLE.message}</summary>" in html
    assert f"<summary>high · 8:13 · {SCHEMA.message}</summary>" in lenient


def test_a_report_of_ten_thousand_findings_stays_small():
    """A notebook keeps its outputs: a chart's ten thousand findings must not make it unopenable, nor be hidden."""
    report = many(10_000)
    bundle = report._repr_mimebundle_()

    assert len(bundle["text/html"]) < 500_000
    assert len(bundle["text/plain"]) < 200_000
    assert "9,800 further findings not shown" in bundle["text/html"]
    assert bundle["text/html"].count('<details class="cnb-fold" open>') < 20


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        (REPORT, "Invalid: 2 findings at or above high."),
        (INCOMPLETE, "Incomplete: 0 findings at or above high, but not everything was checked."),
        (VALID, "Valid: nothing at or above high."),
    ],
)
def test_the_verdict_is_a_sentence(report, verdict):
    """A status alone leaves open what it was measured by."""
    assert verdict in str(report)
    assert report.to_text().rstrip().endswith(verdict)
    assert verdict in to_markdown(report.view())


def test_a_terminal_shows_what_a_compiler_would():
    """Editors and CI logs follow `file:line:column:`; a line that is wrapped or folded leads nowhere."""
    lines = REPORT.to_text().split("\n")

    assert lines[:6] == [
        "shop/checkout.yaml:21:11: critical: Deployment shop/checkout: Container should not be privileged [CKV_K8S_16]",
        "  21 │           privileged: true",
        "     │           ^~~~~~~~~~~~~~~~",
        "  remedy: remove securityContext.privileged, or set it to false",
        f"  more: {POLICY.link}",
        "",
    ]
    assert "! terraform validate could not run: the provider aws is missing: run init" in lines
    assert "4 files, 1 critical, 1 high, 1 medium, 1 info; checked by" in REPORT.to_text()


@unhurried
@given(anything)
def test_no_text_acts_on_a_terminal_or_a_page(report):
    """Messages quote manifests: an escape code would repaint the terminal, a tag would run in the notebook."""
    text = report.to_text()
    parsed = Parsed(to_html(report.view()))

    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert not {"script", "img", "iframe"} & set(parsed.tags())
    assert all(re.match("https?://", attributes["href"] or "") for tag, attributes in parsed.elements if tag == "a")


@unhurried
@given(anything)
def test_csv_is_read_back_and_computes_nothing(report):
    """A message `=cmd|...` opened in a spreadsheet would be a formula."""
    text = report.export("csv").encode("utf-8").decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))

    assert len(rows) == len(report.findings)
    assert not any(value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())


def test_an_unknown_format_names_those_there_are():
    """A typo is answered by the list."""
    with pytest.raises(BadInput, match="json, sarif, junit, github, csv"):
        REPORT.export("xml")


def test_a_report_that_is_cut_keeps_the_worst_and_its_status():
    """Three thousand bad pods made an answer of 33 MB; what a host refuses for its size tells nobody anything."""
    report = REPORT.model_copy(update={"findings": many(50).findings, "files": tuple(f"{at}.yaml" for at in range(30))})

    cut = report.cut(20)

    assert cut.status == report.status
    assert cut.findings == report.findings[:20]
    assert cut.notes[-2:] == (
        "30 further findings, the least bad ones, are left out: validate fewer files at once",
        "10 further names of files are left out: validate fewer files at once",
    )
    assert report.cut(50) == report.model_copy(update={"notes": report.notes})
