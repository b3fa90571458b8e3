"""What the opinions add up to, and what follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from pydantic import Field as Setting

from codenb.models._base import Model
from codenb.models.cause import Cause
from codenb.models.opinion import Evidence, Opinion, Question, QuestionKind, Recommendation, Vote
from codenb.models.preview import Proposal
from codenb.models.target import Entity, Place, Target
from codenb.views import Badge, Bar, Block, Cards, Field, Fold, Quote, Table, Text, Tone, View

ConsensusStatus = Literal["AGREED", "MAJORITY", "SPLIT", "SINGLE", "INSUFFICIENT", "NO_QUORUM"]

CONSENSUS_TONES: dict[str, Tone] = {
    "AGREED": Tone.GOOD,
    "MAJORITY": Tone.INFO,
    "SPLIT": Tone.WARN,
    "SINGLE": Tone.INFO,
    "INSUFFICIENT": Tone.WARN,
    "NO_QUORUM": Tone.WARN,
}

CONSENSUS_WORDS: dict[str, str] = {
    "AGREED": "the experts name the same cause, each on evidence of its own",
    "MAJORITY": "more than half of the weight names this; see who does not",
    "SPLIT": "the experts disagree: read both sides before you act",
    "SINGLE": "one expert's word, on evidence that was found in the state",
    "INSUFFICIENT": "not enough evidence for a vote: see what is missing",
    "NO_QUORUM": "too few valid opinions to speak of a consensus",
}


class Tally(Model):
    """One vote's part.

    Attributes:
        key: What makes votes equal.
        vote: As its first holder worded it.
        share: Weighted share of first votes, 0 to 1.
        experts: Who gave it.
        evidence: All quotes for it.
    """

    key: str
    vote: Vote
    share: float = Setting(ge=0, le=1.000001)
    experts: tuple[str, ...]
    evidence: tuple[Evidence, ...] = ()

    def view(self) -> View:
        return View(title=self.key, subtitle=", ".join(self.experts), blocks=[Bar(self.key, self.share)])


class Consensus(Model):
    """What the opinions add up to: a detector of disagreement, never an approval.

    Attributes:
        status: See the reference on consensus rules; tested in a fixed order.
        kind: Of the question.
        leading: The vote with the largest share, reported wherever there is a valid opinion.
        share: Its weighted share, 0 to 1.
        margin: Distance to the next, 0 to 1.
        entropy_bits: Of the shares; 0 when all agree.
        agreement: Share of pairs of valid opinions that give the same first vote, unweighted; None below two.
        families: Families among the valid opinions.
        tallies: Every first vote with its share, the leading one first. A symptom that yielded to the cause beneath it
            has share 0.
        dissent: The tallies that are not the leading one.
        asked: How many experts were asked.
        valid: How many opinions count.
        not_seen: What each expert says it did not see.
        tie_break: Which rule decided between equal shares.
        reason: Why this status, in one line.
    """

    status: ConsensusStatus
    kind: QuestionKind
    leading: Vote | None = None
    share: float = 0
    margin: float = 0
    entropy_bits: float = 0
    agreement: float | None = None
    families: tuple[str, ...] = ()
    tallies: tuple[Tally, ...] = ()
    asked: int = 0
    valid: int = 0
    not_seen: dict[str, tuple[str, ...]] = Setting(default_factory=dict)
    tie_break: str = ""
    reason: str = ""

    @property
    def cause(self) -> Cause | None:
        """The leading vote's cause."""
        return self.leading.cause if self.leading else None

    @property
    def root(self) -> Entity | None:
        """The leading vote's root entity."""
        return self.leading.root if self.leading else None

    @property
    def offers(self) -> bool:
        """Whether proposals may be approved with one click; otherwise they are shown only."""
        return self.status in ("AGREED", "MAJORITY", "SINGLE")

    @property
    def unanimous(self) -> bool:
        """Whether every opinion that counts gives the leading vote: what a destructive proposal needs."""
        return len(self.tallies) == 1

    @property
    def dissent(self) -> tuple[Tally, ...]:
        """Who says something else, what, and on which evidence."""
        return self.tallies[1:]

    def view(self) -> View:
        blocks: list[Block] = [Text(self.reason or CONSENSUS_WORDS[self.status])]
        if self.leading and self.leading.mechanism:
            blocks.append(Text(self.leading.mechanism))
        for number, tally in enumerate(self.tallies):
            tone = Tone.INFO if number == 0 else Tone.WARN
            blocks.append(Bar(f"{tally.key} — {', '.join(tally.experts)}", tally.share, tone))
        if self.tie_break:
            blocks.append(Field("tie", self.tie_break))
        if self.not_seen:
            rows = [(expert, what) for expert, missing in self.not_seen.items() for what in missing]
            blocks.append(Table(["expert", "did not see"], rows))
        title = self.leading.key if self.leading else "no vote"
        return View(title=title, badges=[Badge(self.status, CONSENSUS_TONES[self.status])], blocks=blocks)


