"""No approver: nothing is approved, and what waits is written down for a person elsewhere.

A scheduled run must neither wait for ever nor go ahead because nobody said no. It leaves a file with all that a person
needs to decide, in the form in which the next run reads decisions. What a person has decided in it stays in it.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from codenb.actions._approver import Approver, decision
from codenb.actions._recorded import entries, in_force
from codenb.errors import ConfigError
from codenb.models import ApprovalRequest, Decision
from codenb.redaction import redactor

_VALID_FOR = timedelta(hours=24)
_HOW = (
    "Read the requests. In decisions, set approve to true or false, by to your name, and give a reason. "
    "Then run again with --approver and this file, with approver=codenb.decisions(this file) in a notebook, "
    "or with CODENB_DECISIONS set to this file. A decision holds for its digest only: "
    "if what would happen is no longer what is shown here, it is asked again. "
    "Where a server takes signed approvals only, `codenb approve` with this file and your key writes them."
)
_NOBODY = "nobody could be asked"


def none(path: Path | str = "pending.json") -> Approver:
    """Approve nothing, and write every request down.

    Args:
        path: The file; replaced whole at each request, so that a reader never sees half of one. Decisions that it
            holds already, and that have not expired, are kept.
    """
    return _Pending(Path(path))


async def passed_on(otherwise: Approver, request: ApprovalRequest, why: str) -> Decision:
    """What another approver says where the one that was asked decides nothing.

    Args:
        otherwise: The other.
        request: What it is asked.
        why: Why nothing was decided; it stands in the reason where the other leaves it open as well.
    """
    answer = await otherwise.decide(request)
    if not answer.pending:
        return answer
    return answer.model_copy(update={"reason": f"{why}; {answer.reason.removeprefix(f'{_NOBODY}; ')}"})


class _Pending:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._requests: dict[str, ApprovalRequest] = {}

    async def decide(self, request: ApprovalRequest) -> Decision:
        self._requests[request.digest] = request
        await asyncio.to_thread(_write, self._path, list(self._requests.values()))
        return decision(
            request,
            approve=False,
            by="nobody",
            approver="none",
            reason=f"{_NOBODY}; what waits is written in {self._path}",
            pending=True,
        )

    def __repr__(self) -> str:
        return f"none({str(self._path)!r})"


def _write(path: Path, requests: list[ApprovalRequest]) -> None:
    """Add what waits to what the file holds.

    Raises:
        ConfigError: It cannot be written, or holds what is no list of decisions: somebody's no may stand there.
    """
    before = entries(path) if path.exists() else []
    replace_file(path, _document(requests, [entry for entry in before if in_force(entry)]))


def _document(requests: list[ApprovalRequest], decided: list[dict[str, Any]]) -> dict[str, Any]:
    now = datetime.now(UTC)
    known = {entry["digest"] for entry in decided}
    return {
        "how": _HOW,
        "written_at": _time(now),
        "requests": redactor().value([request_entry(request) for request in requests]),
        "decisions": decided
        + [
            {
                "approve": None,
                "digest": request.digest,
                "by": "",
                "at": _time(now),
                "expires_at": _time(now + _VALID_FOR),
                "reason": "",
            }
            for request in requests
            if request.digest not in known
        ],
    }


def request_entry(request: ApprovalRequest) -> dict[str, Any]:
    """A request as the file holds it."""
    proposal, preview = request.proposal, request.proposal.preview
    return {
        "digest": request.digest,
        "summary": preview.change.summary if preview else str(proposal.call),
        "place": request.place.to_dict(),
        "call": (preview or proposal).call.to_dict(),  # the server's own patterns have been applied to a preview's
        "why": proposal.why,
        "proposed_by": list(proposal.proposed_by),
        "notes": list(request.notes),
        "needs_person": request.needs_person,
        "destructive": proposal.destructive,
        "alternative_in": proposal.group,
        "diff": preview.diff.splitlines() if preview else None,
        "preview": preview.to_dict() if preview else None,
        "success": proposal.success.to_dict() if proposal.success else None,
        "undo": proposal.undo.to_dict() if proposal.undo else None,
    }


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def replace_file(path: Path, document: dict[str, Any]) -> None:
    """Write beside the file and rename, so that there is always a whole one."""
    try:
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(document, file, indent=2, ensure_ascii=False)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            Path(beside).replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(beside).unlink()
            raise
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}; choose another place") from error
