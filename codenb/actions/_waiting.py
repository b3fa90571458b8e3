"""What waits for an approval, read back from the file that a run left, and what was decided about it, written down.

The file may have passed through many hands. What is shown to whoever signs is made anew of the preview in it, and the
preview has to be what its digest says; whatever the file claims beside that is compared with it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from codenb.actions._pending import replace_file, request_entry
from codenb.actions._recorded import document, entries, in_force, read
from codenb.errors import BadInput, ConfigError
from codenb.models import ApprovalRequest, Decision, Place, Preview, Proposal, SuccessCondition, ToolCall
from codenb.redaction import PSEUDONYM

_DERIVED = ("digest", "summary", "place", "call", "destructive", "needs_person")
_NOT_RECOMPUTED = (
    "Values are hidden here, so the digest cannot be recomputed from what is shown. What you sign names what was shown "
    "to you as well, and the server compares that with what it keeps."
)


def waiting(path: Path) -> list[ApprovalRequest]:
    """The requests in a `pending.json`, each of them checked.

    Args:
        path: As `none()` writes it.

    Raises:
        ConfigError: It cannot be read, or a request in it is not in its form, or was altered: what it shows is not what
            its digest stands for.
    """
    data = document(path)
    found = data.get("requests") if isinstance(data, dict) else None
    if not isinstance(found, list):
        raise ConfigError(f"{path} holds no requests: name the pending.json that a run without an approver has left")
    return [_request(entry, f"{path}, request {number}") for number, entry in enumerate(found, start=1)]


def require_writable(path: Path) -> None:
    """Complain about a file of decisions that could not be added to, before anybody is asked anything.

    Raises:
        ConfigError: Its folder is not there or not writable, or it holds what is no list of decisions.
    """
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigError(f"{path} cannot be written: {path.parent} is not there or not writable; choose another place")
    if path.exists():
        read(path)


def write_decisions(path: Path, decided: Sequence[Decision]) -> None:
    """Add decisions to a file, replaced whole, so that nobody ever reads half of one.

    Args:
        path: Made where there is none. Decisions of others that it holds, and that have not expired, are kept; a link
            is replaced and not followed.
        decided: What was decided; an earlier one by the same name about the same digest gives way.

    Raises:
        ConfigError: It cannot be written, or holds what is no list of decisions.
    """
    before: list[Any] = []
    rest: dict[str, Any] = {}
    if path.exists():
        before = [entry for entry in entries(path) if in_force(entry)]
        rest = data if isinstance(data := document(path), dict) else {}
    mine = {(one.digest, one.by) for one in decided}
    kept = [entry for entry in before if (entry["digest"], entry.get("by")) not in mine]
    replace_file(path, rest | {"decisions": [*kept, *map(_entry, decided)]})


def _entry(decided: Decision) -> dict[str, Any]:
    told = decided.to_dict()
    return {key: told[key] for key in ("approve", "digest", "by", "at", "expires_at", "reason", "grant")}


def _request(entry: Any, where: str) -> ApprovalRequest:
    if not isinstance(entry, dict):
        raise ConfigError(f"{where} is no object: let the run write the file again")
    try:
        request = _made(entry, where)
    except BadInput as error:
        raise ConfigError(str(error)) from error
    told = request_entry(request)
    if altered := next((key for key in _DERIVED if entry.get(key) != told[key]), None):
        raise ConfigError(f"{where} was altered: its {altered} is not that of its preview; let the run write it again")
    preview = request.proposal.preview
    if preview is None:
        return request
    if PSEUDONYM.search(str([preview.call.to_dict(), preview.change.to_dict()])):
        return request.model_copy(update={"notes": (*request.notes, _NOT_RECOMPUTED)})
    if preview.change.digest(preview.place, preview.call) != preview.digest:
        raise ConfigError(f"{where} was altered: what it shows has another digest; let the run write it again")
    return request


def _made(entry: dict[str, Any], where: str) -> ApprovalRequest:
    """The request, of its preview and of what only the run knew."""
    given = entry.get("preview")
    preview = None if given is None else Preview.from_dict(given, what=f"the preview of {where}")
    call = preview.call if preview else ToolCall.from_dict(entry.get("call"), what=f"the call of {where}")
    place = preview.place if preview else Place.from_dict(entry.get("place"), what=f"the place of {where}")
    destructive = preview.change.destructive if preview else True
    success, undo = entry.get("success"), entry.get("undo")
    proposal = Proposal(
        call=call,
        why=entry.get("why", ""),
        proposed_by=entry.get("proposed_by", ()),
        preview=preview,
        success=None if success is None else SuccessCondition.from_dict(success, what=f"the success of {where}"),
        undo=None if undo is None else ToolCall.from_dict(undo, what=f"the undo of {where}"),
        group=entry.get("alternative_in"),
        offered=destructive or not entry.get("needs_person", False),
    )
    return ApprovalRequest(proposal=proposal, place=place, asked_at=datetime.now(UTC), notes=entry.get("notes", ()))
