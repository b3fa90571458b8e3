"""What is asked, and what one expert says to it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field as Setting
from pydantic import JsonValue

from codenb.models._base import Model
from codenb.models.cause import Cause
from codenb.models.change import SuccessCondition, ToolCall
from codenb.models.target import Entity
from codenb.views import Badge, Block, Field, Quote, Table, Text, Tone, View

QuestionKind = Literal["diagnose", "review", "plan"]
OpinionStatus = Literal["ok", "abstain", "timeout", "error", "refused", "invalid", "over_budget"]

STATUS_TONES: dict[str, Tone] = {"ok": Tone.GOOD, "abstain": Tone.PLAIN, "timeout": Tone.WARN}

LONGEST_QUESTION = 8_000
LONGEST_QUOTE = 400


class Question(Model):
    """What the circle is asked.

    Attributes:
        text: In the person's words.
        kind: What sort of vote answers it.
        kind_reason: Why this kind: asked for, or the stated rule that chose it.
    """

    text: str = Setting(min_length=1, max_length=LONGEST_QUESTION)
    kind: QuestionKind
    kind_reason: str = "asked for"

    def view(self) -> View:
        return View(title=self.text, badges=[Badge(self.kind)], subtitle=self.kind_reason)


class Evidence(Model):
    """Words of the bundle that carry a vote.

    Attributes:
        item: Id of the context item.
        quote: Exactly as it stands there; white space aside.
    """

    item: str
    quote: str = Setting(min_length=1, max_length=LONGEST_QUOTE)

    def view(self) -> View:
        return View(title=self.item, blocks=[Quote(self.quote, self.item)])


class Vote(Model):
    """One thing that an expert holds for true.

    Attributes:
        cause: For `diagnose`.
        root: For `diagnose`: the owning workload, or what else is at fault.
        verdict: For `review`: go, hold or stop, and the findings that decide.
        recommendation: For `plan`: tool, object, field and value.
        mechanism: How the cause makes what is seen, in a sentence.
        evidence: Quotes that carry it.
        against: What speaks against it.
    """

    cause: Cause | None = None
    root: Entity | None = None
    verdict: Literal["go", "hold", "stop"] | None = None
    deciding: tuple[str, ...] = Setting(default=(), max_length=20)
    recommendation: Recommendation | None = None
    mechanism: str = Setting(default="", max_length=1_000)
    evidence: tuple[Evidence, ...] = Setting(default=(), max_length=10)
    against: str = Setting(default="", max_length=1_000)

    @property
    def key(self) -> str:
        """What makes two votes the same vote; prose takes no part.

        `Healthy` and `Unknown` are said of the target as a whole, so their root takes no part either.
        """
        match self:
            case Vote(cause=Cause.HEALTHY | Cause.UNKNOWN as cause):
                return str(cause)
            case Vote(cause=Cause() as cause, root=root):
                return f"{cause} {root or ''}".strip()
            case Vote(verdict=str() as verdict):
                return " ".join([verdict, *sorted(self.deciding)])
            case Vote(recommendation=Recommendation() as wanted):
                return f"{wanted.tool} {wanted.entity} {wanted.field}={wanted.value!r}"
            case _:
                return ""

    def answers(self, kind: QuestionKind) -> bool:
        """Whether this is a vote on a question of that kind."""
        answer = {"diagnose": self.cause, "review": self.verdict, "plan": self.recommendation}
        return answer[kind] is not None

    @property
    def names_cause(self) -> bool:
        """Whether it says what is wrong: neither that nothing is, nor what one merely sees of it."""
        return self.cause is not None and self.cause is not Cause.HEALTHY and not self.cause.symptom

    def view(self) -> View:
        blocks: list[Block] = [Text(self.mechanism)] if self.mechanism else []
        blocks += [Quote(one.quote, one.item) for one in self.evidence]
        if self.against:
            blocks.append(Field("against", self.against))
        return View(title=self.key, blocks=blocks)


class Recommendation(Model):
    """What an expert would do; no tool may exist for it.

    Attributes:
        text: For a person.
        tool: `server.tool`, where one exists.
        entity: What it is done to.
        field: The changed field, dotted.
        value: Its value afterwards.
        by: Who recommends it.
    """

    text: str = Setting(max_length=2_000)
    tool: str | None = None
    entity: Entity | None = None
    field: str | None = None
    value: JsonValue = None
    by: tuple[str, ...] = ()

    def view(self) -> View:
        return View(title=self.text, subtitle=", ".join(self.by))


class ProposedChange(Model):
    """A call that an expert wants approved; it becomes a proposal once it has a preview.

    Attributes:
        call: Server, tool, arguments.
        why: One sentence.
        success: How one can tell that it worked.
        undo: The call that takes it back.
        group: Changes of one group are alternatives.
        remedies: The vote that this change would mend, as `Vote.key`.
    """

    call: ToolCall
    why: str = Setting(max_length=1_000)
    success: SuccessCondition | None = None
    undo: ToolCall | None = None
    group: str | None = None
    remedies: str = ""

    def view(self) -> View:
        return View(title=str(self.call), subtitle=self.why)


class Opinion(Model):
    """What one expert says. It counts only with status `ok`, and only after its quotes were found in the bundle.

    Attributes:
        bundle_digest: The bundle it was formed on.
        expert: Name.
        family: Experts of one family make the same mistakes; a second one counts half.
        kind: Of the question.
        status: Only `ok` votes.
        status_reason: Why it does not, in one line.
        votes: At most three, ranked.
        recommendations: In words.
        changes: What it would have done.
        missing_evidence: What it would have needed to see.
        self_confidence: What it says of itself; telemetry, never a weight.
        model_requested: For a language model.
        model_responded: What the provider says answered.
        prompt_sha256: Of what was sent.
        round: 1, or 2 after it saw the others.
        wall_ms: How long it took.
        call_ids: Its calls in the records.
    """

    bundle_digest: str
    expert: str
    family: str
    kind: QuestionKind
    status: OpinionStatus
    status_reason: str = ""
    votes: tuple[Vote, ...] = Setting(default=(), max_length=3)
    recommendations: tuple[Recommendation, ...] = Setting(default=(), max_length=10)
    changes: tuple[ProposedChange, ...] = Setting(default=(), max_length=10)
    missing_evidence: tuple[str, ...] = Setting(default=(), max_length=10)
    self_confidence: Literal["low", "medium", "high"] | None = None
    model_requested: str | None = None
    model_responded: str | None = None
    prompt_sha256: str | None = None
    round: int = 1
    wall_ms: float = 0
    call_ids: tuple[str, ...] = ()

    def view(self) -> View:
        blocks: list[Block] = [Text(self.status_reason)] if self.status_reason else []
        for rank, vote in enumerate(self.votes, start=1):
            blocks.append(Field(f"vote {rank}", vote.key))
            blocks += vote.view().blocks
        if self.missing_evidence:
            blocks.append(Table(["did not see"], [(what,) for what in self.missing_evidence]))
        return View(
            title=self.expert,
            badges=[Badge(self.status, STATUS_TONES.get(self.status, Tone.BAD))],
            subtitle=f"family {self.family}, {self.wall_ms:.0f} ms",
            blocks=blocks,
        )


Vote.model_rebuild()
