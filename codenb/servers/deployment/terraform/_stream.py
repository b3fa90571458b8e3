"""What the program says while it works: the lines of `-json`, read as progress, diagnostics and what was done.

The format is OpenTofu's and Terraform's "Machine-Readable UI", version 1; a line that is not JSON is one of a wrapper
and is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from codenb.servers._base._progress import progress

_MOST = 200
"""Diagnostics that are kept; a person reads the first few."""

_TOLD = {
    "refresh_start", "planned_change", "resource_drift", "apply_start", "apply_progress", "apply_complete",
    "apply_errored", "provision_progress", "change_summary",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error or warning.

    Attributes:
        severity: `error` or `warning`.
        summary: Its headline.
        detail: The explanation, of several lines.
        place: `file:line:column`, where it is about a line.
        address: The resource, where it is about one.
    """

    severity: str
    summary: str
    detail: str = ""
    place: str = ""
    address: str = ""

    @property
    def line(self) -> str:
        """All of it in one line."""
        words = " ".join(f"{self.summary}: {self.detail}".split()) if self.detail else self.summary
        return f"{self.place}: {words}" if self.place else words


@dataclass(slots=True)
class Stream:
    """What one run has said so far.

    Attributes:
        clean: Takes the secrets out of a line.
        total: How many resources it has to change; None while that is not known.
        diagnostics: Errors and warnings, the first of many.
        begun: What it is doing, by address: the action.
        applied: What it has done, by address: the action, or both of a replacement.
        failed: What did not work, by address.
        ended: Whether it came to its summary.
    """

    clean: Callable[[str], str]
    total: int | None = None
    diagnostics: list[Diagnostic] = field(default_factory=list)
    begun: dict[str, str] = field(default_factory=dict)
    applied: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    ended: bool = False

    @property
    def errors(self) -> list[Diagnostic]:
        """The diagnostics that are errors."""
        return [one for one in self.diagnostics if one.severity == "error"]

    @property
    def warnings(self) -> list[Diagnostic]:
        """The diagnostics that are warnings."""
        return [one for one in self.diagnostics if one.severity == "warning"]

    async def heard(self, text: str) -> None:
        """Read a line and pass it on as progress."""
        said = self.read(text)
        if said and said.get("type") in _TOLD:
            done = len(self.applied) if self.total is not None else None
            await progress(self.clean(str(said.get("@message", ""))), done, self.total)

    def read(self, text: str) -> dict[str, Any] | None:
        """Read a line; None where it is none of the program's."""
        try:
            said = json.loads(text)
        except ValueError:
            return None
        if not isinstance(said, dict):
            return None
        kind = said.get("type")
        if kind == "diagnostic":
            self._diagnosed(said.get("diagnostic") or {})
        elif kind == "change_summary":
            self.ended = said.get("changes", {}).get("operation") != "plan" or self.ended
        elif kind in ("apply_start", "apply_complete", "apply_errored"):
            self._applying(kind, said.get("hook") or {})
        return said

    def _applying(self, kind: str, hook: dict[str, Any]) -> None:
        address, action = str(hook.get("resource", {}).get("addr", "")), str(hook.get("action", ""))
        if kind == "apply_start":
            self.begun[address] = action
            return
        self.begun.pop(address, None)
        if kind == "apply_errored":
            self.failed[address] = action
        else:  # a replacement is a deletion and a creation, in either order
            self.applied[address] = ", ".join(filter(None, [self.applied.get(address), action]))

    def _diagnosed(self, said: dict[str, Any]) -> None:
        if len(self.diagnostics) >= _MOST:
            return
        at = said.get("range") or {}
        start = at.get("start") or {}
        place = f"{at['filename']}:{start.get('line', 1)}:{start.get('column', 1)}" if at.get("filename") else ""
        self.diagnostics.append(
            Diagnostic(
                severity=str(said.get("severity", "error")),
                summary=self.clean(str(said.get("summary", ""))),
                detail=self.clean(str(said.get("detail", ""))),
                place=place,
                address=str(said.get("address", "")),
            )
        )