class Answer(Model):
    """What a consultation came to.

    Attributes:
        question: What was asked.
        target: About what.
        place: Where.
        bundle_digest: On which state.
        consensus: What the opinions add up to.
        opinions: Every one, those that do not count included.
        recommendations: What to do, in words.
        proposals: What could be done through a server, previewed.
        cost_usd: Of the consultation; None is unknown.
        wall_ms: How long it took.
    """

    question: Question
    target: Target
    place: Place | None = None
    bundle_digest: str
    consensus: Consensus
    opinions: tuple[Opinion, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    cost_usd: Decimal | None = None
    wall_ms: float = 0

    def view(self) -> View:
        consensus = self.consensus
        shown = consensus.view()
        blocks: list[Block] = list(shown.blocks)
        if consensus.tallies:
            blocks += [Quote(one.quote, one.item) for one in _longest(consensus.tallies[0].evidence)[:4]]
        for tally in consensus.dissent:
            against = [Quote(one.quote, one.item) for one in tally.evidence[:2]]
            inner = View(title="", subtitle=", ".join(tally.experts), blocks=against)
            blocks.append(Fold(f"dissent: {tally.key} ({', '.join(tally.experts)})", inner, open=True))
        groups = Counter(proposal.group for proposal in self.proposals)
        for number, proposal in enumerate(self.proposals, start=1):
            alone = groups[proposal.group] == 1
            inner = (proposal.model_copy(update={"group": None}) if alone else proposal).view()
            summary = f"proposal {number} of {len(self.proposals)}: {inner.title}"
            blocks.append(Fold(summary, replace(inner, title=""), open=True))
        proposed = {proposal.why for proposal in self.proposals}
        rows = [(one.text, ", ".join(one.by)) for one in self.recommendations if one.text not in proposed]
        if rows:
            blocks.append(Table(["recommendation", "by"], rows))
        inner = View(title="", blocks=[Cards([opinion.view() for opinion in self.opinions])])
        blocks.append(Fold(f"who said what: {consensus.valid} of {consensus.asked} opinions count", inner))
        place = f", {self.place.kind} {self.place.name}" if self.place else ""
        blocks.append(Field("took", f"{self.wall_ms / 1000:.2f} s, {self._cost()}"))
        return View(
            title=f"{shown.title}: {self.question.text}",
            badges=[*shown.badges, Badge(self.question.kind)],
            subtitle=f"{self.target}{place}",
            blocks=blocks,
        )

    def _cost(self) -> str:
        if not any(opinion.model_requested for opinion in self.opinions):
            return "no model was asked"
        return "cost unknown" if self.cost_usd is None else f"{self.cost_usd:.4f} USD"


def _longest(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Without quotes that stand in another one of the same item."""
    return [
        one
        for one in evidence
        if not any(
            one.quote != other.quote and one.quote in other.quote and one.item == other.item for other in evidence
        )
    ]
