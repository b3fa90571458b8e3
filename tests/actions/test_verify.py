"""Verification compares what it reads with what was promised, and a field that is not there promises nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.actions import difference
from codenb.actions._verify import check, telling, unmet
from codenb.host import Host
from codenb.models import Expectation, SuccessCondition, ToolCall

ANSWER = {"ready": 3, "wanted": 3, "name": "web", "paused": False, "pods": [{"phase": "Running"}], "ratio": 0.5}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def condition(field: str, op: str, value: Any) -> SuccessCondition:
    """One expectation on the toy's status."""
    expectation = Expectation(field=field, op=op, value=value)  # type: ignore[arg-type]
    call = ToolCall(server="toy", tool="status", arguments={"name": "web"})
    return SuccessCondition(text="it is so", check=call, expect=(expectation,))


@pytest.mark.parametrize(
    ("field", "op", "value"),
    [
        ("ready", "==", 3),
        ("ready", ">=", "$wanted"),
        ("ready", "==", 3.0),
        ("ready", "!=", 4),
        ("ready", "<", 3.5),
        ("name", "==", "web"),
        ("name", "<", "x"),
        ("pods.0.phase", "==", "Running"),
        ("paused", "==", False),
        ("paused", "!=", 0),
        ("pods", "!=", []),
    ],
)
def test_what_holds(field: str, op: str, value: Any) -> None:
    """Paths, references to other fields, numbers of both kinds."""
    assert unmet(condition(field, op, value), ANSWER) == []


@pytest.mark.parametrize(
    ("field", "op", "value"),
    [
        ("ready", "==", 4),
        ("ready", "==", "3"),
        ("ready", ">", "2"),
        ("ready", ">=", "$nothing"),
        ("nothing", "!=", 3),
        ("pods.1.phase", "==", "Running"),
        ("pods.-1.phase", "==", "Running"),
        ("paused", "==", 0),
        ("paused", "<", 1),
        ("pods", "<", []),
        ("name.0", "==", "w"),
    ],
)
def test_what_does_not_hold(field: str, op: str, value: Any) -> None:
    """What is missing or of another kind never counts as success."""
    assert len(unmet(condition(field, op, value), ANSWER)) == 1


@given(answer=JSON, field=st.text(max_size=6), value=JSON, op=st.sampled_from(["==", "!=", ">=", "<=", ">", "<"]))
def test_any_answer_is_judged(answer: Any, field: str, value: Any, op: str) -> None:
    """A server may change what it answers; verification then says no, and does not break."""
    assert len(unmet(condition(field, op, value), answer)) in {0, 1}


async def test_a_check_that_would_change_something_is_not_made(host: Host, shop: Any) -> None:
    """An expert may name any tool as the check; the host calls only what reads."""
    call = ToolCall(server="toy", tool="scale", arguments={"name": "web", "replicas": 9})
    wrong = SuccessCondition(text="it is so", check=call, expect=(Expectation(field="ready", value=9),))

    found = await check(host, wrong)

    assert not found.holds
    assert "needs an approval" in found.missing
    assert shop.get()["writes"] == 0


@given(before=JSON, after=JSON)
def test_equal_answers_have_no_difference_and_others_have(before: Any, after: Any) -> None:
    """A change of any kind is told; nothing is told where there is none."""
    assert difference(before, before) == ()
    assert len(difference(before, after)) <= 40
    if before != after:
        assert difference(before, after)


def test_things_in_lists_are_compared_by_name() -> None:
    """A pod more in front of the others moves nothing else."""
    before = {"pods": [{"name": "a", "ready": False}, {"name": "b", "ready": True}]}
    after = {"pods": [{"name": "c", "ready": True}, {"name": "a", "ready": True}, {"name": "b", "ready": True}]}

    assert difference(before, after) == ("pods.a.ready: False -> True", "pods.c: (absent) -> (object of 2)")


def test_a_long_difference_is_cut_and_says_so() -> None:
    """Two thousand pods restarted."""
    lines = difference(dict.fromkeys(map(str, range(100)), 1), dict.fromkeys(map(str, range(100)), 2))

    assert (len(lines), lines[-1]) == (40, "and 61 more")


def test_of_an_answer_with_parts_what_was_checked_is_kept() -> None:
    """A verified deployment showed sixty lines of diffs before the two numbers that said it was done."""
    asked = SuccessCondition(
        text="all is ready",
        check=ToolCall(server="deployment", tool="diff_kubernetes"),
        expect=(Expectation(field="changed", value=0), Expectation(field="ready", op=">=", value="$desired")),
    )
    answer = {"changed": 0, "ready": 3, "desired": 3, "cluster": "shop", "objects": [{"diff": "+ a\n" * 1000}]}

    assert telling(asked, answer) == {"changed": 0, "ready": 3, "desired": 3}
    assert telling(asked, answer | {"objects": []}) == answer | {"objects": []}
