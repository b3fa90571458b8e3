"""Server-side apply: what the API server answers to it, and who it says owns a field.

Applying says what a manager wants of an object, and the server keeps the book of who wants which field. Two who want
different values of one field are a conflict, which the server names field by field instead of letting the last one win.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FIELD_MANAGER = "codenb"
APPLY = "application/apply-patch+yaml"

_WHO = re.compile(r'conflict with "(?P<manager>[^"]*)"(?: with subresource "(?P<subresource>[^"]*)")?')


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field that somebody else set to another value.

    Attributes:
        field: Its path, such as `.spec.replicas`.
        manager: Name of the manager that owns it.
        subresource: Through which it was set, such as `scale`; empty for the object itself.
    """

    field: str
    manager: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of one apply.

    Attributes:
        resource: The object as it is (or would be) afterwards; None where there are conflicts.
        created: Whether it was not there before.
        conflicts: Fields of others; where there are any, nothing was written.
    """

    resource: dict[str, Any] | None
    created: bool = False
    conflicts: tuple[FieldConflict, ...] = ()


def conflicts_of(status: int, body: Any) -> tuple[FieldConflict, ...]:
    """The conflicts that an answer names; none for any other refusal, such as an outdated resourceVersion.

    Args:
        status: HTTP status.
        body: The `Status` object.
    """
    if status != 409 or not isinstance(body, Mapping):  # noqa: PLR2004  HTTP: Conflict
        return ()
    causes = (body.get("details") or {}).get("causes") or []
    return tuple(_conflict(one) for one in causes if one.get("reason") == "FieldManagerConflict")


def _conflict(cause: Mapping[str, Any]) -> FieldConflict:
    match = _WHO.search(str(cause.get("message") or ""))
    return FieldConflict(
        field=str(cause.get("field") or ""),
        manager=match["manager"] if match else str(cause.get("message") or "another manager"),
        subresource=(match["subresource"] or "") if match else "",
    )
