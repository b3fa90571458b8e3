"""Diffs: what a person approves is all that changes, or says that it is not."""

from __future__ import annotations

from itertools import chain

from hypothesis import assume, given
from hypothesis import strategies as st

from codenb.views import Diff
from codenb.views._compare import MAX_LINES, Gap, Line, compare
from tests.views.anything import unhurried

manifests = st.lists(st.sampled_from(["a", "b", "  memory: 128Mi", "  memory: 64Mi", "c ", ""]), max_size=25).map(
    "\n".join
)


def lines_of(before: str, after: str, context: int = 3) -> list[Line | Gap]:
    parts = compare(Diff(before, after, context_lines=context)).parts
    return list(chain.from_iterable([part] if isinstance(part, Gap) else part for part in parts))


def stripped(text: str, other: str) -> list[str]:
    """The lines that a diff of the two has of the first, without spaces at their ends."""
    if text.endswith("\n") and other.endswith("\n"):
        text = text[:-1]
    return [line.rstrip(" ") for line in text.split("\n")] if text else []


@unhurried
@given(manifests, manifests)
def test_the_diff_holds_both_texts_whole(before, after):
    """Without its plus lines it is the old text, without its minus lines the new: nothing is left out or made up."""
    assume(before != after)
    lines = lines_of(before, after, context=100)

    assert [line.text.rstrip("· ") for line in lines if line.sign != "+"] == stripped(before, after)
    assert [line.text.rstrip("· ") for line in lines if line.sign != "-"] == stripped(after, before)


@unhurried
@given(manifests, manifests, st.integers(0, 3))
def test_every_change_is_shown_and_counted(before, after, context):
    """Folding hides equal lines only."""
    compared = compare(Diff(before, after, context_lines=context))
    shown = [line.sign for line in lines_of(before, after, context) if isinstance(line, Line)]

    assert (shown.count("+"), shown.count("-")) == (compared.added, compared.removed)
    assert compared.cut == ""


def test_values_that_change_in_place_are_paired_with_their_own_key():
    """Limit 128 to 256 and request 64 to 128 was shown as a `requests:` that moved: the new 128 met the old one."""
    before = "limits:\n  memory: 128Mi\nrequests:\n  memory: 64Mi"
    after = "limits:\n  memory: 256Mi\nrequests:\n  memory: 128Mi"

    assert [f"{line.sign}{line.text}" for line in lines_of(before, after)] == [
        " limits:",
        "-  memory: 128Mi",
        "+  memory: 256Mi",
        " requests:",
        "-  memory: 64Mi",
        "+  memory: 128Mi",
    ]


def test_a_change_in_spaces_or_line_ends_alone_is_seen():
    """Such a change alters a ConfigMap as much as a word does."""
    assert [line.text for line in lines_of("key: a", "key: a  ")] == ["key: a", "key: a··"]
    assert [line.text for line in lines_of("key: a\n", "key: a\r\n")] == ["key: a", "key: a⟨U+000D⟩"]
    assert compare(Diff("a", "a\n")).added == 1


def test_a_change_too_large_to_show_says_how_much_is_missing():
    """An approval of what was not shown is none; the count lets a person refuse."""
    compared = compare(Diff("", "\n".join(map(str, range(5_000)))))

    assert compared.added == 5_000
    assert len(compared.parts[0]) == MAX_LINES
    assert compared.cut == "4,600 further changed lines not shown"


def test_equal_texts_have_no_difference():
    """Nothing to approve must not look like something."""
    assert compare(Diff("a\nb", "a\nb")).summary == "no difference"
