"""What the opinions add up to: a pure function, and a detector of disagreement. It approves nothing.

On published results a majority of several models is no better than the best one alone, but where all agree they are
right far more often; so what is worth showing is whether independent voices agree, and who does not. Only votes in
the closed vocabulary are compared, never prose.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from codenb.errors import BadInput
from codenb.experts._weight import HitRate, weights
from codenb.models import Consensus, Entity, Evidence, Opinion, Tally, Vote
from codenb.models.answer import ConsensusStatus
from codenb.models.opinion import QuestionKind

AGREED_SHARE = 2 / 3
MAJORITY_SHARE = 1 / 2
SMALLEST_MARGIN = 0.15
SMALLEST_QUORUM = 2
SMALLEST_FAMILIES = 2
"""All of these are the project's own thresholds. Families, not voices: models coincide in most of their joint errors,
stronger ones more (arXiv 2506.07962)."""

TIE_BREAKERS = ("rules", "changes")
"""Whose word decides between equal shares, in this order, where it names a cause: both read the state itself."""

_EXACT = 1e-9  # shares come from logarithms; thresholds must not turn on the last bit


@dataclass(frozen=True, slots=True)
class _Ballot:
    opinion: Opinion
    vote: Vote

    @property
    def rank(self) -> tuple[int, str]:
        """Whose wording stands for a vote that several share."""
        return _precedence(self.opinion.expert), self.opinion.expert


def consensus(
    opinions: Sequence[Opinion],
    *,
    kind: QuestionKind,
    vocabulary_size: int,
    hit_rates: Mapping[str, HitRate] | None = None,
    asked: int | None = None,
) -> Consensus:
    """Count the opinions.

    Their order makes no difference. An opinion votes if its status is `ok` and its first vote answers the kind of
    question; whether its quotes are true is for `checked`, before. An expert has one voice: its latest round.

    Args:
        opinions: All of them, those that failed included.
        kind: Of the question.
        vocabulary_size: How many different votes there are: `vocabulary_size(kind)`.
        hit_rates: By expert's name, where they were measured.
        asked: How many experts were asked, those included of whom there is no opinion; by default all of them have
            one.

    Returns:
        The consensus, with the leading vote wherever there is a valid opinion.

    Raises:
        BadInput: Opinions that would vote were formed on different bundles, or the vocabulary leaves no choice.
    """
    valid = _valid(opinions, kind)
    voices = {one.expert for one in valid}
    abstained = {one.expert for one in opinions if one.status == "abstain"} - voices
    asked = max(asked or 0, len({opinion.expert for opinion in opinions}))
    not_seen = _not_seen(opinions)
    if not valid:
        return _without_vote(kind, asked, len(abstained), not_seen)

    ballots, yielding = _yield_symptoms([_Ballot(one, _first_vote(one)) for one in valid])
    weigh = weights([(one.expert, one.family) for one in valid], hit_rates, vocabulary_size)
    tallies, tie_break = _tally(ballots, weigh)
    shares = [tally.share for tally in tallies]
    margin = shares[0] - shares[1] if len(shares) > 1 else shares[0]
    holders = {ballot.opinion.family for ballot in ballots if ballot.vote.key == tallies[0].key}
    families = sorted({one.family for one in valid})
    status, reason = _status(
        len(valid), asked - len(abstained), len(families), share=shares[0], margin=margin, holders=len(holders)
    )
    return Consensus(
        status=status,
        kind=kind,
        leading=tallies[0].vote,
        share=shares[0],
        margin=margin,
        entropy_bits=abs(math.fsum(-share * math.log2(share) for share in shares if share > 0)),
        agreement=_agreement([ballot.vote.key for ballot in (*ballots, *yielding)]),
        families=tuple(families),
        tallies=(*tallies, *_grouped(yielding, {})),
        asked=asked,
        valid=len(valid),
        not_seen=not_seen,
        tie_break=tie_break,
        reason=reason,
    )


def _without_vote(kind: QuestionKind, asked: int, abstained: int, not_seen: dict[str, tuple[str, ...]]) -> Consensus:
    if abstained or not_seen:
        status: ConsensusStatus = "INSUFFICIENT"
        reason = f"{abstained} of {asked} abstained, and no opinion counts: see what was not seen"
    else:
        status, reason = "NO_QUORUM", f"none of {asked} experts gave an opinion that counts"
    return Consensus(status=status, kind=kind, asked=asked, not_seen=not_seen, reason=reason)


def _valid(opinions: Sequence[Opinion], kind: QuestionKind) -> list[Opinion]:
    """One opinion an expert, in an order that does not depend on theirs."""
    voting = [one for one in opinions if one.status == "ok" and one.kind == kind]
    voting = [one for one in voting if one.votes and one.votes[0].answers(kind)]
    if len({one.bundle_digest for one in voting}) > 1:
        raise BadInput("opinions on different bundles cannot be counted together: ask again on one bundle")
    voting.sort(key=lambda one: (one.expert, -one.round, one.model_dump_json()))
    return [next(group) for _, group in itertools.groupby(voting, key=lambda one: one.expert)]


def _not_seen(opinions: Sequence[Opinion]) -> dict[str, tuple[str, ...]]:
    named: dict[str, set[str]] = {}
    for opinion in opinions:
        if opinion.missing_evidence:
            named.setdefault(opinion.expert, set()).update(opinion.missing_evidence)
    return {expert: tuple(sorted(named[expert])) for expert in sorted(named)}


def _first_vote(opinion: Opinion) -> Vote:
    """The vote that an opinion is counted with: the cause that it names beneath a symptom, else its first."""
    first = opinion.votes[0]
    if first.cause is None or not first.cause.symptom:
        return first
    return next((vote for vote in opinion.votes if vote.names_cause), first)


def _yield_symptoms(ballots: Sequence[_Ballot]) -> tuple[list[_Ballot], list[_Ballot]]:
    """Part the ballots that count from those that yield: a symptom, where another names the cause on the same root.

    A yielding ballot is not counted for that cause, which its expert did not name; it is shown with share 0.
    """
    causes = [ballot.vote.root for ballot in ballots if ballot.vote.names_cause]

    def yields(vote: Vote) -> bool:
        symptom = vote.cause is not None and vote.cause.symptom
        return symptom and any(_same_root(vote.root, root) for root in causes)

    return [one for one in ballots if not yields(one.vote)], [one for one in ballots if yields(one.vote)]


def _same_root(symptom: Entity | None, cause: Entity | None) -> bool:
    """Whether they are about one thing, as a service and a deployment of one name are; without root it is about all."""
    if symptom is None or cause is None:
        return True
    return (symptom.namespace, symptom.name) == (cause.namespace, cause.name)


def _tally(ballots: Sequence[_Ballot], weigh: Mapping[str, float]) -> tuple[list[Tally], str]:
    """The tallies, the leading one first, and which rule put it there where shares are equal."""
    tallies = sorted(_grouped(ballots, weigh), key=lambda tally: (-tally.share, tally.key))
    tied = [tally for tally in tallies if tallies[0].share - tally.share < _EXACT]
    if len(tied) == 1:
        return tallies, ""
    first, rule = _break_tie(tied, ballots)
    return [first, *(tally for tally in tallies if tally is not first)], rule


def _grouped(ballots: Sequence[_Ballot], weigh: Mapping[str, float]) -> list[Tally]:
    groups: dict[str, list[_Ballot]] = {}
    for ballot in sorted(ballots, key=lambda one: (one.vote.key, *one.rank)):
        groups.setdefault(ballot.vote.key, []).append(ballot)
    total = math.fsum(weigh.get(ballot.opinion.expert, 0) for ballot in ballots) or 1
    return [
        Tally(
            key=key,
            vote=group[0].vote,
            share=math.fsum(weigh.get(ballot.opinion.expert, 0) for ballot in group) / total,
            experts=tuple(ballot.opinion.expert for ballot in group),
            evidence=_distinct(evidence for ballot in group for evidence in ballot.vote.evidence),
        )
        for key, group in groups.items()
    ]


def _distinct(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """The same words quoted twice are one piece of evidence."""
    return tuple({(one.item, " ".join(one.quote.split())): one for one in evidence}.values())


def _break_tie(tied: Sequence[Tally], ballots: Sequence[_Ballot]) -> tuple[Tally, str]:
    for expert in TIE_BREAKERS:
        for tally in tied:
            if expert in tally.experts and tally.vote.names_cause:
                return tally, f"equal shares: {expert} names a cause"
    most = max(len(tally.evidence) for tally in tied)
    if len(best := [tally for tally in tied if len(tally.evidence) == most]) == 1:
        return best[0], f"equal shares: more verified evidence ({most} quotes)"
    tied_experts = {expert for tally in tied for expert in tally.experts}
    reads = sorted(
        what for one in ballots if one.opinion.expert in tied_experts for what in one.opinion.missing_evidence
    )
    if reads:
        return best[0], f"equal shares: this would tell them apart: {reads[0]}"
    return best[0], "equal shares, and nothing tells them apart: a person decides"


def _status(
    valid: int, expected: int, families: int, *, share: float, margin: float, holders: int
) -> tuple[ConsensusStatus, str]:
    if valid == 1:
        return "SINGLE", "one expert's word, on evidence that was found in the state"
    if valid * 2 < expected:
        return "NO_QUORUM", f"{valid} opinions count of {expected} experts that did not abstain: half is the least"
    if valid < SMALLEST_QUORUM or families < SMALLEST_FAMILIES:
        return "NO_QUORUM", f"{valid} opinions count, all of one family: they err together, so they do not confirm"
    if share >= AGREED_SHARE - _EXACT and holders >= SMALLEST_FAMILIES:
        return "AGREED", f"{holders} families name the same, with {share:.0%} of the weight"
    if share <= MAJORITY_SHARE + _EXACT or margin < SMALLEST_MARGIN - _EXACT:
        return "SPLIT", f"the leading vote has {share:.0%} of the weight, {margin:.0%} ahead of the next"
    return "MAJORITY", f"the leading vote has {share:.0%} of the weight; see who does not give it"


def _agreement(keys: Sequence[str]) -> float | None:
    pairs = list(itertools.combinations(keys, 2))
    return sum(one == other for one, other in pairs) / len(pairs) if pairs else None


def _precedence(expert: str) -> int:
    return TIE_BREAKERS.index(expert) if expert in TIE_BREAKERS else len(TIE_BREAKERS)
