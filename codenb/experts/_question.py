"""What kind of question was asked.

The kind decides what a vote is, so it is never guessed by a model: either the call says it, or one of the rules below
does, and the question carries which one.
"""

from __future__ import annotations

import re
from typing import get_args

from codenb.errors import BadInput
from codenb.models import Question, Target
from codenb.models.opinion import LONGEST_QUESTION, QuestionKind

_KINDS: tuple[QuestionKind, ...] = get_args(QuestionKind)

# In this order: "Why did the deploy fail?" asks for a cause, and "Is it safe to deploy?" for a verdict.
_WORDS: tuple[tuple[QuestionKind, re.Pattern[str]], ...] = (
    (
        "diagnose",
        re.compile(
            r"\b(why|wrong|fail(s|ed|ing|ure)?|broken?|crash\w*|stuck|slow\w*|down|unhealthy|healthy|errors?|diagnose"
            r"|troubleshoot|root cause|pending|restart(s|ed|ing)|not (start|work|runn|respond|ready)\w*)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "review",
        re.compile(
            r"\b(review|safe to|ok(ay)? to|ready (to|for)|go ahead|go or no.?go|go/no.?go|approve|sign off"
            r"|(?<!how )(may|can|should) (we|i|this|it))\b",
            re.IGNORECASE,
        ),
    ),
    (
        "plan",
        re.compile(
            r"\b(plan|deploy|roll ?out|install|how (should|do|can|many|much)|size|sizing|right-?size|optimal(ly)?"
            r"|recommend)\b",
            re.IGNORECASE,
        ),
    ),
)


def question(text: str, *, target: Target | None = None, kind: str | None = None) -> Question:
    """Make a question of a person's words.

    Args:
        text: In the person's words.
        target: What it is about; one that states replicas, resources or manifests asks for a plan.
        kind: `diagnose`, `review` or `plan`; None lets the rules choose.

    Returns:
        The question, with its kind and the reason for it.

    Raises:
        BadInput: There is no text, too much of it, or no such kind.
    """
    if not isinstance(text, str):
        raise BadInput(f"the question is a {type(text).__name__}, not text: ask in a sentence")
    words = text.strip()
    if not words:
        raise BadInput("the question is empty: ask in a sentence, such as 'Why is checkout failing?'")
    if len(words) > LONGEST_QUESTION:
        raise BadInput(
            f"the question has {len(words):,} characters: {LONGEST_QUESTION:,} are the most; put data in the context"
        )
    if kind is None:
        chosen, reason = _kind_of(words, target)
        return Question(text=words, kind=chosen, kind_reason=reason)
    if kind not in _KINDS:
        raise BadInput(f"{kind!r} is no kind of question: use {', '.join(_KINDS)}")
    return Question(text=words, kind=kind)


def _kind_of(text: str, target: Target | None) -> tuple[QuestionKind, str]:
    for kind, pattern in _WORDS:
        if found := pattern.search(text):
            return kind, f"the question says {found.group(0).lower()!r}"
    if target and (wanted := _wanted(target)):
        return "plan", f"the target states {wanted}"
    return "diagnose", "nothing asks for a plan or a review"


def _wanted(target: Target) -> str:
    stated = {"replicas": target.replicas is not None, "resources": target.resources, "manifests": target.manifests}
    return " and ".join(name for name, there in stated.items() if there)
