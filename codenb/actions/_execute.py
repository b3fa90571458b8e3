"""Takes proposals one after the other: looks again, asks, has them carried out.

Nothing is carried out that was not looked at just before, asked about, and approved by its digest; and nothing follows
a step that did not succeed.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from codenb.actions._approver import Approver, by_configuration, objection
from codenb.actions._carry import NOTHING_CHANGED, Carrier, line, shown_call, title, without_grant
from codenb.actions._difference import difference
from codenb.actions._outcomes import DONE, Outcomes
from codenb.actions._proof import proved
from codenb.actions._propose import place_without_preview, previewed
from codenb.actions._verify import check
from codenb.errors import BadInput, CodenbError, ConfigError
from codenb.models import ApprovalRequest, Change, ContextBundle, Decision, Outcome, Proposal

if TYPE_CHECKING:
    from codenb.host import Host

_REPLAYED = "This is a replay of a recording: nothing is changed, whatever is decided."
_MOVED = "This is not what was shown before: the state has moved since. Look at it again."


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
        BadInput: These are no proposals, or this is no approver: said before anything is looked at or asked. Or the
            approver answered with something that is not a decision.
        asyncio.CancelledError: Stopped. What had been handed to a server is carried on with there; its outcome is
            `unknown` in `into`, and `settled` tells it by its reference.
    """
    _check(proposals, approver)
    outcomes = Outcomes() if into is None else into
    outcomes.replayed = host.cassette.plays
    run = _Execution(host, approver, on_progress or (lambda _text: None), outcomes)
    if outcomes.replayed and proposals:
        run.say(_REPLAYED)
    for at, proposal in enumerate(proposals):
        await run.next(proposal, proposals[at + 1 :])
    if gather is not None and run.changed:
        run.say("gathering again")
        outcomes.context = await gather()
        outcomes.difference = difference(before, outcomes.context) if before else ()
    return outcomes


