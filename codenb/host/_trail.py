"""The host's part of the audit log: what was decided, what was denied here, and changes of servers that keep no log.

A server of codenb's kind writes down its own changes. Of any other the host does, before it sends one and after. In a
replay nothing happens, so nothing is written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from codenb.access import AuditEvent, AuditKind, AuditLog, Denials, without_entry
from codenb.errors import AccessError, ChangeError, ConfigError
from codenb.host._elicit import Answered, Approve, Ask, is_yes
from codenb.host._records import TRACE_ID, Entry
from codenb.models.change import ToolCall
from codenb.models.outcome import Outcome

if TYPE_CHECKING:
    from codenb.config import ServerSettings
    from codenb.models.outcome import Decision
    from codenb.models.preview import ApprovalRequest
    from codenb.models.target import Place

_log = logging.getLogger("codenb.host")

_ONLY_HERE = frozenset({"verified", "applied_not_verified"})
_WRITTEN_THERE = frozenset({"applied", "failed", "refused"})


class Trail:
    """Writes for one host."""

    def __init__(self, log: AuditLog, principal: str, playing: Callable[[], bool]) -> None:
        """Prepare; nothing is written yet.

        Args:
            log: Of the project.
            principal: Who calls.
            playing: Whether this is a replay.
        """
        self._audit = log
        self._principal = principal
        self._playing = playing
        self._denials = Denials(lambda: log)

    async def decided(self, request: ApprovalRequest, decision: Decision, note: str) -> None:
        """An approver has spoken; where it has not, nothing is written.

        Args:
            request: What it was asked.
            decision: What it said.
            note: Why that does not count, where it does not.

        Raises:
            ConfigError: It could not be written, so nothing may follow from it.
        """
        proposal = request.proposal
        if decision.pending:
            return
        known = Outcome(
            status="unknown",
            call=proposal.preview.call if proposal.preview else proposal.call,
            summary=proposal.preview.change.summary if proposal.preview else "",
            message=note,
            reference=proposal.preview.reference if proposal.preview else request.digest,
            decision=decision,
        )
        await self._write(self._about("decided", known, request.place))

    async def ended(self, outcome: Outcome, request: ApprovalRequest, server: ServerSettings) -> Outcome:
        """What came of a proposal, as far as nobody else has written it into this log.

        Args:
            outcome: As it is known here.
            request: What was approved.
            server: Whose tool was called.

        Returns:
            The outcome, with a note where it could not be written.
        """
        third_party = request.proposal.preview is None
        there = _WRITTEN_THERE if server.transport == "builtin" else frozenset[str]()
        if outcome.status not in _ONLY_HERE and (third_party or outcome.status in there):
            return outcome
        if problem := await self._tried(self._about(outcome.status, outcome, request.place)):
            return without_entry(outcome, problem)
        return outcome

    async def denied(self, entry: Entry, error: AccessError) -> None:
        """A call was not let through by this host."""
        event = AuditEvent(
            kind="denied",
            source="host",
            principal=self._principal,
            server=entry.server,
            tool=entry.tool,
            message=str(error),
            trace_id=TRACE_ID.get(),
        )
        await self._tried(event, self._denials.append)

    def carrying(self, entry: Entry, call: ToolCall, server: ServerSettings) -> Carrying:
        """Follow one change of a third-party tool.

        Args:
            entry: Its record.
            call: What is called.
            server: Whose tool it is.
        """
        place = server.shown or "in process"

        def event(kind: AuditKind, message: str) -> AuditEvent:
            return AuditEvent(
                kind=kind,
                source="host",
                principal=self._principal,
                place=place,
                server=call.server,
                tool=call.tool,
                call=str(call),
                message=message,
                trace_id=TRACE_ID.get(),
            )

        return Carrying(self, entry, event)

    async def approved(self, event: AuditEvent) -> None:
        """A change is about to be sent.

        Raises:
            ConfigError: It could not be written, so it may not be sent.
        """
        await self._write(event)

    async def carried(self, event: AuditEvent) -> None:
        """What came of one that was sent."""
        await self._tried(event)

    def _about(self, kind: AuditKind, outcome: Outcome, place: Place) -> AuditEvent:
        return AuditEvent.of(kind, "host", outcome, place, principal=self._principal, trace_id=TRACE_ID.get())

    async def _write(self, event: AuditEvent) -> None:
        if self._playing():
            return
        try:
            await asyncio.to_thread(self._audit.append, event)
        except ConfigError as error:
            raise ConfigError(f"{error}; a change that cannot be recorded is not made") from error

    async def _tried(self, event: AuditEvent, write: Callable[[AuditEvent], Any] | None = None) -> str:
        """Write, and return why that did not work: what it tells of has happened already."""
        if self._playing():
            return ""
        try:
            await asyncio.to_thread(write or self._audit.append, event)
        except ConfigError as error:
            what = f"{event.server}.{event.tool}"
            _log.error("that %s was %s could not be written to the audit log: %s", what, event.kind, error)
            return str(error)
        return ""


@dataclass
class Carrying:
    """One change of a third-party tool on its way.

    Attributes:
        trail: Where it is written.
        entry: The change's record.
        event: Makes an event about it.
    """

    trail: Trail
    entry: Entry
    event: Callable[[AuditKind, str], AuditEvent]
    _approved: bool = field(default=False, init=False)

    def asking(self, approve: Approve) -> Approve:
        """An approver whose yes is written down before it counts."""

        async def asked(ask: Ask) -> Answered | bool | None:
            answer = await approve(ask)
            if is_yes(answer) and not self._approved:
                await self.trail.approved(self.event("approved", ""))
                self._approved = True
            return answer

        return asked

    async def ended(self, failure: BaseException | None) -> None:
        """Write what came of it, where it was approved."""
        if self._approved:
            await self.trail.carried(self.event(self._kind(failure), str(failure or "")))

    def _kind(self, failure: BaseException | None) -> AuditKind:
        if failure is None:
            return "applied"
        if self.entry.in_doubt:
            return "unknown"
        return "refused" if isinstance(failure, AccessError | ChangeError) else "failed"
