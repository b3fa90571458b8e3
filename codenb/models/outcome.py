"""Outcomes: what was decided about a preview, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal, Self

from pydantic import JsonValue, model_validator

from codenb.models._base import Answered, Model
from codenb.models._yaml import as_side, as_yaml
from codenb.models.change import ToolCall
from codenb.views import Badge, Block, Code, Diff, Field, Text, Tone, View


class Decision(Model):
    """What was decided about one preview.

    Attributes:
        approve: Yes or no.
        digest: Of the preview; for a call without preview, of the call (`call_digest`).
        by: Who decided.
        proof: How that is known: `token`, `key`, `policy`, or `name` for a bare user name.
        approver: Which approver answered: `ask_me`, `decisions`, `demo_policy`, `none`, ...
        at: UTC.
        reason: In their words.
        expires_at: UTC; a recorded decision counts until then.
        grant: The decision signed, where a key is configured.
        pending: Nobody has decided yet; never together with `approve`.
    """

    approve: bool
    digest: str
    by: str
    proof: Literal["token", "key", "policy", "name"] = "name"
    approver: str
    at: datetime
    reason: str = ""
    expires_at: datetime | None = None
    grant: str = ""
    pending: bool = False

    @model_validator(mode="after")
    def _waits_or_approves(self) -> Self:
        if self.pending and self.approve:
            raise ValueError("a decision that is pending approves nothing")
        return self

    @property
    def decider(self) -> str:
        """Who decided, with a mark where that is only a name."""
        return f"{self.by} (name not proved)" if self.proof == "name" else self.by

    def view(self) -> View:
        waiting = Badge("waiting for an approval", Tone.WARN)
        decided = Badge("approved", Tone.GOOD) if self.approve else Badge("rejected", Tone.BAD)
        badge = waiting if self.pending else decided
        blocks = [Field("by", self.decider), Field("through", self.approver), Field("digest", self.digest[:16])]
        if self.reason:
            blocks.append(Field("reason", self.reason))
        return View(title="Decision", badges=[badge], blocks=blocks)


OutcomeStatus = Literal["refused", "failed", "unknown", "applied", "verified", "applied_not_verified"]

OUTCOME_TONES: dict[str, Tone] = {
    "refused": Tone.WARN,
    "failed": Tone.BAD,
    "unknown": Tone.BAD,
    "applied": Tone.INFO,
    "verified": Tone.GOOD,
    "applied_not_verified": Tone.WARN,
}


class Outcome(Answered):
    """What came of one proposal.

    Attributes:
        status: `refused`: nothing was sent, or the server declined. `failed`: it was tried and did not take.
            `unknown`: it was sent and the answer was lost. `applied`: done, not yet checked. `verified`: done, and
            the success condition holds. `applied_not_verified`: done, and it does not hold.
        call: What was called.
        summary: One line.
        message: Why, where it is not plainly good.
        reference: The preview's `DIGEST.ID`.
        decision: Who allowed it.
        started_at: UTC.
        duration_ms: Until the last check, waiting for a person excluded.
        before: What the success condition's read answered before.
        after: And afterwards.
        answer: What the system answered to the write, such as the number of an issue that was opened; of a third-party
            tool, what it answered, its text cut where it is long.
        undo: The call that takes it back, where something was or may have been written.
        group: Of the proposal, where it was one of several alternatives.
        pending: Refused only because nobody has decided yet.
    """

    told: ClassVar[tuple[str, ...] | None] = ("status", "summary", "message")

    status: OutcomeStatus
    call: ToolCall
    summary: str = ""
    message: str = ""
    reference: str | None = None
    decision: Decision | None = None
    started_at: datetime | None = None
    duration_ms: float | None = None
    before: JsonValue = None
    after: JsonValue = None
    answer: JsonValue = None
    undo: ToolCall | None = None
    group: str | None = None
    pending: bool = False

    def view(self) -> View:
        blocks: list[Block] = []
        if self.message:
            blocks.append(Text(self.message))
        blocks.append(Field("call", str(self.call)))
        if self.decision and not self.decision.pending:
            verb = "approved by" if self.decision.approve else "rejected by"
            blocks.append(Field(verb, f"{self.decision.decider}, through {self.decision.approver}"))
        if self.duration_ms is not None:
            blocks.append(Field("took", f"{self.duration_ms / 1000:.1f} s"))
        if self.undo:
            blocks.append(Field("undo", str(self.undo)))
        if self.status == "failed" and self.answer is not None:  # how far it came matters more than the state
            blocks.append(self._answered())
        if self.after is not None:
            blocks.append(Diff(as_side(self.before), as_side(self.after), caption="before and after"))
        elif self.answer is not None and self.status != "failed":  # nothing was verified: all that is known of it
            blocks.append(self._answered())
        badges = [Badge(self.status, OUTCOME_TONES[self.status])]
        if self.pending:
            badges.append(Badge("waiting for an approval", Tone.WARN))
        return View(title=self.summary or str(self.call), badges=badges, blocks=blocks)

    def _answered(self) -> Code:
        text = self.answer if isinstance(self.answer, str) else as_yaml(self.answer)
        return Code(text, caption=f"what {self.call.server} answered")
