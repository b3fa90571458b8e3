"""The first notebook, as a person has it: in JupyterLab, with a mouse."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Lab, open_and_run

pytestmark = pytest.mark.browser


def test_a_click_on_approve_mends_the_deployment(browser: Browser, lab: Lab) -> None:
    """The one thing that cannot be had headless: a person reads the diff, clicks, and sees the pods become ready."""
    page = browser.new_page(viewport={"width": 1100, "height": 1400})
    open_and_run(page, lab, "01_first_look.ipynb")

    approve = page.get_by_role("button", name="Approve")
    approve.wait_for()
    panel = page.locator(".jp-OutputArea-output", has=approve)
    expect(panel).to_contain_text("128Mi")
    expect(panel).to_contain_text("256Mi")
    approve.click()

    expect(page.locator(".jp-NotebookPanel")).to_contain_text(re.compile("verified"))
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.widgets.at(-1).model.executionCount !== null"
    )
    outputs = page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.content.widgets
            .filter(cell => cell.model.type === 'code')
            .flatMap(cell => cell.model.outputs.toJSON())"""
    )
    assert [output for output in outputs if output["output_type"] == "error"] == []
    texts = [str(output.get("data", {}).get("text/plain", "")) for output in outputs]
    assert any("approved by" in text and "ask_me" in text for text in texts)
    assert sum(text.count("3/3") + text.count("1/1") for text in texts) > 0
    expect(approve).to_have_count(0)
