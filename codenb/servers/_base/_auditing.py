"""What a server writes into the audit log: who asked it for a change, whether a yes was used up, and what came of it.

A change of which nothing could be written is not made. What was made all the same, because the disk became full in
between, is said in its outcome.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from codenb.access import AuditEvent, AuditKind, AuditLog, Denials, without_entry
from codenb.config import Settings
from codenb.errors import AccessError, CodenbError, ConfigError
from codenb.models.outcome import Decision, Outcome
from codenb.models.preview import Preview
from codenb.models.target import Place
from codenb.servers._base._answers import one_line
from codenb.servers._base._caller import caller
from codenb.servers._base._hiding import hidden


class Auditor:
    """Writes for one server."""

    def __init__(self, server: str, settings: Callable[[], Settings], log: logging.Logger) -> None:
        """Prepare; nothing is written yet.

        Args:
            server: Its name.
            settings: Say where the log is, and what is secret.
            log: Where it is said when an entry could not be written.
        """
        self._server = server
        self._settings = settings
        self._logger = log
        self._denials = Denials(self._log)

    async def asked(self, preview: Preview) -> None:
        """The question is about to be put.

        Raises:
            ConfigError: It could not be written; nothing was changed, and nobody is asked.
        """
        await self._required(self._about("asked", preview))

    async def approved(self, preview: Preview, decision: Decision | None) -> None:
        """A yes was used up, and the change is about to be made.

        Raises:
            ConfigError: It could not be written, so it may not be made.
        """
        await self._required(self._about("approved", preview, decision=decision))

    async def ended(self, preview: Preview, outcome: Outcome) -> Outcome:
        """What came of it.

        Returns:
            The outcome, with a note where this could not be written.
        """
        if problem := await self._told(self._about(outcome.status, preview, outcome=outcome)):
            return without_entry(outcome, problem)
        return outcome

    async def declined(self, tool: str, preview: Preview | None) -> None:
        """The answer was a no."""
        await self._told(self._answered("declined", tool, preview))

    async def refused(self, tool: str, preview: Preview | None, error: CodenbError) -> None:
        """An approval was not accepted: forged, used before, of something else."""
        refused = self._answered("refused", tool, preview)
        await self._told(refused.model_copy(update={"message": self._said(error)}))

    async def denied(self, tool: str, error: AccessError, place: Place | None = None) -> None:
        """A call was not allowed."""
        event = AuditEvent(
            kind="denied",
            source="server",
            principal=caller().name,
            place=str(place or ""),
            identity=place.identity if place else "",
            server=self._server,
            tool=tool,
            message=self._said(error),
        )
        await self._told(event, self._denials.append)

    def _about(
        self, kind: AuditKind, preview: Preview, *, decision: Decision | None = None, outcome: Outcome | None = None
    ) -> AuditEvent:
        if outcome is None:
            summary = preview.change.summary
            outcome = Outcome(status="unknown", call=preview.call, summary=summary, decision=decision)
        known = outcome.model_copy(update={"reference": preview.reference})
        return AuditEvent.of(kind, "server", known, preview.place, principal=caller().name)

    def _answered(self, kind: AuditKind, tool: str, preview: Preview | None) -> AuditEvent:
        """About an answer that leads to nothing, perhaps to a preview that is not known here."""
        if preview is not None:
            return self._about(kind, preview).model_copy(update={"tool": tool})
        return AuditEvent(kind=kind, source="server", principal=caller().name, server=self._server, tool=tool)

    def _log(self) -> AuditLog:
        return AuditLog.of(self._settings())

    def _said(self, error: CodenbError) -> str:
        return one_line(hidden(self._settings().redactor()).text(str(error)))

    async def _required(self, event: AuditEvent) -> None:
        try:
            await asyncio.to_thread(self._append, event)
        except ConfigError as error:
            raise ConfigError(f"{error}; a change that cannot be recorded is not made: nothing was changed") from error

    async def _told(self, event: AuditEvent, write: Callable[[AuditEvent], object] | None = None) -> str:
        """Write, and return why that did not work; what it tells of has happened, or has been prevented, already."""
        try:
            await asyncio.to_thread(write or self._append, event)
        except ConfigError as error:
            self._logger.error("%s of %s could not be written to the audit log: %s", event.kind, event.tool, error)  # noqa: TRY400  the line says it
            return one_line(str(error))
        return ""

    def _append(self, event: AuditEvent) -> None:
        self._log().append(event)
