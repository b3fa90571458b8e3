"""A line of a file: the number stands before it, and what is meant is marked."""

from __future__ import annotations

import pytest

from codenb.views import Source, View, to_html, to_markdown, to_text


def shown(text: str, column: int | None = None, line: int = 12) -> View:
    return View("", blocks=[Source(text, line, column)])


@pytest.mark.parametrize(
    ("text", "column", "lines"),
    [
        ("  image: nginx:latest", 10, ["  12 │   image: nginx:latest", "     │          ^~~~~~~~~~~~"]),
        ("\timage: x", 2, ["  12 │     image: x", "     │     ^~~~~~~~"]),
        ("名前: x", 3, ["  12 │ 名前: x", "     │     ^~~"]),
        ("a:  ", 3, ["  12 │ a:··", "     │   ^~"]),
        ("short", 99, ["  12 │ short", "     │      ^"]),
        ("whole line", None, ["  12 │ whole line"]),
    ],
    ids=["value", "tab", "wide", "spaces", "beyond the end", "no column"],
)
def test_the_caret_stands_below_what_is_meant(text, column, lines):
    """A caret one column off points a reader at the wrong word: tabs and wide characters count as they are shown."""
    assert to_text(shown(text, column)).split("\n") == lines


def test_html_marks_with_an_element_of_its_own():
    """Where styles are stripped, the mark and the number must still be there."""
    html = to_html(shown("  image: <b>", 10))

    assert '<span class="cnb-sub">12 │</span>   image: <mark>&lt;b&gt;</mark></pre>' in html


def test_a_minified_file_shows_a_window_around_the_place():
    """One line of a megabyte in a cell output makes a notebook that no editor opens."""
    text = to_text(shown("x" * 500_000 + "here" + "y" * 500_000, 500_001))

    assert "here" in text
    assert len(text) < 1_000


def test_markdown_keeps_the_line_in_a_fence():
    """A backtick in a manifest must not end the fence around it."""
    assert to_markdown(shown("run: ```", 6)) == "````text\n12 │ run: ```\n````\n"
