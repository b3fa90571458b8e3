"""Hands one approved change to its server, and finds out what became of it.

The server is told yes only about the digest that was approved. It is told once: where its answer is lost, it is asked
what it keeps, and after that the state itself is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codenb.actions._outcomes import DONE, Outcomes
from codenb.actions._settle import how_far, kept
from codenb.actions._verify import check, verify
from codenb.errors import AccessError, BadInput, ChangeError, ChangeFailed, CodenbError, ProtocolFault, ToolError
from codenb.models import ApprovalRequest, Decision, Outcome, Proposal, SuccessCondition, ToolCall, ToolResult
from codenb.models._yaml import as_yaml

if TYPE_CHECKING:
    from pydantic import JsonValue

    from codenb.host import Answered, Ask, Host

NOTHING_CHANGED = "nothing was changed"
_LONGEST_ANSWER = 8_192
_HEAR_OF_IT_S = 30.0
_NOT_DONE = frozenset({"refused", "failed", "unknown"})

# How long to ask what a server kept: one that answered has kept it already, one that went away has to come back.
_ANSWERED_S, _LOST_S = 0.5, 20.0


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


@dataclass(frozen=True)
class Carrier:
    """Carries out approved changes.

    Attributes:
        host: Reaches the servers.
        say: Gets lines for people.
        outcomes: Gets what is known of a change whose caller is stopped; otherwise the outcome is returned.
    """

    host: Host
    say: Callable[[str], None]
    outcomes: Outcomes

    async def carry_out(self, request: ApprovalRequest, decided: Decision) -> Outcome:
        """Hand over what was requested and decided, and verify it.

        Raises:
            asyncio.CancelledError: Stopped; what is known of the change is in `outcomes`.
        """
        proposal, started_at, begun = request.proposal, self.host.clock.now(), self.host.clock.time()
        success = proposal.success
        before = await check(self.host, success) if success else None
        sent = _Sent(
            approved=decided.approver == "auto_approve"
        )  # then nobody is asked, and it may be made all the same
        base = Outcome(
            status="unknown",
            call=shown_call(self.host, proposal),
            summary=title(proposal),
            decision=without_grant(decided),
            started_at=started_at,
            before=before.answer if before else None,
            group=proposal.group,
        )
        try:
            outcome = sent.outcome = await self._sent(base, request, decided, sent)
            if success and (outcome.status in DONE or (outcome.status == "unknown" and not (before and before.holds))):
                outcome = await self._verified(outcome, success)
        except asyncio.CancelledError as error:
            if left := self._left(base, sent, error):
                self.outcomes.append(await self._written(left, request))
            raise
        took_ms = (self.host.clock.time() - begun) * 1000
        return await self._written(outcome.model_copy(update={"duration_ms": took_ms}), request)

    async def _written(self, outcome: Outcome, request: ApprovalRequest) -> Outcome:
        return await self.host.trail.ended(outcome, request, self.host.servers[outcome.call.server])

    def _left(self, base: Outcome, sent: _Sent, error: asyncio.CancelledError) -> Outcome | None:
        """Keep what is known of a change whose caller was stopped."""
        if sent.outcome:
            note = f"stopped before it was verified; {sent.outcome.message}".rstrip("; ")
            return sent.outcome.model_copy(update={"message": note})
        if sent.approved:
            where = f"ask nb.outcome({sent.reference!r})" if sent.reference else "look at the state"
            error.add_note(f"{base.summary} was handed to its server, which goes on with it: {where}")
            note = f"stopped before its answer came: {where}"
            return base.model_copy(update={"reference": sent.reference, "message": note})
        return None

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
            self.say(f"{base.summary}: approved by {decided.decider}, carrying it out")
            return Answered(approve=True, grant=decided.grant)

        call, preview = request.proposal.sent, request.proposal.preview
        longest = preview.change.timeout_s if preview else None
        try:
            result = await self.host.change(
                call,
                approve,
                timeout_s=longest + _HEAR_OF_IT_S if longest else None,
                on_progress=self.say,
            )
        except CodenbError as error:
            return await self._not_answered(base, error, sent, request.proposal.undo)
        known: dict[str, Any] = {"status": "applied", "reference": sent.reference}
        if preview is not None:
            told = _told(result.data)
            if told is None:
                fault = ProtocolFault(f"{call.server} did not say what it did")
                return await self._not_answered(base, fault, sent, request.proposal.undo)
            known |= _as_told(told) | {"reference": sent.reference or told.reference}
        else:
            known |= {"answer": _bounded(result), "undo": request.proposal.undo}
        return base.model_copy(update=known)

    async def _not_answered(self, base: Outcome, error: CodenbError, sent: _Sent, undo: ToolCall | None) -> Outcome:
        """What an error says about the change; where it leaves that open, what the server kept."""
        if not sent.approved:
            reason = line(error)
            if sent.other:
                reason = f"approved was another state than {sent.other[:16]}: it moved while you decided; try again"
            return base.model_copy(update={"status": "refused", "message": f"{reason}; {NOTHING_CHANGED}"})
        sent.reference = sent.reference or error.reference
        known = _from_error(error, undo) | {"reference": sent.reference}
        if error.outcome:
            return base.model_copy(update=known)
        answered = "status" in known
        if sent.reference:
            try:
                within_s = _ANSWERED_S if answered else _LOST_S
                preview = await kept(self.host, sent.reference, server=base.call.server, within_s=within_s)
            except CodenbError as lost:
                known["message"] += f"; {line(lost)}"
            else:
                if told := preview.outcome:
                    known |= _as_told(told)
                    known["message"] = told.message or "its answer was lost, but its server keeps what came of it"
                elif not answered:
                    known["message"] += f"; {how_far(preview)}"
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


def _from_error(error: CodenbError, undo: ToolCall | None) -> dict[str, Any]:
    """What an error alone says of a change that was approved."""
    known: dict[str, Any] = {"message": line(error)}
    if error.outcome:
        known["status"] = error.outcome
    elif isinstance(error, ChangeError | AccessError | ToolError):
        known["status"] = "failed" if isinstance(error, ToolError) else "refused"
    if isinstance(error, ChangeFailed):
        known["answer"] = error.answer
    if known.get("status") != "refused" and not isinstance(error, AccessError):
        known["undo"] = undo  # something was written, or may have been
    return known


def _told(data: Any) -> Outcome | None:
    """What a server of codenb's kind says it did."""
    try:
        return Outcome.from_dict(data)
    except BadInput:
        return None


