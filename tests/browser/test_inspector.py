"""The inspector as a person without a mouse has it: in JupyterLab, with Tab, letters and arrows."""

from __future__ import annotations

import json

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Lab, open_and_run
from tests.models.reports import POLICY, SCHEMA, many

pytestmark = pytest.mark.browser

_CODE = """
import json
from pathlib import Path
from codenb.models import ValidationReport
from codenb.widgets import ValidationInspector

ValidationInspector(ValidationReport.from_dict(json.loads(Path("report.json").read_text())))
"""
_CONTROLS = ["Severity", "Rule", "File", "Words"]


def opened(browser: Browser, lab: Lab) -> Page:
    """A notebook with ten thousand findings in it, run."""
    report = many(10_000)
    report = report.model_copy(update={"findings": (POLICY, SCHEMA, *report.findings)})
    (lab.folder / "report.json").write_text(json.dumps(report.to_dict()))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(_CODE.strip())])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, lab.folder / "inspect.ipynb")
    page = browser.new_page(viewport={"width": 900, "height": 1300})
    open_and_run(page, lab, "inspect.ipynb")
    page.locator(".cnb-inspector").wait_for()
    return page


def test_findings_are_filtered_and_exported_by_keyboard_alone(browser: Browser, lab: Lab) -> None:
    """Who cannot use a mouse must reach every control, see where the focus is, and be told what changed."""
    page = opened(browser, lab)
    status = page.get_by_role("status").filter(has_text="finding")
    expect(status).to_have_text("1 to 20 of 10,002 findings, page 1 of 501")

    shown = [page.get_by_label(label, exact=True).locator("option:checked") for label in _CONTROLS[:3]]
    for option, text in zip(shown, ["info or worse", "all rules", "all files"], strict=True):
        expect(option).to_have_text(text)
    page.get_by_label("Severity").focus()
    for label in _CONTROLS:
        control = page.get_by_label(label, exact=True)
        expect(control).to_be_focused()
        outline = control.evaluate("element => getComputedStyle(element).outlineStyle")
        assert outline == "solid", label
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Previous page")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("privileged")
    page.keyboard.press("Enter")
    expect(status).to_have_text("1 to 1 of 1 finding (10,002 in the report)")
    expect(page.locator(".cnb-inspector mark")).to_have_text("privileged: true")

    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    expect(status).to_have_text("1 to 20 of 10,002 findings, page 1 of 501")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Next page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(status).to_have_text("21 to 40 of 10,002 findings, page 2 of 501")
    page.keyboard.press("Space")
    expect(status).to_have_text("41 to 60 of 10,002 findings, page 3 of 501")

    page.get_by_label("Severity").focus()
    page.keyboard.press("End")
    expect(status).to_have_text("1 to 20 of 2,001 findings (10,002 in the report), page 1 of 101")

    export = page.get_by_role("button", name="Export the whole report")
    page.get_by_label("Export", exact=True).focus()
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(export).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Written:")).to_be_visible()
    written = json.loads((lab.folder / "codenb-validation.sarif").read_text())
    assert sum(len(run["results"]) for run in written["runs"]) == 10_002
