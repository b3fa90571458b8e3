"""Carrying out an approved change: consume the approval, look again, write, and keep what came of it.

From the moment the approval is consumed the work belongs to a task of its own: a caller who cancels or disconnects
no longer stops it, and its outcome is kept under the preview's reference, where it can be asked for.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import anyio
from pydantic import JsonValue

from codenb.canonical import canonical_json
from codenb.errors import (
    AccessError,
    AnswerTooLarge,
    BadInput,
    ChangeFailed,
    ChangesOff,
    CodenbError,
    ConfigError,
    Conflict,
    ConnectionLost,
    DeadlineExceeded,
    PreviewStale,
    ProtocolFault,
)
from codenb.models.outcome import Decision, Outcome, OutcomeStatus
from codenb.models.preview import Preview
from codenb.servers._base._answers import NotApplied, one_line, ours, said
from codenb.servers._base._auditing import Auditor
from codenb.servers._base._hiding import Hiding, hidden
from codenb.servers._base._memory import Memory
from codenb.servers._base._moved import what_moved
from codenb.servers._base._plans import ChangeTool, Planner
from codenb.servers._base._store import Claim, PreviewStore

TRIES = 3

_ANSWER_BYTES = 100_000

_LOST = (ConnectionLost, DeadlineExceeded, ProtocolFault, AnswerTooLarge)
"""Errors of a write that may have been made all the same."""

_RUNNING: set[asyncio.Task[Any]] = set()
"""Held here, because an event loop holds its tasks only weakly."""


@dataclass(slots=True)
class _Attempt:
    """One change on its way, so that whoever ends it knows how far it came."""

    claim: Claim
    started_at: datetime
    redactor: Hiding
    decision: Decision | None
    writing: bool = False

    @property
    def preview(self) -> Preview:
        return self.claim.preview

    def outcome(
        self, status: OutcomeStatus, *, message: str = "", answer: JsonValue = None, written: bool = False
    ) -> Outcome:
        return Outcome(
            status=status,
            call=self.preview.call,
            summary=self.preview.change.summary,
            message=message,
            reference=self.preview.reference,
            started_at=self.started_at,
            duration_ms=(datetime.now(UTC) - self.started_at).total_seconds() * 1000,
            answer=answer,
            undo=self.preview.change.undo if written else None,
            decision=self.decision,
        )

    def shown(self, answer: JsonValue) -> JsonValue:
        """What the system answered, without secrets; where it cannot be kept that is said, the change being made."""
        redacted: JsonValue = self.redactor.value(answer)
        try:
            size = len(canonical_json(redacted))
        except BadInput as error:
            return f"not kept: {error}"
        return redacted if size <= _ANSWER_BYTES else f"{size:,} bytes, not kept"

    def failure(self, error: BaseException) -> Outcome:
        """What is known of the change after this error."""
        reason = ours(error)
        message = one_line(self.redactor.text(said(reason, self.preview.call.tool)[0]))
        if not self.writing or isinstance(reason, Conflict):
            return self.outcome("refused", message=message)
        if isinstance(reason, ChangeFailed):
            return self.outcome("failed", message=message, answer=self.shown(reason.answer), written=True)
        if isinstance(reason, CodenbError) and not isinstance(reason, _LOST):
            return self.outcome("failed", message=message, written=not isinstance(reason, AccessError | BadInput))
        return self.outcome(
            "unknown",
            message=f"{message}; it is not known whether the change was made: read {self.preview.change.entity} back "
            f"before trying again",
            written=True,
        )


@dataclass(slots=True)
class Carrier:
    """Carries out the approved changes of one server.

    Attributes:
        planner: Looks again before each write.
        store: Where the approvals are consumed.
        timeout_s: How long carrying one out may take; None is as configured.
        log: Where it is said when an outcome could not be kept.
        auditor: Writes down what is made, before it is made.
        memory: Keeps what came of it.
    """

    planner: Planner
    store: PreviewStore
    timeout_s: float | None
    log: logging.Logger
    auditor: Auditor
    memory: Memory
    _running: set[asyncio.Task[Any]] = field(default_factory=set, init=False)

    async def carry_out(
        self,
        tool: ChangeTool,
        arguments: Mapping[str, Any],
        slot: str,
        reference: str,
        decision: Decision | None = None,
        *,
        grant: str = "",
    ) -> Outcome:
        """Consume an approval and apply its change.

        Args:
            tool: Which.
            arguments: Validated, the same that were previewed.
            slot: Of the call.
            reference: `DIGEST.ID`, approved.
            decision: Who approved it, as far as this server knows that: by its own configuration, or by a grant.
            grant: Id of the grant; it is consumed together with the preview.

        Raises:
            PreviewUsed: It was consumed before.
            PreviewStale: It expired.
            GrantRejected: The grant was consumed before.
            NotApplied: It was consumed and tried, and is not known to have been made; the cause says why.
        """
        task = asyncio.create_task(self._carry_out(tool, arguments, slot, reference, decision=decision, grant=grant))
        for running in (self._running, _RUNNING):
            running.add(task)
        task.add_done_callback(self._ended)
        outcome, error = await asyncio.shield(task)
        if error is not None:
            raise NotApplied(outcome) from error
        return outcome

    async def drain(self) -> None:
        """Wait for every change that is being carried out; being cancelled meanwhile does not shorten it."""
        cancelled: asyncio.CancelledError | None = None
        with anyio.CancelScope(shield=True):
            while self._running:
                try:
                    await asyncio.wait(self._running)
                except asyncio.CancelledError as error:
                    cancelled = error
        if cancelled is not None:
            raise cancelled

    async def settle_killed(self, preview: Preview, outcome: Outcome) -> Outcome:
        """Keep what the state tells of a change whose process was killed; of several who read it, the first does."""
        if await self.store.settle_killed(preview, outcome):
            outcome = await self.auditor.ended(preview, outcome)
            await self._tried(self.memory.keep(preview, outcome), outcome)
        return outcome

    def _ended(self, task: asyncio.Task[Any]) -> None:
        for running in (self._running, _RUNNING):
            running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it; where nobody waits any more, nothing was consumed

    async def _carry_out(
        self,
        tool: ChangeTool,
        arguments: Mapping[str, Any],
        slot: str,
        reference: str,
        *,
        decision: Decision | None,
        grant: str,
    ) -> tuple[Outcome, Exception | None]:
        settings = self.planner.settings()
        claim = await self.store.claim(reference, slot, grant)
        attempt = _Attempt(claim, datetime.now(UTC), hidden(settings.redactor()), decision)
        timeout_s = claim.preview.change.timeout_s or self.timeout_s or settings.limits.change_timeout_s
        problem: Exception | None = None
        try:
            async with asyncio.timeout(timeout_s) as deadline:
                await self.auditor.approved(attempt.preview, decision)
                answer = await self._applied(attempt, tool, arguments)
            outcome = attempt.outcome("applied", answer=answer, written=True)
        except Exception as error:  # noqa: BLE001  a write may raise anything; what is known of it must be kept
            problem = error
            if deadline.expired():
                problem = DeadlineExceeded(f"{tool.name} was not done within {timeout_s:g} s")
            outcome = attempt.failure(problem)
        except BaseException:  # cancelled with its loop, or interrupted
            await self._settle(attempt, attempt.failure(DeadlineExceeded("the server was stopped")))
            raise
        return await self._settle(attempt, outcome), problem

    async def _applied(self, attempt: _Attempt, tool: ChangeTool, arguments: Mapping[str, Any]) -> JsonValue:
        approved = attempt.preview
        for left in range(TRIES - 1, -1, -1):
            attempt.writing = False
            plan = await self.planner.plan(tool, arguments, approved.change.fixed)
            if refusal := self.planner.refusal(plan):
                raise ChangesOff(refusal)
            if plan.digest != approved.digest:
                moved = what_moved(approved, self.planner.preview(plan))
                raise PreviewStale(f"since it was approved, this moved: {moved}; nothing was changed, preview again")
            write = plan.change.write
            assert write is not None
            attempt.writing = True
            try:
                answer = await write()
            except Conflict:
                if not left:
                    raise
            else:
                return attempt.shown(answer)
        raise AssertionError("the last try returns or raises")

    async def _settle(self, attempt: _Attempt, outcome: Outcome) -> Outcome:
        """Keep what came of a change: what was done was done, and its caller hears of it even where that fails."""
        outcome = await self.auditor.ended(attempt.preview, outcome)
        await self._tried(self.store.settle(attempt.claim, outcome), outcome)
        await self._tried(self.memory.keep(attempt.preview, outcome), outcome)
        return outcome

    async def _tried(self, keeping: Awaitable[None], outcome: Outcome) -> None:
        try:
            await keeping
        except (ConfigError, sqlite3.Error):
            self.log.exception("the outcome of %s could not be kept", outcome.reference)
