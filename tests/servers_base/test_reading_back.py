"""How far a killed change came, told from before, after and now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.models import Change, Entity, Place, Preview, ToolCall
from codenb.servers._base._reading_back import as_it_is, compared, read_back

VALUES = st.integers(0, 2) | st.sampled_from(["x", None])
OBJECTS = st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4)


def preview(before: Any, after: Any) -> Preview:
    now = datetime.now(UTC)
    undo = ToolCall(server="toy", tool="set", arguments={})
    return Preview(
        id="1" * 32,
        digest="2" * 64,
        call=ToolCall(server="toy", tool="set"),
        place=Place(name="toy", address="", identity="server:toy"),
        change=Change(summary="set", entity=Entity(kind="Keys", name="all"), before=before, after=after, undo=undo),
        created_at=now,
        expires_at=now,
        begun=True,
    )


@given(before=OBJECTS, after=OBJECTS, now=OBJECTS)
def test_every_part_that_was_to_change_is_told_of_once(before: Any, after: Any, now: Any) -> None:
    """Nothing is claimed of a part that is neither as it was nor as it was to be, and none is left out."""
    far = compared(preview(before, after), now)
    told = [*far.applied, *far.not_applied, *far.moved]
    missing = object()

    def at(state: Any, key: str) -> Any:
        return state.get(key, missing)

    assert sorted(told) == sorted(key for key in {*before, *after} if at(before, key) != at(after, key))
    assert all(at(now, key) == at(after, key) for key in far.applied)
    assert all(at(now, key) == at(before, key) for key in far.not_applied)
    assert far.told is bool(told and not far.moved)
    assert far.unclear == (() if told else ("Keys all",))


@pytest.mark.parametrize(
    ("before", "after", "now", "status", "words"),
    [
        ({"a": 1}, {"a": 2}, {"a": 2}, "applied", "all of it was applied"),
        ({"a": 1}, {"a": 2}, {"a": 1}, "failed", "nothing was applied"),
        ({"a": 1, "b": 1}, {"a": 2, "b": 2}, {"a": 2, "b": 1}, "failed", "in part; applied: a; not applied: b"),
        ({"a": 1, "b": 1}, {"a": 2, "b": 2}, {"a": 2, "b": 9}, "unknown", "applied: a; neither, so moved by"),
        ({"a": 1}, {"a": 2}, {}, "unknown", "moved by somebody else: a"),
        ({}, {"a": 2}, {"a": 2, "other": 1}, "applied", "all of it"),
        ({"a": 1}, {}, {}, "applied", "all of it"),
        (3, 6, 6, "applied", "all of it"),
        (3, 6, 3, "failed", "nothing"),
        (3, 6, 4, "unknown", "Keys all"),
        ({"a": 1}, {"a": 1}, {"a": 1}, "unknown", "it cannot be told of: Keys all"),
        (None, {"a": 1}, None, "failed", "nothing"),
    ],
)
def test_the_outcome_is_told_as_far_as_it_can_be(before: Any, after: Any, now: Any, status: str, words: str) -> None:
    """A restart by an equal value cannot be told from none; three of five objects can."""
    outcome = read_back(preview(before, after), now)

    assert outcome.status == status
    assert words in outcome.message
    assert (outcome.undo is None) is (words.startswith("nothing"))


def test_a_secret_that_another_process_shows_differently_is_the_same_part() -> None:
    """Pseudonyms have a key of their process, and the one that previewed was killed."""
    before = {"a": {"image": "v1", "token": "<redacted:secret:00000001>"}, "b": "<redacted:secret:00000002>"}
    after = {"a": {"image": "v2", "token": "<redacted:secret:00000001>"}, "b": "<redacted:secret:00000003>"}
    now = {"a": {"image": "v2", "token": "<redacted:secret:aaaaaaaa>"}, "b": "<redacted:secret:bbbbbbbb>"}
    far = compared(preview(before, after), now)

    assert far.applied == ("a",)
    assert far.unclear == ("b",)


@pytest.mark.parametrize(
    ("now", "will", "applied", "not_applied", "moved"),
    [
        ({}, {}, ["made", "new"], [], []),
        ({"new": 1}, {"made": 5, "new": 2}, [], ["made", "new"], []),
        ({}, {"made": 5}, ["new"], ["made"], []),
        ({"new": 9}, {"new": 2}, ["made"], [], ["new"]),
        ({"made": 4}, {"made": 5}, ["new"], [], ["made"]),
    ],
)
def test_what_a_plan_lists_no_more_is_as_it_was_to_be(
    now: Any, will: Any, applied: list[str], not_applied: list[str], moved: list[str]
) -> None:
    """A plan of many objects lists those that differ; one that was made before the kill is in none of its sides."""
    approved = preview({"new": 1}, {"made": 5, "new": 2})
    planned = preview(now, will).change
    far = compared(approved, as_it_is(approved, planned))

    assert sorted(far.applied) == applied
    assert sorted(far.not_applied) == not_applied
    assert list(far.moved) == moved
