"""The page and the notebook that a run is kept as."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

import nbformat
from hypothesis import given
from hypothesis import strategies as st

from codenb.report import Step, notebook, page
from codenb.views import Code, View, to_html, to_text

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ACTIVE = {"script", "iframe", "object", "embed", "link", "base", "form", "img", "svg"}


class Tags(HTMLParser):
    """Collects what a browser would see as elements."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.handlers: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.handlers |= {name for name, _ in attrs if name.startswith("on")}


def shown(text: str) -> dict[str, str]:
    view = View(title="log", blocks=[Code(text)])
    return {"text/html": to_html(view), "text/plain": to_text(view)}


@given(st.text())
def test_nothing_from_outside_becomes_active(text):
    """A log line, a title or a printed text cannot bring a script, a picture or an address into the page."""
    hostile = text + "<script>alert(1)</script><img src=x onerror=alert(1)>"

    document = page(
        hostile, [Step(f"# {hostile}\n\n{hostile}", hostile, hostile, shown(hostile))], made_at=AT, note=hostile
    )

    tags = Tags()
    tags.feed(document)
    assert tags.seen.isdisjoint(ACTIVE)
    assert not tags.handlers


def test_the_page_needs_nothing_else():
    """A report is read months later, offline: it may not fetch anything, and says so to the browser itself."""
    document = page("A run", [Step("## Look\n\nAt the `pods`.", "nb", "", shown("ok"))], made_at=AT)

    assert "default-src 'none'" in document
    assert "http://" not in document
    assert "https://" not in document


def test_prose_keeps_its_little_markdown():
    """Prose is written once for notebook and page; code in backticks must not show its backticks on the page."""
    document = page("A run", [Step("## Look\n\nAt the `pods` and **wait**.")], made_at=AT)

    assert "<h2>Look</h2>" in document
    assert "<code>pods</code>" in document
    assert "<strong>wait</strong>" in document


def test_the_notebook_is_one_that_jupyter_opens():
    """A run that was kept must open, with its outputs, in any Jupyter."""
    text = notebook([Step("# Title", "import codenb", "hello\n"), Step("## Look", "nb", "", shown("ok"))])

    document = nbformat.reads(text, as_version=4)
    nbformat.validate(document)
    code = [cell for cell in document.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2]
    assert code[0].outputs[0].text == "hello\n"
    assert "ok" in code[1].outputs[0].data["text/plain"]
