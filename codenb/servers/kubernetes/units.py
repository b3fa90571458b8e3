"""Kubernetes' ways to write times, as numbers, and amounts that are to be written."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from codenb.errors import BadInput
from codenb.servers._clients.quantity import quantity

__all__ = ["age", "doubled", "moment", "quantity", "seconds"]

_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?")
_MEBI = 1024 * 1024


def seconds(text: str) -> int:
    """The length of a duration such as `90s`, `30m` or `1h30m`, in seconds.

    Raises:
        BadInput: It is none.
    """
    match = _DURATION.fullmatch(text.strip())
    if not match or not any(match.groups()):
        raise BadInput(f"{text[:40]!r} is no duration: write it like 90s, 30m, 6h or 1h30m")
    days, hours, minutes, rest = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def doubled(limit: str) -> str:
    """Twice a memory limit, rounded up to a power of two of MiB."""
    mebibytes = max(1, -(-int(quantity(limit) * 2) // _MEBI))
    size: int = 1 << (mebibytes - 1).bit_length()
    return f"{size // 1024}Gi" if size % 1024 == 0 else f"{size}Mi"


def moment(text: object) -> datetime | None:
    """A time of the API server; None where there is none."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if isinstance(text, str) and text else None
    except ValueError:
        return None  # another controller's odd annotation is no reason to answer nothing


def age(since: datetime | None, now: datetime) -> int | None:
    """Whole seconds since a moment, never negative."""
    return None if since is None else max(0, int((now - since).total_seconds()))
