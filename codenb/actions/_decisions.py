"""Decisions made beforehand, for runs where nobody sits.

Where two decisions name one digest, a reject wins. Whoever can write the file can name anybody in it, so `by` is shown
as not proved, unless the decision is signed and the key is known (`[approval.keys]`).
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from codenb.actions._approver import Approver
from codenb.actions._pending import none, passed_on
from codenb.actions._recorded import entries, is_open, read
from codenb.models import ApprovalRequest, Decision


def decisions(path: Path | str, *, otherwise: Approver | None = None) -> Approver:
    """Answer from a file of decisions, made beforehand and by hand.

    The file is JSON: a list of decisions, or the `pending.json` of an earlier run with its decisions filled in.

        [
          {
            "approve": true,
            "digest": "d8ded718f3ddff1b...",
            "by": "who decided",
            "expires_at": "2026-03-02T12:00:00Z",
            "reason": "in their words",
            "at": "2026-03-01T12:00:00Z"
          }
        ]

    `approve` (true, false; null is not decided yet), `digest` (all 64 hexadecimal digits: `proposal.preview.digest`)
    and `by` are required, and `expires_at` for an approval. `reason` may be left out; so may `at`, which then is the
    time at which the file was written. Times need a zone. A decision counts for the one digest that it names, until it
    expires; of several for one digest, a reject wins. `grant` is the approval signed, as `codenb approve` writes it; it
    is handed to the server that checks it.

    Args:
        path: The file; read again for each request, so that it can be completed while a run waits.
        otherwise: Answers what the file has no decision for; by default nobody does, and the request is added
            to `pending.json`. Where that is this file, the decisions in it stay.

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
        mine = [one for one in await asyncio.to_thread(read, self._path) if one.digest == request.digest]
        valid = [one for one in mine if one.expires_at is None or one.expires_at > now]
        if valid:
            return next((one for one in valid if not one.approve), valid[-1])
        why = await asyncio.to_thread(self._why_none, request.digest, mine)
        return await passed_on(self._otherwise, request, why)

    def _why_none(self, digest: str, expired: list[Decision]) -> str:
        """Why the file does not decide this."""
        if expired:
            last = expired[-1]
            return f"the decision of {last.by} in {self._path} expired at {last.expires_at:%Y-%m-%d %H:%M} UTC"
        found = entries(self._path)
        if any(is_open(entry) and entry.get("digest") == digest for entry in found):
            return f"the decision in {self._path} is still open (approve is null)"
        if not found:
            return f"{self._path} holds no decision"
        many = "the one decision" if len(found) == 1 else f"none of the {len(found)} decisions"
        return f"{many} in {self._path} is {'not ' if len(found) == 1 else ''}for digest {digest[:16]}…"

    def __repr__(self) -> str:
        return f"decisions({str(self._path)!r})"
