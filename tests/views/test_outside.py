"""What is done to text from outside before any rendering."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.views._outside import block, inline, visible
from tests.views.anything import texts, unhurried


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("invoice\u202egnp.exe", "invoice⟨U+202E⟩gnp.exe"),
        ("admin\u200b", "admin⟨U+200B⟩"),
        ("a\x1b[2Jb", "a⟨U+001B⟩[2Jb"),
        ("\x1b[1;32mINFO\x1b[0m up", "INFO up"),
        ("\x1b[3\x1b[0m1mred", "⟨U+001B⟩[31mred"),
        ("a\x9b31mb", "a⟨U+009B⟩31mb"),
        ("\ud800", "⟨U+D800⟩"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("\u3164", "⟨U+3164⟩"),
        ("\u0338>", "⟨U+0338⟩>"),
        ("cafe\u0301", "cafe\u0301"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("a\u200db", "a⟨U+200D⟩b"),
        ("日本語 ünïcode\u00a0ok", "日本語 ünïcode\u00a0ok"),
    ],
)
def test_what_acts_or_hides_is_named_and_what_is_read_stays(text, shown):
    """Names of characters warn a reader; names in the middle of Persian, Japanese or an emoji would only disturb."""
    assert visible(text) == shown


@unhurried
@given(texts)
def test_naming_twice_is_naming_once(text):
    """Text passes through several hands; a second pass must not change what the first made."""
    assert visible(visible(text)) == visible(text)


def test_marks_cannot_pile_up_over_other_lines():
    """Hundreds of combining marks on one letter paint over what stands above, a decision for instance."""
    assert visible("a" + "\u0301" * 6) == "a" + "\u0301" * 4 + "⟨U+0301⟩⟨U+0301⟩"


@unhurried
@given(texts)
def test_one_line_is_one_line(text):
    """A line feed in a label would begin a line that looks like ours."""
    assert "\n" not in inline(text)
    assert inline(text) == inline(text).strip(" ")


@unhurried
@given(st.text("ab\n", max_size=60), st.integers(1, 40), st.integers(1, 6))
def test_what_is_cut_is_counted_to_the_letter(text, chars, lines):
    """The number that is stated is the number that is missing."""
    whole = text.removesuffix("\n")
    shown = block(text, chars, lines)
    missing = len(whole) - len(shown.text)

    assert whole.startswith(shown.text)
    assert shown.cut.startswith(f"{missing} further character") if missing else shown.cut == ""
