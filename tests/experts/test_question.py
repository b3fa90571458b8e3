"""Which kind a question is, and that it says why."""

from __future__ import annotations

import pytest

from codenb.errors import BadInput
from codenb.experts import question
from codenb.models import Target


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Why is checkout failing?", "diagnose"),
        ("What is wrong with checkout?", "diagnose"),
        ("Why did the deploy fail?", "diagnose"),
        ("Is everything healthy?", "diagnose"),
        ("checkout", "diagnose"),
        ("Is it safe to deploy 2.4.1?", "review"),
        ("Can we go ahead with this release?", "review"),
        ("Deploy this application optimally", "plan"),
        ("How should this be deployed?", "plan"),
        ("How many replicas does it need?", "plan"),
    ],
)
def test_the_words_choose_the_kind(text, kind):
    """What is asked for comes before what it is asked about."""
    assert question(text).kind == kind


def test_a_target_that_states_what_it_wants_asks_for_a_plan():
    """The question itself says nothing."""
    asked = question("test-app in staging", target=Target(replicas=3, resources={"cpu": "500m"}))

    assert (asked.kind, asked.kind_reason) == ("plan", "the target states replicas and resources")


def test_the_call_decides_before_any_rule():
    """A person who says what they want is not second-guessed."""
    asked = question("Why is checkout failing?", kind="review")

    assert (asked.kind, asked.kind_reason) == ("review", "asked for")


def test_the_rule_that_chose_is_shown():
    """A surprising kind must be explained where it is seen."""
    assert question("Why is it slow?").kind_reason == "the question says 'why'"


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [(" \n", None, "empty"), ("x" * 8_001, None, "8,001 characters"), ("Why?", "guess", "'guess' is no kind")],
)
def test_what_is_no_question_is_refused(text, kind, message):
    """In one line that says what to do."""
    with pytest.raises(BadInput, match=message):
        question(text, kind=kind)


@pytest.mark.parametrize("words", [42, None, ["why?"]])
def test_a_question_that_is_no_text_is_refused(words: object) -> None:
    """Found by a number put to the experts: an AttributeError about `strip`."""
    with pytest.raises(BadInput, match="not text: ask in a sentence"):
        question(words)  # type: ignore[arg-type]
