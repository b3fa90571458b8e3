"""Decisions made beforehand, for runs where nobody sits.

The file is JSON, made to be edited by hand: a list of decisions, or a `pending.json` with its decisions filled in.

    [
      {
        "approve": true,
        "digest": "64 hexadecimal digits, from the preview",
        "by": "who decided",
        "at": "2026-03-01T12:00:00Z",
        "expires_at": "2026-03-02T12:00:00Z",
        "reason": "in their words"
      }
    ]

A decision counts for the one digest that it names, until it expires; an approval has to say when that is. Where two
decisions name one digest, a reject wins. `"approve": null` is nothing decided yet. Whoever can write the file can name
anybody in it, so `by` is shown as not proved.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from codenb.actions._approver import Approver
from codenb.actions._pending import none
from codenb.errors import BadInput, ConfigError
from codenb.models import ApprovalRequest, Decision

_MAX_BYTES = 4_000_000
_DIGEST = re.compile(r"[0-9a-f]{64}")
_OURS = {"approver": "decisions", "proof": "name"}


def decisions(path: Path | str, *, otherwise: Approver | None = None) -> Approver:
    """Answer from a file of decisions.

    Args:
        path: The file; read again for each request, so that it can be completed while a run waits.
        otherwise: Answers what the file has no decision for; by default `none()`, which writes the request down.

    Raises:
        ConfigError: The file cannot be read, or an entry is not a decision.
    """
    return _Recorded(Path(path), otherwise or none())


class _Recorded:
    def __init__(self, path: Path, otherwise: Approver) -> None:
        self._path = path
        self._otherwise = otherwise
        read(path)  # what is wrong with it is said before the run, not in its middle

    async def decide(self, request: ApprovalRequest) -> Decision:
        now = datetime.now(UTC)
        mine = [one for one in read(self._path) if one.digest == request.digest]
        valid = [one for one in mine if one.expires_at is None or one.expires_at > now]
        if not valid:
            return await self._otherwise.decide(request)
        return next((one for one in valid if not one.approve), valid[-1])

    def __repr__(self) -> str:
        return f"decisions({str(self._path)!r})"


def read(path: Path) -> list[Decision]:
    """The decisions in a file; entries that decide nothing yet are left out.

    Raises:
        ConfigError: It cannot be read, is not JSON, or an entry is not a decision; the message names the entry.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path} is larger than {_MAX_BYTES:,} bytes: a file of decisions is not")
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"the decisions {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the decisions {path} are not JSON: {error}") from error
    entries = data.get("decisions") if isinstance(data, dict) else data
    if not isinstance(entries, list):
        raise ConfigError(f"{path} is no list of decisions: see the documentation of codenb.decisions")
    return [
        _decision(entry, f"{path}, decision {number}")
        for number, entry in enumerate(entries, start=1)
        if not (isinstance(entry, dict) and "approve" in entry and entry["approve"] is None)
    ]


def _decision(entry: Any, where: str) -> Decision:
    if not isinstance(entry, dict):
        raise ConfigError(f"{where} is no object")
    if not isinstance(entry.get("approve"), bool):
        raise ConfigError(f'{where}: "approve" is true, false, or null for not decided yet')
    try:
        made = Decision.from_dict(entry | _OURS, what=where)
    except BadInput as error:
        raise ConfigError(str(error)) from error
    if not _DIGEST.fullmatch(made.digest):
        raise ConfigError(f'{where}: "digest" has 64 hexadecimal digits; copy it from the preview')
    if not made.by.strip():
        raise ConfigError(f'{where}: "by" is empty: write who decided')
    if made.approve and made.expires_at is None:
        raise ConfigError(f'{where}: an approval needs "expires_at", such as "2026-03-02T12:00:00Z"')
    if any(moment is not None and moment.tzinfo is None for moment in (made.at, made.expires_at)):
        raise ConfigError(f'{where}: times need a zone: end them with "Z" for UTC')
    return made
