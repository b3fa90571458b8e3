"""Resource quantities (`250m`, `128Mi`, `1.5`), as `k8s.io/apimachinery/pkg/api/resource` reads them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)")
_SUFFIXES: dict[str, Decimal] = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}


def parse(text: Any) -> Decimal:
    """The number that a quantity stands for: cores, bytes or a count.

    Raises:
        ValueError: It is not a quantity.
    """
    found = _FORM.fullmatch(str(text))
    if not found or isinstance(text, bool):
        raise ValueError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
    number, exponent, suffix = found.groups()
    return Decimal(number + (exponent or "")) * _SUFFIXES[suffix or ""]


def total(amounts: list[Any]) -> Decimal:
    """The sum of quantities."""
    return sum((parse(amount) for amount in amounts), Decimal(0))


def shown(amount: Decimal, resource: str) -> str:
    """A sum in the form that status fields use: millicores, mebibytes, plain counts."""
    if resource.endswith("cpu"):
        return f"{int(amount)}" if amount == int(amount) else f"{int(amount * 1000)}m"
    if "memory" in resource or "storage" in resource:
        for suffix in ("Gi", "Mi", "Ki"):
            if amount and amount % _SUFFIXES[suffix] == 0:
                return f"{int(amount / _SUFFIXES[suffix])}{suffix}"
    return f"{int(amount)}"