def _as_told(told: Outcome) -> dict[str, Any]:
    """What is taken over of it: whether a change is verified is not the server's to say."""
    status = told.status if told.status in _NOT_DONE else "applied"
    return {"status": status, "message": told.message, "answer": told.answer, "undo": told.undo}


def _bounded(result: ToolResult) -> JsonValue:
    """What a third-party tool answered: all that is known of what it did."""
    if result.data is None or isinstance(result.data, str):
        text = result.text or result.data or ""
    elif len(text := as_yaml(result.data)) <= _LONGEST_ANSWER:
        return result.data
    if len(text) > _LONGEST_ANSWER:
        return f"{text[:_LONGEST_ANSWER]}… ({len(text) - _LONGEST_ANSWER:,} further characters)"
    return text or None


def title(proposal: Proposal) -> str:
    """What a proposal would do, in one line."""
    return proposal.preview.change.summary if proposal.preview else str(proposal.call)


def shown_call(host: Host, proposal: Proposal) -> ToolCall:
    """The call as it may be kept in records: without secrets among its arguments."""
    if proposal.preview:
        return proposal.preview.call
    return proposal.call.model_copy(update={"arguments": host.redactor.value(proposal.call.arguments)})


def without_grant(decided: Decision) -> Decision:
    """The decision as it is kept: a signed approval that was not used could still be."""
    return decided.model_copy(update={"grant": ""})


def line(error: BaseException) -> str:
    """An error's message without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
