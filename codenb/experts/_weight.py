"""How much a voice weighs: by how often it was right, never by how sure it says it is.

Spoken confidence is overconfident (arXiv 2306.13063), and experts of one family coincide in their errors
(arXiv 2506.07962); so the one takes no part, and the other is discounted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codenb.errors import BadInput
from codenb.models import Cause
from codenb.models.opinion import QuestionKind

SMALLEST_WEIGHT, LARGEST_WEIGHT = 0.5, 3.5
"""Bounds of a weight: even an expert that is often wrong is heard, and none outvotes seven."""

ENOUGH_SCENARIOS = 20
"""Distinct scenarios before a hit rate means anything: below, its 95 % interval is wider than 0.4."""

FAMILY_DISCOUNT = 0.5
"""What a second and every further expert of one family counts."""

_VOCABULARY: dict[QuestionKind, int] = {
    "diagnose": len(Cause),
    "review": 3,
    "plan": len(Cause),  # open; errors spread at least as widely as among the causes
}


@dataclass(frozen=True, slots=True)
class HitRate:
    """How often an expert was right.

    Attributes:
        hits: Scenarios in which its first vote was the expected one.
        scenarios: Distinct ones: repeats of a deterministic expert are not new outcomes.
    """

    hits: int
    scenarios: int

    @property
    def smoothed(self) -> float:
        """Mean of Beta(hits + 1, misses + 1) (Laplace's rule of succession): never 0, never 1."""
        return (self.hits + 1) / (self.scenarios + 2)


def vocabulary_size(kind: QuestionKind) -> int:
    """How many different votes there are for a question of this kind."""
    return _VOCABULARY[kind]


def weight(rate: HitRate, vocabulary: int) -> float:
    """clip(ln(a(V-1)/(1-a)), 0.5, 3.5): the log odds that decide best where errors spread evenly over V-1 votes.

    For V = 2 it is the optimal weighted majority rule (Nitzan and Paroush 1982; Shapley and Grofman 1984).
    """
    right = rate.smoothed
    return min(max(math.log(right * (vocabulary - 1) / (1 - right)), SMALLEST_WEIGHT), LARGEST_WEIGHT)


def weights(
    voices: Sequence[tuple[str, str]], hit_rates: Mapping[str, HitRate] | None, vocabulary: int
) -> dict[str, float]:
    """Weigh the experts that vote.

    All weigh the same until each of them has a measured hit rate; a newcomer is not weighed against a number that
    nobody has. Nobody is a family's first, so its discount is spread evenly: two of one family weigh 1.5 together.

    Args:
        voices: Name and family of each expert, names unique.
        hit_rates: By expert's name.
        vocabulary: V, at least 2.

    Returns:
        Weight by expert's name.

    Raises:
        BadInput: The vocabulary has fewer than two votes, so that nothing could be told apart.
    """
    if vocabulary < 2:  # noqa: PLR2004  one vote is no choice
        raise BadInput(f"a vocabulary of {vocabulary} leaves no choice: give the number of different votes")
    rates = {name: (hit_rates or {}).get(name) for name, _ in voices}
    measured = {name: rate for name, rate in rates.items() if rate and rate.scenarios >= ENOUGH_SCENARIOS}
    sizes = Counter(family for _, family in voices)

    def part(family: str) -> float:
        return (1 + FAMILY_DISCOUNT * (sizes[family] - 1)) / sizes[family]

    if len(measured) < len(rates):
        return {name: part(family) for name, family in voices}
    return {name: weight(measured[name], vocabulary) * part(family) for name, family in voices}