def _check(proposals: Sequence[Any], approver: Any) -> None:
    for one in proposals:
        if not isinstance(one, Proposal):
            raise BadInput(
                f"execute takes proposals, and was given a {type(one).__name__}: give answer.proposals,"
                " or what nb.propose(...) returned"
            )
    decide = None if isinstance(approver, type) else getattr(approver, "decide", None)
    if not inspect.iscoroutinefunction(decide):
        raise BadInput(
            f"{approver!r} is no approver, which has `async def decide(request)`: give codenb.ask_me(),"
            " codenb.decisions(file), codenb.approver(), or None to have written down what waits"
        )


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
        name = title(proposal)
        if proposal.group in self.chosen:
            taken = f"not needed: its alternative is done: {self.chosen[proposal.group or '']}"
            self.outcomes.append(self._refused(proposal, taken))
            return
        if self.stopped and not self.waiting:
            self.outcomes.append(self._refused(proposal, f"not tried: {self.stopped}"))
            return
        self.say(f"{name}: looking again")
        outcome = await self._one(proposal)
        self.outcomes.append(outcome)
        self.say(f"{name}: {outcome.status}" + (f", {outcome.message}" if outcome.message else ""))
        if outcome.status in DONE and proposal.group:
            self.chosen[proposal.group] = name
        has_alternative = proposal.group is not None and any(one.group == proposal.group for one in later)
        rejected = outcome.status == "refused" and outcome.decision is not None and not outcome.pending
        if outcome.status in DONE or (rejected and has_alternative) or self.stopped:
            return
        self.waiting = outcome.pending
        self.stopped = f"{name} came before it and is {'waiting' if outcome.pending else outcome.status}"

    async def _one(self, proposal: Proposal) -> Outcome:
        try:
            request = await self._request(proposal)
        except CodenbError as error:
            return self._refused(proposal, f"{line(error)}; {NOTHING_CHANGED}")
        if unasked := await self._without_asking(request.proposal):
            return unasked
        try:
            decided = by_configuration(self.host, request) or await self.approver.decide(request)
            if isinstance(decided, Decision):
                decided = await proved(self.host.settings, request, decided)
        except CodenbError as error:  # Ctrl-C at the question, too: what was done before it must not be lost
            return self._refused(request.proposal, f"{line(error)}; {NOTHING_CHANGED}")
        if not isinstance(decided, Decision):
            raise BadInput(f"the approver {self.approver!r} answered with a {type(decided).__name__}, not a Decision")
        if problem := await self._decided(request, decided):
            message = f"{problem}; {NOTHING_CHANGED}"
            return self._refused(request.proposal, message, decision=decided, pending=decided.pending)
        if self.stopped:  # asked only so that whoever decides has all that waits in one place
            return self._refused(request.proposal, f"not tried: {self.stopped}", decision=decided, pending=True)
        outcome = await Carrier(self.host, self.say, self.outcomes).carry_out(request, decided)
        self.changed = self.changed or outcome.status != "refused"
        return outcome

    async def _decided(self, request: ApprovalRequest, decided: Decision) -> str:
        """Tell the audit log and a recording what was decided; in a replay it has to be what was decided then.

        Returns:
            Why nothing may follow from it; empty where it may.
        """
        call = request.proposal.call
        said = "approved" if decided.approve else "left open" if decided.pending else "rejected"
        self.host.metrics.decided(call.server, decided)
        await self.host.cassette.decided(call.server, call.tool, request.digest, said, decided.decider)
        problem = objection(request, decided)
        try:
            note = f"not tried: {self.stopped}" if self.stopped else ""
            await self.host.trail.decided(request, decided, problem or note)
        except ConfigError as error:
            return line(error)
        return problem

    async def _request(self, proposal: Proposal) -> ApprovalRequest:
        """The proposal as things stand now, not as they stood when it was made."""
        preview = await previewed(self.host, proposal.sent, self.say)
        shown = proposal.preview
        moved = shown is not None and preview is not None and shown.digest != preview.digest
        notes = tuple(note for note, holds in ((_REPLAYED, self.host.cassette.plays), (_MOVED, moved)) if holds)
        changes: dict[str, Any] = {"preview": preview, "problem": None}
        if preview and (proposal.success is None or (shown and proposal.success == shown.change.success)):
            changes["success"] = preview.change.success
        if preview and (proposal.undo is None or (shown and proposal.undo == shown.change.undo)):
            changes["undo"] = preview.change.undo
        now = proposal.model_copy(update=changes)
        place = preview.place if preview else place_without_preview(self.host, proposal.call)
        return ApprovalRequest(proposal=now, place=place, asked_at=self.host.clock.now(), notes=notes)

    async def _without_asking(self, proposal: Proposal) -> Outcome | None:
        """What comes of a change that would be refused whoever approves it, or that is made already."""
        preview = proposal.preview
        if preview and preview.refusal:
            return self._refused(proposal, preview.refusal)
        if not (preview and _changes_nothing(preview.change)):
            return None
        already = self._refused(proposal, f"nothing would change: it is already so; {NOTHING_CHANGED}")
        if proposal.success is None:
            return already
        found = await check(self.host, proposal.success)
        if found.holds:
            told = {"status": "verified", "message": "already so: nothing was sent"}
            return already.model_copy(update=told | {"before": found.answer, "after": found.answer})
        missing = f"nothing would change: it is already so, and yet not so: {proposal.success.text}: {found.missing}"
        return already.model_copy(update={"message": missing, "before": found.answer, "after": found.answer})

    def _refused(
        self, proposal: Proposal, message: str, *, decision: Decision | None = None, pending: bool = False
    ) -> Outcome:
        return Outcome(
            status="refused",
            call=shown_call(self.host, proposal),
            summary=title(proposal),
            message=message,
            decision=without_grant(decision) if decision else None,
            group=proposal.group,
            pending=pending,
        )


def _changes_nothing(change: Change) -> bool:
    """Whether the state is as it would be; a change that shows no state, or that loses something, may do more."""
    return change.before == change.after and change.before is not None and not change.destructive
