"""Kubernetes' ways to write amounts and times, as numbers and back.

Quantities: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

from codenb.errors import BadInput

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,3})|(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E))?")
_BINARY = {unit: Decimal(1024) ** power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)}
_DECIMAL = {
    unit: Decimal(1000) ** power
    for power, unit in zip((-3, -2, -1, 1, 2, 3, 4, 5, 6), ("n", "u", "m", "k", "M", "G", "T", "P", "E"), strict=True)
}
_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?")
_MEBI = 1024 * 1024


def quantity(text: str) -> Decimal:
    """The amount that a quantity such as `128Mi` or `500m` stands for.

    Raises:
        BadInput: It is no quantity.
    """
    match = _QUANTITY.fullmatch(text.strip())
    if not match:
        raise BadInput(f"{text[:40]!r} is no quantity: write it like 250m, 0.5, 128Mi or 1Gi")
    number, exponent, unit = Decimal(match[1]), match[2], match[3]
    if exponent:
        return number * Decimal(10) ** int(exponent)
    return number * (_BINARY | _DECIMAL).get(unit, Decimal(1)) if unit else number


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
