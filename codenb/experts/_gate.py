"""The gate before the count: an opinion whose quotes are not in the bundle does not vote.

It is what keeps an invented cause out, whoever invents it. It looks at form and evidence only, never at whether the
opinion is right.
"""

from __future__ import annotations

import re

from codenb.models import ContextBundle, Evidence, Opinion

SHORTEST_QUOTE = 8
"""Characters that a quote needs, white space aside: shorter ones are found in any bundle."""

# Lines that hold in every snapshot and so carry nothing: a key alone, an empty value, what kind of thing it is, a time,
# a number without a name.
_BOILERPLATE = re.compile(
    r"""
    [-\s]*[\w.\-/]+:\s*\|?                                           # a key alone
    | [-\s]*[\w.\-/]+:\s*(null|\{\}|\[\]|none|""|'')                  # a key with nothing
    | [-\s]*(kind|apiVersion|api_version|namespace|uid|taken_at|resource_?version|generation):\s*\S*
    | [-\s]*([\w.\-/]+:\s*)?\d{4}-\d\d-\d\d[T\ ][\d:.+Z-]*             # a time alone
    | [\W\d_]*                                                         # no word at all
    """,
    re.VERBOSE | re.IGNORECASE,
)


def checked(opinion: Opinion, bundle: ContextBundle) -> Opinion:
    """Let an opinion through, or mark it `invalid` with the first reason.

    Args:
        opinion: One that is not `ok` passes as it is: it does not vote anyway.
        bundle: What it has to be formed on and to quote from.

    Returns:
        The same opinion, or a copy with status `invalid` and a reason in one line. Its votes are kept to be read.
    """
    if opinion.status != "ok":
        return opinion
    if problem := _problem(opinion, bundle):
        return opinion.model_copy(update={"status": "invalid", "status_reason": problem})
    return opinion


def is_boilerplate(quote: str) -> bool:
    """Whether these words stand in any snapshot, and so show nothing."""
    return all(_BOILERPLATE.fullmatch(line.strip()) for line in quote.splitlines() or [quote])


def _problem(opinion: Opinion, bundle: ContextBundle) -> str | None:
    if opinion.bundle_digest != bundle.digest:
        return "it was formed on another bundle"
    if not opinion.votes:
        return "it holds no vote"
    for rank, vote in enumerate(opinion.votes, start=1):
        if not vote.answers(opinion.kind):
            return f"vote {rank} does not answer a question of kind {opinion.kind}"
        if not vote.evidence:
            return f"vote {rank} ({vote.key}) has no evidence"
        for evidence in vote.evidence:
            if problem := quote_problem(evidence, bundle):
                return f"vote {rank} ({vote.key}): {problem}"
    return None


def quote_problem(evidence: Evidence, bundle: ContextBundle) -> str | None:
    """Why these words carry nothing, in one line; None where they do."""
    quote = " ".join(evidence.quote.split())
    if len(quote) < SHORTEST_QUOTE:
        return f"the quote {quote!r} is shorter than {SHORTEST_QUOTE} characters"
    if is_boilerplate(evidence.quote):
        return f"the quote {_short(quote)!r} stands in any bundle"
    if bundle.item(evidence.item) is None:
        return f"the bundle has no item {_short(evidence.item)!r}"
    if not bundle.has_quote(evidence.item, evidence.quote):
        return f"the quote {_short(quote)!r} is not in {evidence.item}"
    return None


def _short(text: str, most: int = 80) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
