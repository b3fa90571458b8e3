"""Text views: a terminal can only print them, they fit, and colour adds nothing but colour."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from codenb.views import Badge, Bar, Code, Diff, Field, Fold, Quote, Table, Text, Tone, View, to_text
from codenb.views._measure import width_of, wrap
from tests.views.anything import flowing_views, tables, texts, unhurried, views

SGR = re.compile(r"\x1b\[\d+m")


@unhurried
@given(views)
def test_a_terminal_gets_nothing_but_printable_text(view):
    """A log line with escape codes can rewrite what stands above it, the preview that is to be approved included."""
    text = to_text(view)

    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", text)
    assert text.encode().decode() == text
    assert not re.search(r" $", text, re.MULTILINE)


@unhurried
@given(views, st.integers(20, 140))
def test_colour_changes_no_character(view, width):
    """Who reads a log without colours must read the same as who sees them."""
    coloured = to_text(view, width, color=True)

    assert SGR.sub("", coloured) == to_text(view, width)


@unhurried
@given(tables, st.integers(20, 140))
def test_a_table_fits_the_width(table, width):
    """A wrapped grid cannot be read; columns give way, and a table that still does not fit is set as records."""
    lines = to_text(View("", blocks=[table]), width).split("\n")

    assert max(map(width_of, lines)) <= width


@unhurried
@given(flowing_views, st.integers(40, 140))
def test_everything_but_code_and_diffs_fits_the_width(view, width):
    """Code and diffs keep their lines, to be copied; all the rest is ours to set."""
    assert max(map(width_of, to_text(view, width).split("\n"))) <= width


@unhurried
@given(texts.map(lambda text: " ".join(text.split())), st.integers(2, 60))
def test_wrapping_keeps_every_word(text, width):
    """A broken line may lose spaces, never a letter."""
    assert "".join(wrap(text, width)).replace(" ", "") == text.replace(" ", "")


def test_columns_align_and_numbers_stand_to_the_right():
    """A column of numbers is compared by its last digits; wide and combining characters must not shift it."""
    table = Table(
        ["pod", "restarts", "ready"],
        [["日本語", 7, Badge("no", Tone.BAD)], ["cafe\u0301", 12_000, Badge("yes", Tone.GOOD)]],
        "Pods",
        cut=1,
    )

    assert to_text(View("", blocks=[table])) == (
        "Pods\n"
        "pod     restarts  ready\n"
        "──────  ────────  ───────\n"
        "日本語         7  [✗ no]\n"
        "cafe\u0301      12,000  [✓ yes]\n"
        "1 further row not shown"
    )


def test_a_table_too_wide_for_its_columns_is_set_as_records():
    """Numbers are never cut to fit: a shortened number is another number."""
    table = Table(["server", "first", "second"], [["kubernetes", 1234567890123, 9876543210123]])

    assert to_text(View("", blocks=[table]), 30) == (
        "▪ server: kubernetes · first:\n  1,234,567,890,123 · second:\n  9,876,543,210,123"
    )


def test_a_quoted_line_cannot_pass_for_ours():
    """Every line of a quote stands behind a bar, its source in front of the first."""
    text = to_text(View("", blocks=[Quote("one\n\nfrom us: approved", "kubernetes/get_logs")]))

    assert text == "from kubernetes/get_logs:\n│ one\n│\n│ from us: approved"


def test_the_source_of_several_quotes_stands_once_before_the_first():
    """A reader looks up where words are from before believing them."""
    quotes = [Quote("one", "a.x"), Quote("two", "a.x"), Quote("three", "b.y"), Quote("four")]

    assert to_text(View("", blocks=quotes)) == "from a.x:\n│ one\n\n│ two\n\nfrom b.y:\n│ three\n\n│ four"


def test_a_diff_reads_like_a_diff():
    """The same signs as everywhere, the lines in between counted."""
    before = "a\nb\nc\nd\nreplicas: 3\ne"
    text = to_text(View("", blocks=[Diff(before, before.replace("3", "6"), "checkout", context_lines=1)]))

    assert text == ("checkout (1 line added, 1 removed)\n  ⋯ 3 unchanged lines\n  d\n- replicas: 3\n+ replicas: 6\n  e")


def test_tones_show_without_colour():
    """A log file has no colours; the state must be in its letters."""
    view = View(
        "t",
        [Badge("failing", Tone.BAD)],
        blocks=[Field("pods", "0 of 3", Tone.BAD), Text("stale", Tone.WARN), Bar("cause", 0.67, Tone.INFO)],
    )

    assert to_text(view) == ("t  [✗ failing]\n\npods  ✗ 0 of 3\n\n! stale\n\nℹ cause  ████████████████░░░░░░░░  67 %")


def test_a_closed_fold_shows_its_beginning_and_counts_the_rest():
    """Text cannot be opened; what is folded is neither lost silently nor in the way."""
    lines = "\n".join(map(str, range(30)))
    closed = to_text(View("", blocks=[Fold("log", View("", blocks=[Code(lines)]))]))
    opened = to_text(View("", blocks=[Fold("log", View("", blocks=[Code(lines)]), open=True)]))

    assert closed.endswith("    11\n  ⋯ 18 further lines folded")
    assert opened.endswith("    29")


def test_what_is_folded_twice_is_one_line() -> None:
    """A validation with sixteen small findings filled three screens of a terminal with their remedies."""
    finding = View("", blocks=[Text("remedy: mend it")])
    folds = [Fold("low: one", finding), Fold("low: two", finding)]

    shown = to_text(View("Report", blocks=[Fold("a file", View("", blocks=[Text("before"), *folds]), open=True)]))

    assert shown.splitlines()[-2:] == ["  ▸ low: one", "  ▸ low: two"]
    assert "remedy" not in shown
    assert "remedy" in to_text(View("Report", blocks=[Fold("low: one", finding)]))
