"""The inspector: it filters, pages and exports what the report itself can, and never writes elsewhere."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import nbformat
import pytest
from nbconvert import HTMLExporter

from codenb.models import Severity
from codenb.widgets import ValidationInspector
from tests.models.reports import POLICY, REPORT, SCHEMA, TAG, many
from tests.views.parsed import Parsed


@pytest.fixture
def inspector(tmp_path):
    return ValidationInspector(REPORT, folder=tmp_path)


def said(widget) -> str:
    """What a status line says, read as a screen reader would."""
    parsed = Parsed(widget.value)
    assert dict(parsed.elements[0][1])["role"] == "status"
    return parsed.text


def test_controls_narrow_the_list_together(inspector):
    """Each control filters further; what is left is counted aloud and shown with its source line."""
    assert inspector.selected == REPORT.findings

    inspector.severity.value = Severity.MEDIUM
    assert inspector.selected == (POLICY, SCHEMA, TAG)
    inspector.file.value = "shop/checkout.yaml"
    inspector.text.value = "whole number"

    assert inspector.selected == (SCHEMA,)
    assert said(inspector.status) == "1 to 1 of 1 finding (4 in the report)"
    assert "<mark>&quot;3&quot;</mark>" in inspector.page.value
    assert POLICY.message not in inspector.page.value


def test_nothing_found_is_said(inspector):
    """An empty list without a word looks like one that is still loading."""
    inspector.text.value = "no such words"

    assert said(inspector.status) == "No findings (4 in the report)"
    assert inspector.page.value == ""


def test_each_choice_says_how_many_findings_it_has(inspector):
    """A choice that leads to one finding and one that leads to a hundred should not look alike."""
    assert [label for label, _ in inspector.file.options] == [
        "all files",
        "images/Dockerfile (1)",
        "main.tf (1)",
        "shop/checkout.yaml (2)",
    ]
    assert [label for label, _ in inspector.rule.options][:2] == ["all rules", "CKV_K8S_16 (1)"]


def test_ten_thousand_findings_are_shown_a_page_at_a_time(tmp_path):
    """An operator's chart must not send megabytes to a browser for each letter that is typed."""
    inspector = ValidationInspector(many(10_000), folder=tmp_path)

    assert len(inspector.page.value) < 60_000
    assert said(inspector.status) == "1 to 20 of 10,000 findings, page 1 of 500"
    inspector.previous.click()
    assert said(inspector.status) == "1 to 20 of 10,000 findings, page 1 of 500"
    inspector.next.click()
    assert said(inspector.status) == "21 to 40 of 10,000 findings, page 2 of 500"
    inspector.rule.value = "rule-7"
    assert said(inspector.status) == "1 to 20 of 250 findings (10,000 in the report), page 1 of 13"
    for _ in range(20):
        inspector.next.click()
    assert said(inspector.status) == "241 to 250 of 250 findings (10,000 in the report), page 13 of 13"


@pytest.mark.parametrize(
    ("label", "name", "read"),
    [
        ("SARIF", "codenb-validation.sarif", lambda text: json.loads(text) == REPORT.to_sarif()),
        ("JUnit XML", "codenb-validation.xml", lambda text: ET.fromstring(text.encode()).get("failures") == "2"),
        ("JSON", "codenb-validation.json", lambda text: json.loads(text) == REPORT.to_dict()),
        ("CSV", "codenb-validation.csv", lambda text: text.startswith("rule,checker,severity,message,file,line")),
    ],
)
def test_the_whole_report_is_written(inspector, tmp_path, label, name, read):
    """A filtered export would pass for all there is, so the report is written whole; the name follows the format."""
    inspector.severity.value = Severity.CRITICAL
    inspector.format.value = label

    inspector.export.click()

    assert inspector.name.value == name
    assert said(inspector.exported) == f"Written: {tmp_path / name}"
    assert read((tmp_path / name).read_text("utf-8"))
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_a_name_of_ones_own_is_kept(inspector):
    """Choosing a format must not undo what a person typed."""
    inspector.name.value = "reports-of-today"
    inspector.format.value = "JSON"

    assert inspector.name.value == "reports-of-today"


@pytest.mark.parametrize(
    "name",
    ["../out.sarif", "/etc/out.sarif", "away/out.sarif", "", "..", "no/such/folder.sarif", "a\0b", "x" * 300, "."],
)
def test_nothing_is_written_outside(tmp_path, name):
    """A notebook of somebody else's could fill the name in: an export stays inside the project folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "away").symlink_to(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    inspector = ValidationInspector(REPORT, folder=folder)

    inspector.name.value = name
    inspector.export.click()

    assert said(inspector.exported).startswith("Not written: ")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_that_is_there_is_replaced_only_when_asked(inspector, tmp_path):
    """`package.json` in the name field must not cost anybody theirs; a link is replaced, not what it leads to."""
    theirs = tmp_path / "theirs.sarif"
    theirs.write_text("theirs")
    link = tmp_path / "link.sarif"
    link.symlink_to(theirs)

    inspector.name.value = "theirs.sarif"
    inspector.export.click()
    assert "is there already" in said(inspector.exported)
    assert theirs.read_text() == "theirs"

    inspector.replace.value = True
    inspector.name.value = "link.sarif"
    inspector.export.click()
    assert theirs.read_text() == "theirs"
    assert not link.is_symlink()


def test_a_configuration_that_cannot_be_read_is_said(tmp_path, monkeypatch):
    """The project folder comes from the configuration; its fault is one line here, not a traceback in a log."""
    (tmp_path / "codenb.toml").write_text("changes = 3")
    monkeypatch.setenv("CODENB_HOME", str(tmp_path))
    inspector = ValidationInspector(REPORT)

    inspector.export.click()

    assert "codenb.toml" in said(inspector.exported)
    assert not (tmp_path / "codenb-validation.sarif").exists()


def test_text_from_outside_stays_text():
    """File names and messages are other people's: neither the list, the choices nor the status may run them."""
    hostile = SCHEMA.model_copy(
        update={"file": "<script>a</script>", "message": "<img src=x onerror=a>\u202e", "rule": "\u202e<b>"}
    )
    inspector = ValidationInspector(REPORT.model_copy(update={"findings": (hostile,)}))
    inspector.name.value = "<b>/x"
    inspector.export.click()

    for html in (inspector.page.value, inspector.status.value, inspector.exported.value):
        assert not {"script", "img", "b"} & set(Parsed(html).tags())
        assert "\u202e" not in html
    assert inspector.rule.options[1] == ("⟨U+202E⟩<b> (1)", "\u202e<b>")


def test_a_saved_notebook_reads_well_without_the_widget(inspector):
    """A notebook is read on code hosts and as a page, where no widget runs: the report stands in its place."""
    bundle = inspector._repr_mimebundle_()
    cell = nbformat.v4.new_code_cell("inspector", outputs=[nbformat.v4.new_output("display_data", bundle)])
    page, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))

    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert SCHEMA.message in bundle["text/plain"]
    assert "<mark>privileged: true</mark>" in page
    assert POLICY.message in page
