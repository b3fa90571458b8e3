"""Carries out approved proposals, one after the other, and finds out what became of each.

Nothing is carried out that was not looked at just before, asked about, and approved by its digest; and nothing follows
a step that did not succeed. A change that was handed to its server is never sent again: if its answer is lost, the
server is asked what became of it, and after that the state itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from codenb.actions._approver import Approver, objection
from codenb.actions._difference import difference
from codenb.actions._outcomes import DONE, Outcomes
from codenb.actions._propose import place_without_preview, previewed
from codenb.actions._settle import kept
from codenb.actions._verify import check, verify
from codenb.errors import (
    AccessError,
    BadInput,
    ChangeError,
    CodenbError,
    Interrupted,
    NotApproved,
    ProtocolFault,
    ToolError,
)
from codenb.models import ApprovalRequest, ContextBundle, Decision, Outcome, Proposal, SuccessCondition

if TYPE_CHECKING:
    from codenb.host import Answered, Ask, Host

_MOVED = "This is not what was shown before: the state has moved since. Look at it again."
_NOT_SENT = "nothing was changed"
_ANSWERED_S, _LOST_S = (
    0.5,
    10.0,
)  # how long to ask what the server kept: at once where it answered, else until it is back


async def execute(
    host: Host,
    proposals: Sequence[Proposal],
    approver: Approver,
    *,
    on_progress: Callable[[str], None] | None = None,
    gather: Callable[[], Awaitable[ContextBundle]] | None = None,
    before: ContextBundle | None = None,
    into: Outcomes | None = None,
) -> Outcomes:
    """Preview again, ask, carry out and verify each proposal, in order; stop at the first that does not succeed.

    Args:
        host: Reaches the servers.
        proposals: Of one group at most one is carried out; a rejected one gives way to the next of its group.
        approver: Decides about each. What it approves is bound to the digest that it was shown.
        on_progress: Gets lines for people.
        gather: Gathers the context anew, once something was changed.
        before: The context before, to say what is different.
        into: Filled while outcomes become known, so that they are at hand when this is cancelled.

    Returns:
        One outcome a proposal, in their order.

    Raises:
        BadInput: The approver answered with something that is not a decision.
        asyncio.CancelledError: Stopped. What had been handed to a server is carried on with there; its outcome is
            `unknown` in `into`, and `settled` tells it by its reference.
    """
    outcomes = Outcomes() if into is None else into
    run = _Execution(host, approver, on_progress or (lambda _line: None), outcomes)
    for at, proposal in enumerate(proposals):
        await run.next(proposal, proposals[at + 1 :])
    if gather is not None and run.changed:
        run.say("gathering again")
        outcomes.context = await gather()
        outcomes.difference = difference(before, outcomes.context) if before else ()
    return outcomes


@dataclass
class _Sent:
    """A change on its way.

    Attributes:
        reference: Of the preview that its server asked about.
        approved: Whether the server was told yes.
        other: The digest that it asked about instead of the approved one.
        outcome: What came of it, not yet verified.
    """

    reference: str | None = None
    approved: bool = False
    other: str = ""
    outcome: Outcome | None = None


@dataclass
class _Execution:
    host: Host
    approver: Approver
    say: Callable[[str], None]
    outcomes: Outcomes
    stopped: str = ""
    waiting: bool = False
    changed: bool = False
    chosen: dict[str, str] = field(default_factory=dict)

    async def next(self, proposal: Proposal, later: Sequence[Proposal]) -> None:
        """Carry out one proposal, or say why not."""
        title = _title(proposal)
        if proposal.group in self.chosen:
            taken = f"not needed: its alternative was carried out: {self.chosen[proposal.group or '']}"
            self.outcomes.append(_refused(proposal, taken))
            return
        if self.stopped and not self.waiting:
            self.outcomes.append(_refused(proposal, f"not tried: {self.stopped}"))
            return
        self.say(f"{title}: looking again")
        outcome = await self._one(proposal)
        self.outcomes.append(outcome)
        self.say(f"{title}: {outcome.status}" + (f", {outcome.message}" if outcome.message else ""))
        if outcome.status in DONE and proposal.group:
            self.chosen[proposal.group] = title
        has_alternative = proposal.group is not None and any(one.group == proposal.group for one in later)
        rejected = outcome.status == "refused" and outcome.decision is not None and not outcome.pending
        if outcome.status in DONE or (rejected and has_alternative) or self.stopped:
            return
        self.waiting = outcome.pending
        self.stopped = f"{title} came before it and is {'waiting' if outcome.pending else outcome.status}"

    async def _one(self, proposal: Proposal) -> Outcome:
        try:
            request = await self._request(proposal)
        except CodenbError as error:
            return _refused(proposal, f"{_line(error)}; {_NOT_SENT}")
        preview = request.proposal.preview
        if preview and preview.refusal:
            return _refused(request.proposal, preview.refusal)
        try:
            decided = await self.approver.decide(request)
        except (Interrupted, NotApproved) as error:
            return _refused(request.proposal, f"{_line(error)}; {_NOT_SENT}")
        if not isinstance(decided, Decision):
            raise BadInput(f"the approver {self.approver!r} answered with a {type(decided).__name__}, not a Decision")
        if problem := objection(request, decided):
            return _refused(request.proposal, f"{problem}; {_NOT_SENT}", decision=decided, pending=decided.pending)
        if self.stopped:  # asked only so that whoever decides has all that waits in one place
            return _refused(request.proposal, f"not tried: {self.stopped}", decision=decided, pending=True)
        return await self._carried_out(request, decided)

    async def _request(self, proposal: Proposal) -> ApprovalRequest:
        """The proposal as things stand now, not as they stood when it was made."""
        preview = await previewed(self.host, proposal.call)
        shown = proposal.preview
        notes = () if shown is None or preview is None or shown.digest == preview.digest else (_MOVED,)
        changes: dict[str, Any] = {"preview": preview, "problem": None}
        if preview and (proposal.success is None or (shown and proposal.success == shown.change.success)):
            changes["success"] = preview.change.success
        if preview and (proposal.undo is None or (shown and proposal.undo == shown.change.undo)):
            changes["undo"] = preview.change.undo
        now = proposal.model_copy(update=changes)
        place = preview.place if preview else place_without_preview(self.host, proposal.call)
        return ApprovalRequest(proposal=now, place=place, asked_at=datetime.now(UTC), notes=notes)

    async def _carried_out(self, request: ApprovalRequest, decided: Decision) -> Outcome:
        proposal, started_at, begun = request.proposal, datetime.now(UTC), time.monotonic()
        success = proposal.success
        before = await check(self.host, success) if success else None
        sent = _Sent()
        base = Outcome(
            status="unknown",
            call=proposal.call,
            summary=_title(proposal),
            decision=decided,
            started_at=started_at,
            before=before.answer if before else None,
            group=proposal.group,
        )
        try:
            outcome = sent.outcome = await self._sent(base, request, decided, sent)
            self.changed = self.changed or outcome.status in {*DONE, "unknown", "failed"}
            if success and (outcome.status in DONE or (outcome.status == "unknown" and not (before and before.holds))):
                outcome = await self._verified(outcome, success)
        except asyncio.CancelledError as error:
            self._left(base, sent, error)
            raise
        return outcome.model_copy(update={"duration_ms": (time.monotonic() - begun) * 1000})

    def _left(self, base: Outcome, sent: _Sent, error: asyncio.CancelledError) -> None:
        """Keep what is known of a change whose caller was stopped."""
        if sent.outcome:
            note = f"stopped before it was verified; {sent.outcome.message}".rstrip("; ")
            self.outcomes.append(sent.outcome.model_copy(update={"message": note}))
        elif sent.approved:
            where = f"ask codenb.settled(host, {sent.reference!r})" if sent.reference else "look at the state"
            error.add_note(f"{base.summary} was handed to its server, which goes on with it: {where}")
            note = f"stopped before its answer came: {where}"
            self.outcomes.append(base.model_copy(update={"reference": sent.reference, "message": note}))

    async def _sent(self, base: Outcome, request: ApprovalRequest, decided: Decision, sent: _Sent) -> Outcome:
        """Hand the change to its server, and learn what became of it."""
        from codenb.host import Answered  # noqa: PLC0415  brings the MCP SDK, which only a change needs

        async def approve(ask: Ask) -> Answered:
            asked, _, _ = (ask.reference or "").partition(".")
            without_preview = request.proposal.preview is None and ask.reference is None
            if not (without_preview or asked == decided.digest):
                sent.other = asked
                return Answered(approve=False)
            sent.reference, sent.approved = ask.reference, True
            self.say(f"{base.summary}: approved by {decided.decider}, carrying it out" + _kept_as(ask.reference))
            return Answered(approve=True, grant=decided.grant)

        call = request.proposal.call
        try:
            result = await self.host.change(call, approve)
        except CodenbError as error:
            return await self._not_answered(base, error, sent)
        known = {"status": "applied", "reference": sent.reference}
        if request.proposal.preview is not None:
            told = _told(result.data)
            if told is None:
                return await self._not_answered(base, ProtocolFault(f"{call.server} did not say what it did"), sent)
            known |= {"status": told.status, "message": told.message, "answer": told.answer}
        return base.model_copy(update=known)

    async def _not_answered(self, base: Outcome, error: CodenbError, sent: _Sent) -> Outcome:
        """What an error says about the change; where it leaves that open, what the server kept."""
        if not sent.approved:
            reason = _line(error)
            if sent.other:
                reason = f"approved was another state than {sent.other[:16]}: it moved while you decided; try again"
            return base.model_copy(update={"status": "refused", "message": f"{reason}; {_NOT_SENT}"})
        answered = isinstance(error, ChangeError | AccessError | ToolError)
        known: dict[str, Any] = {"reference": sent.reference, "message": _line(error)}
        if answered:
            known["status"] = "failed" if isinstance(error, ToolError) else "refused"
        if sent.reference:
            try:
                within_s = _ANSWERED_S if answered else _LOST_S
                preview = await kept(self.host, sent.reference, server=base.call.server, within_s=within_s)
            except CodenbError as lost:
                known["message"] += f"; {_line(lost)}"
            else:
                if told := preview.outcome:
                    message = told.message or "its answer was lost, but its server keeps what came of it"
                    known |= {"status": told.status, "message": message, "answer": told.answer}
        return base.model_copy(update=known)

    async def _verified(self, outcome: Outcome, success: SuccessCondition) -> Outcome:
        """Read the success condition until it holds; it may also tell what became of a change whose answer was lost."""
        self.say(f"{outcome.summary}: verifying that {success.text}")
        found = await verify(self.host, success, self.say)
        if found.holds:
            lost = "its answer was lost, but what it was for holds"
            message = lost if outcome.status == "unknown" else outcome.message
            return outcome.model_copy(update={"status": "verified", "after": found.answer, "message": message})
        missing = f"not so after {success.within_s:g} s: {success.text}: {found.missing}"
        if outcome.status == "unknown":
            return outcome.model_copy(update={"after": found.answer, "message": f"{outcome.message}; {missing}"})
        return outcome.model_copy(update={"status": "applied_not_verified", "after": found.answer, "message": missing})


def _refused(proposal: Proposal, message: str, *, decision: Decision | None = None, pending: bool = False) -> Outcome:
    return Outcome(
        status="refused",
        call=proposal.call,
        summary=_title(proposal),
        message=message,
        decision=decision,
        group=proposal.group,
        pending=pending,
    )


def _told(data: Any) -> Outcome | None:
    """What a server of codenb's kind says it did; it cannot say that this was verified, only we can."""
    try:
        told = Outcome.from_dict(data)
    except BadInput:
        return None
    return told.model_copy(update={"status": "applied"}) if told.status in DONE else told


def _title(proposal: Proposal) -> str:
    return proposal.preview.change.summary if proposal.preview else str(proposal.call)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _kept_as(reference: str | None) -> str:
    return f" (its outcome is kept as preview://{reference})" if reference else ""
